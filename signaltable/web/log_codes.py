"""The codes of the log in words and nothing but words: for sentences, where a code that has none is left out."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from flask_babel import format_decimal
from flask_babel import gettext as _

from audit.vocabulary import ACTIONS
from signaltable.flow.dossier import DECISIONS
from signaltable.grounds import Ground
from signaltable.texts import Text
from signaltable.web.clock_words import cause_label as stuck_cause
from signaltable.web.clock_words import missed_label
from signaltable.web.dossier_words import decision_label, destination_label
from signaltable.web.duty_words import kind_label as duty_label
from signaltable.web.errors import reason_text
from signaltable.web.filters import answer_label, day, in_words, moment
from signaltable.web.guards import program
from signaltable.web.log_results import result_words
from signaltable.web.log_views import view_title
from signaltable.web.provider_words import cause_in_words
from signaltable.web.wording import (
    article,
    articles,
    category_label,
    cause_label,
    field_label,
    lower_first,
    obligation_text,
    role_label,
)

Titles = Mapping[str, str]
# What stands for a ground where an organisation looks at what it recorded itself.
OWN_DATA = "own_data"
_DAY_MS = 86_400_000
# Details that name an agency by its id.
AGENCIES = frozenset(
    {"agency", "agencies", "asked", "provider", "recipient", "recipients_told", "sealed_for", "sent_to", "present"}
)


def in_plain_words(key: str, value: Any, titles: Titles, *, action: str = "") -> str:
    """A detail in words, without codes; "" for what has no words. `titles`: agency id -> how people call it."""
    if value is None or isinstance(value, bool):
        return ""
    if isinstance(value, list | tuple):
        found = [one for one in dict.fromkeys(in_plain_words(key, one, titles, action=action) for one in value) if one]
        return (" + " if any("," in one for one in found) else ", ").join(found)  # Some names have commas themselves.
    if isinstance(value, Mapping):
        return in_plain_words("code", value.get("code"), titles, action=action)
    if isinstance(value, int):
        return moment_words(value) if _is_moment(key) else format_decimal(value)
    return _word(key, str(value), titles, action)


def moment_words(value: int) -> str:
    """A moment in ms UTC. Where only a day was meant, the log holds its midnight in UTC: then the day alone."""
    at = datetime.fromtimestamp(value / 1000, UTC)
    return day(at.date()) if value % _DAY_MS == 0 else moment(at)


def _is_moment(key: str) -> bool:
    return key.endswith("_at") or key == "locked_until"


def _word(key: str, code: str, titles: Titles, action: str) -> str:
    if key in AGENCIES:
        return titles.get(code, "")
    if key == "result":
        return result_words(code, action)
    if key == "purpose" and action.startswith("key:"):
        return _of_key(code)
    reader = _READERS.get(key)
    words = cause_words(code, action) if key == "cause" else reader(code) if reader else ""
    return "" if words == code else words if key in _AS_IT_IS else lower_first(words)


def _titled(part: str) -> Callable[[str], str]:
    def read(code: str) -> str:
        found = getattr(program().policy, part).get(code)
        return in_words(found.title) if found else ""

    return read


def ground_words(code: str) -> str:
    """A legal ground by its title with its articles; of one that is no longer in the rules only that.

    A request to erase has grounds of its own (policies/safety_check.toml), which hold their article in their title.
    """
    if code == OWN_DATA:
        return _("none is needed: these are data that the organisation recorded itself")
    rows: list[Ground] = [row for row in program().policy.grounds.rows if row.id == code]
    check = program().policy.safety_check
    if not rows and check and (to_erase := [one for one in check.erasure_ground if one.id == code]):
        return lower_first(in_words(to_erase[0].title))
    if not rows:
        return _("a ground that is no longer in the rules")
    cited = articles(rows[-1].legal_basis)
    title = in_words(rows[-1].title)
    return f"{title} ({cited})" if cited else title


def _of_key(code: str) -> str:
    """What a key is for."""
    return {
        "agency": _("to seal the data of an organisation"),
        "data": _("to seal what is kept of one person"),
        "draft": _("to seal drafts"),
        "log": _("to sign the log"),
        "match": _("to recognise the same person or thing in two signals"),
        "recipient": _("to give each receiver a pseudonym of its own"),
        "rows": _("to check rows against the log"),
        "session": _("to recognise sessions"),
    }.get(code, "")


def _purpose(code: str) -> str:
    return _("the own case") if code == "own_case" else _titled("purposes")(code)


def field_words(code: str) -> str:
    """A field by its label; a field of an identity may stand without the part in front."""
    words = field_label(code)
    return words if words != code else field_label(f"subject.{code}").removeprefix("subject.")


def _source(code: str) -> str:
    return _("own records") if code == "own_records" else ""


def _indicator(code: str) -> str:
    found = program().policy.indicators.get(code)
    return in_words(found.text) if found else ""


def _fact(code: str) -> str:
    found = program().policy.facts.get(code)
    return in_words(found.title) if found else ""


def _subject_class(code: str) -> str:
    """The part and the age of a subject, `role:age_band`; a thing has no age."""
    role, _colon, age = code.partition(":")
    part = role_label(role)
    years = {"adult": _("adult"), "doubt": _("perhaps under 18"), "minor": _("under 18")}.get(age, "")
    return ", ".join(one for one in (part, years) if one) if part != role else ""


def _summary(code: str) -> str:
    found = ACTIONS.get(code)
    return in_words(Text(found.summary_nl, found.summary_en)) if found else ""


def _article(code: str) -> str:
    known = {one.code: one for row in program().policy.grounds.rows for one in row.legal_basis}
    return article(known[code]) if code in known else ""


def _urgency(code: str) -> str:
    return _titled("urgencies")(code.replace("_", "-"))


def _route(code: str) -> str:
    """A route as M9:destination, or the destination alone, by the title of the destination."""
    return _titled("destinations")(code.rpartition(":")[2])


def cause_words(code: str, action: str) -> str:
    """Why something happened, or came to nothing. Of a login that failed it is what an identity provider did."""
    if action == "login:fail" and (at_provider := cause_in_words(code)) != code:
        return at_provider
    refused = reason_text(code)
    if refused != reason_text(""):
        return refused.rstrip(".")
    own = {
        "account_changed": _("the account was changed"),
        "account_closed": _("the account was closed"),
        "activation": _("a code that counts once was used for it"),
        "adopted": _("the log spoke of no rows before"),
        "by_author": _("by the author"),
        "by_owner": _("by the owner"),
        "case_erased": _("the case was erased"),
        "broken": _("something went wrong in the program"),
        "conflict": _("somebody else was first"),
        "consent_gone": _("the consent does not count any more"),
        "continued": _("more of the entry before it"),
        "csrf": _("the form was not one of this session"),
        "done": _("the person had seen enough"),
        "ended_by_administrator": _("an administrator ended it"),
        "ended_by_owner": _("its owner ended it"),
        "ended_there": _("the organisation signed the person out"),
        "expired": _("it ended by itself"),
        "explained": _("somebody explained the difference"),
        "factor_removed": _("a second factor was taken away"),
        "idle": _("nothing was done for too long"),
        "log_out": _("the person logged out"),
        "lost": _("there were no keys any more"),
        "migrated": _("the program was renewed"),
        "newer": _("the export was newer than the keys that were there"),
        "not_found": _("there is no such thing, or it is of somebody else"),
        "own_context": _("the organisation took its own context back"),
        "not_needed": _("the question is not needed any more"),
        "older": _("the export was older than the keys that were there"),
        "not_opened": _("it was not opened in time"),
        "password_changed": _("the password was changed"),
        "reviewed": _("somebody looked back and found it not right"),
        "renewed": _("the person proved once more who it is, and went on under a new token"),
        "restore": _("the database was put back from a copy"),
        "restored": _("the database was put back from a copy"),
        "strength": _("it went on in a stronger session"),
        "submitted": _("it was submitted"),
        "time_over": _("its time was over"),
        "taken_away": _("it was taken away"),
        "taken_back": _("the organisation took its approval back"),
        "conflict_of_interest": _("the person who asked turned out to have an interest in the case"),
        "unanswered": _("nobody decided in time"),
        "unfinished": _("it was not finished in time"),
        "unusable_input": _("what was sent cannot be used"),
        "used": _("it was used"),
        "withdrawn": _("the person who asked took it back"),
    }
    stuck = stuck_cause(code)
    return own.get(code) or (stuck if stuck != code else cause_label(code))


def _rule(code: str) -> str:
    own = {
        "duty": _("Duties after a disclosure"),
        "reflection": _("Reflection period"),
        "receiver": _("The receiver erased what it got"),
        "subject": _("One person was erased before the time of the signal was over"),
    }
    if code.startswith(MISSED):
        return _("Missed: %(what)s", what=missed_label(code.removeprefix(MISSED)))
    return own.get(code) or _titled("retention")(code) or _titled("deadlines")(code)


def _decision(code: str) -> str:
    return decision_label(code) if code in DECISIONS else ""


def answer_label_or_none(code: str) -> str:
    """An answer in words; nothing for another code."""
    return answer_label(code) if code in {"hit", "no_hit", "cannot_search", "may_not_say"} else ""


def _consent(code: str) -> str:
    status = {
        "given": _("given"),
        "refused": _("refused"),
        "not_asked": _("not asked"),
        "cannot_ask": _("could not be asked"),
        "not_possible": _("could not be asked"),
        "withdrawn": _("withdrawn"),
    }
    return status.get(code) or _titled("conditions")(code)


def _changed(code: str) -> str:
    return {
        "active": _("whether access is open"),
        "ended": _("that it ended"),
        "secret": _("the secret"),
        "certificate": _("the certificate"),
        "permissions": _("what it may do"),
        "purposes": _("for what"),
        "expires_at": _("the last day"),
        "agenda": _("the agenda"),
        "begins": _("the beginning"),
        "cancelled": _("the meeting was called off"),
        "chair": _("the chair"),
        "closed": _("it was closed"),
        "coming": _("comes"),
        "ends": _("the end"),
        "held_on": _("the day"),
        "language": _("the language"),
        "made": _("it was made"),
        "mail_address": _("the mail address"),
        "mail_bounced": _("that mails came back"),
        "members": _("who sits there"),
        "not_coming": _("does not come"),
        "order": _("the order"),
        "place": _("the place"),
        "presence": _("who was there"),
        "region": _("the region"),
        "reopened": _("it was opened again"),
        "replacement": _("a colleague comes instead"),
        "theme": _("the theme"),
        "title": _("the name"),
        "destinations": _("the destinations"),
        "kind": _("the kind"),
        "name": _("the name"),
        "password": _("the password"),
        "planned": _("the meeting was planned"),
        "removed": _("a signal was taken off"),
        "roles": _("the roles"),
    }.get(code, "")


def _permission(code: str) -> str:
    return {
        "account": _("accounts"),
        "agency": _("organisations"),
        "checkpoint": _("signed states of the log"),
        "disclosure": _("disclosures"),
        "dossier": _("the dossier of a signal"),
        "duty": _("duties after a disclosure"),
        "emergency": _("access in acute danger"),
        "enrich": _("questions to organisations"),
        "grant": _("roles for some time"),
        "identity": _("the identity of a person"),
        "incident": _("incidents about the log"),
        "link": _("links between signals"),
        "log": _("the log"),
        "machine": _("systems of partners"),
        "policy": _("the rules"),
        "referral": _("received disclosures"),
        "report": _("who saw the data of a person"),
        "rights": _("who can do what"),
        "sample": _("samples"),
        "signal": _("signals"),
        "table": _("the regional table"),
        "task": _("tasks of the table"),
    }.get(code.partition(":")[0], "")


def _strength(code: str) -> str:
    return {"match": _("the same person or thing"), "possible": _("possibly the same")}.get(code, "")


def _job(code: str) -> str:
    return {
        "checkpoint": _("sign the state of the log"),
        "export": _("make an export of the log"),
        "fsck": _("check the log"),
        "log-check": _("check the log"),
        "outbox": _("send the mails"),
        "bounces": _("read which mails did not arrive"),
        "mail-test": _("send a test mail"),
        "overdue": _("remind who is late"),
        "retention": _("erase what is kept long enough"),
        "witnesses": _("send the state of the log to organisations"),
    }.get(code, "")


def strength_label(strength: str) -> str:
    """How somebody proved who they are, or tried to."""
    return {
        "password": _("with a password"),
        "two_factors": _("with a password and a second factor"),
        "passkey": _("with a passkey"),
        "provider": _("at the own organisation"),
        "code": _("with a code of an app"),
        "recovery": _("with a recovery code"),
        "activation": _("with a code that counts once"),
        "step": _("in a step that was over"),
        "enrol": _("with the first code of a new app"),
        "system": _("as a system of a partner"),
        "secret": _("with the secret of a system"),
        "certificate": _("with the certificate of a system"),
        "machine": _("as owner of the machine"),
        "none": _("not signed in"),
    }.get(strength, strength)


def _kind(code: str) -> str:
    own = {
        "whole": _("the whole log"),
        "agency": _("the part of one organisation"),
        # For what a code counts once, and what a second factor is.
        "first": _("a first password"),
        "password": _("another password"),
        "factors": _("all second factors"),
        "totp": _("an app with codes"),
        "passkey": _("a passkey"),
        "recovery": _("recovery codes"),
        "minute": _("requests in one minute"),
    }
    return (
        own.get(code) or _budget(code) or _evidence_kind(code) or _interest(code) or _danger(code) or duty_label(code)
    )


def _budget(code: str) -> str:
    """What a limit of a day counts, `day-<id>` of policies/rates.toml."""
    rules = program().policy.rates
    found = [one for one in (rules.day if rules else ()) if code == f"day-{one.id}"]
    return in_words(found[0].title) if found else ""


def _danger(code: str) -> str:
    rules = program().policy.rights_file
    found = rules.danger_title(code) if rules else None
    return in_words(found) if found else ""


def _interest(code: str) -> str:
    """What kind of interest somebody has in a case."""
    rules = program().policy.recusals
    title = rules.title(code) if rules else None
    return in_words(title) if title else ""


def _evidence_kind(code: str) -> str:
    found = next((one for one in program().policy.linking.compared if one.id == code), None)
    return in_words(found.label) if found else ""


# How the rule of a date that was missed is written: this and the kind of date.
MISSED = "missed-"


def filter_name(code: str) -> str:
    """A filter of the log in words; of one with a value behind a colon its name."""
    return {
        "since": _("from a day"),
        "until": _("until a day"),
        "agency": _("organisation"),
        "kind": _("kind of act"),
        "action": _("action"),
        "outcome": _("outcome"),
        "ground": _("legal ground"),
        "purpose": _("purpose"),
        "category": _("data category"),
        "receiver": _("receiver"),
        "provider": _("provider"),
        "case": _("signal or disclosure"),
        "subject": _("pseudonym of a person"),
        "object": _("reference"),
        "version": _("version of the rules"),
        "person": _("person (account)"),
        "channel": _("way in"),
        "state": _("state"),
        "table": _("table"),
        "urgency": _("urgency"),
        "mark": _("what stands out"),
    }.get(code.partition(":")[0], "")


# Which words belong to which detail.
_READERS: Mapping[str, Callable[[str], str]] = {
    "action": _summary,
    "answer": answer_label_or_none,
    "categories": category_label,
    "changed": _changed,
    "code": _titled("conditions"),
    "consent": _consent,
    "decision": _decision,
    "destinations": destination_label,
    "evidence_kinds": _evidence_kind,
    "fields": field_words,
    "filters": filter_name,
    "ground": ground_words,
    "identifier_kinds": field_words,
    "indicators": _indicator,
    "job": _job,
    "kind": _kind,
    "legal_basis": _article,
    "method": strength_label,
    "missing": _titled("conditions"),
    "near": ground_words,
    "obligations": lambda code: obligation_text({"kind": code}),
    "permission": _permission,
    "purpose": _purpose,
    "questions": _fact,
    "role": _titled("roles"),
    "roles": _titled("roles"),
    "roles_added": _titled("roles"),
    "roles_removed": _titled("roles"),
    "routes": _route,
    "rule": _rule,
    "source": _source,
    "strength": _strength,
    "subject_classes": _subject_class,
    "urgency": _urgency,
    "view": view_title,
}
# Names of laws and organisations keep their capitals.
_AS_IT_IS = frozenset({"legal_basis", "routes", "destinations"})
