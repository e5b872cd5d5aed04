"""How the file of a disclosure reads: its timeline, what its people did, how its conditions and decisions came out."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask_babel import gettext as _

from signaltable import pictures
from signaltable.domain import day_of
from signaltable.flow.auditing import DisclosureFile
from signaltable.flow.replaying import Replayed
from signaltable.web.duty_words import kind_label as duty_label
from signaltable.web.duty_words import result_word
from signaltable.web.filters import day, moment
from signaltable.web.wording import result_label, revocation_label


@dataclass(frozen=True, slots=True)
class Happening:
    """Something on the timeline: when, what, and whether it is still to come."""

    at: datetime
    when: str
    what: str
    future: bool = False


def happenings(read: DisclosureFile) -> list[Happening]:
    """What happened to the disclosure and what is still owed, in order."""
    return sorted(_happened(read), key=lambda one: one.at)


def _happened(read: DisclosureFile) -> Iterator[Happening]:
    account = read.account
    yield _past(account.requested_at, _("Requested"))
    if account.approved_at:
        words = _("Turned down") if account.state == "rejected" else _("Approved by a second person")
        yield _past(account.approved_at, words)
    if account.disclosed_at:
        yield _past(account.disclosed_at, _("Disclosed"))
    if account.responded_at:
        words = _("Given back by the receiver") if account.state == "returned" else _("Accepted by the receiver")
        yield _past(account.responded_at, words)
    if account.feedback_at:
        yield _past(account.feedback_at, _("Feedback: %(result)s", result=result_label(account.feedback)))
    yield from (_past(deed.at, _("Consent withdrawn")) for deed in read.deeds if deed.what == "withdrawn")
    if account.revoked_at:
        yield _past(account.revoked_at, _("Taken back: %(cause)s", cause=revocation_label(account.revoked_for)))
    for duty in account.duties:
        if duty.fulfilled_at:
            yield _past(duty.fulfilled_at, f"{duty_label(duty.kind)}: {result_word(duty.result)}")
        elif duty.due_at:
            yield Happening(duty.due_at, day(duty.due_at), _("Due: %(duty)s", duty=duty_label(duty.kind)), future=True)


def _past(at: datetime, what: str) -> Happening:
    return Happening(at, moment(at), what)


def timeline(read: DisclosureFile) -> pictures.Svg:
    """The same as a picture."""
    events = [
        pictures.TimelineEvent(day_of(one.at), one.when, one.what, "future" if one.future else "done")
        for one in happenings(read)
    ]
    return pictures.timeline(events, _("What happened to disclosure %(reference)s", reference=read.account.reference))


def deed_label(what: str) -> str:
    """What somebody did about a disclosure."""
    return {
        "asked": _("Asked for it"),
        "disclosed": _("Handed it over"),
        "approved": _("Approved it as second person"),
        "rejected": _("Turned it down as second person"),
        "accepted": _("Accepted it"),
        "returned": _("Gave it back"),
        "feedback": _("Gave feedback"),
        "withdrawn": _("Recorded that consent was withdrawn"),
        "revoked": _("Took it back, or what it came from"),
    }[what]


def fit_words(fit: str) -> str:
    """Whether the hash of evidence fits what is sealed."""
    return {
        "fits": _("The sealed evidence was opened, computed again and not shown: it has this hash."),
        "differs": _("The sealed evidence has another hash than the one on record. Report this."),
        "closed": _("The sealed evidence does not open here, or was erased: the hash stays, and cannot be compared."),
        "by_second_person": _("Met by the decision of the second person; nothing else is sealed for it."),
    }[fit]


def decision_words(decided: Replayed) -> str:
    """How a recorded decision came out when it was decided again."""
    if not decided.same:
        return _("Decided again it comes out otherwise, or cannot be decided again.")
    if decided.evidence:
        return _("Decided again under the rules of that day, evidence included, it comes out the same.")
    return _(
        "Decided again under the rules of that day, with the evidence as it was judged then, it comes out the same."
    )


def rule_key(key: str) -> str:
    """What a key of a rule is called."""
    return {
        "choice": _("Choice made"),
        "conditions": _("Conditions"),
        "data": _("Data"),
        "effect": _("What it does"),
        "except_conditions": _("Except with"),
        "explanation": _("What it says"),
        "lawyer": _("A lawyer has to look"),
        "legal_basis": _("Law"),
        "names_special": _("Named specially"),
        "obligations": _("What is owed afterwards"),
        "parameters": _("Details of the conditions"),
        "person_age": _("Age"),
        "person_role": _("Part of the person"),
        "priority": _("Rank"),
        "provider": _("From"),
        "purpose": _("For what"),
        "recipient": _("To"),
        "retention": _("Kept by the receiver"),
        "reviewed_by": _("Reviewed by"),
        "reviewed_on": _("Reviewed on"),
        "source": _("Source"),
        "special_law": _("Special law"),
        "summary_en": _("In short"),
        "title": _("Title"),
        "valid_from": _("Counts from"),
        "valid_until": _("Counts until"),
    }.get(key, key)


WORDS: Mapping[str, Any] = {
    "decision_words": decision_words,
    "deed_label": deed_label,
    "fit_words": fit_words,
    "rule_key": rule_key,
}
