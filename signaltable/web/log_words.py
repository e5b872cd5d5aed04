"""How the log reads: keys, codes and outcomes in words that a jurist understands.

A code without words here is shown as it is: the log may outlive a change of words, and hiding a code would be worse.
"""

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from audit.vocabulary import ACTIONS
from signaltable.flow.agencies import agency_title
from signaltable.flow.auditing import CheckLine, EntryLine
from signaltable.texts import Text
from signaltable.web.duty_words import kind_label as duty_label
from signaltable.web.duty_words import result_word
from signaltable.web.errors import reason_text
from signaltable.web.filters import in_words, lang
from signaltable.web.guards import program
from signaltable.web.incident_words import place_entry
from signaltable.web.log_codes import (
    AGENCIES,
    cause_words,
    field_words,
    filter_name,
    in_plain_words,
    moment_words,
    strength_label,
)
from signaltable.web.log_views import view_title
from signaltable.web.wording import article, category_label, obligation_text, result_label

ROLES = frozenset({"role", "roles", "roles_added", "roles_removed"})


# The names of details in words.
DETAILS: Mapping[str, Any] = {
    "break_glass": _l("Emergency account"),
    "identity_provider": _l("Sign-in service"),
    "urgent": _l("Urgent"),
    "month": _l("Month"),
    "to_table": _l("To the table"),
    "previous_starts_at": _l("Began before"),
    "place_hash": _l("Digest of the place"),
    "parent_told": _l("The first provider may know"),
    "parent": _l("Passed on from the disclosure"),
    "from_database": _l("From a database of kind"),
    "to_database": _l("To a database of kind"),
    "move": _l("Number of the move"),
    "tables": _l("Number of tables"),
    "previous_version": _l("Version before"),
    "from_slot": _l("Makes up for turns from"),
    "from_table": _l("From the table"),
    "fact": _l("Fact"),
    "escalation": _l("Stuck case"),
    "ended_at": _l("Ended on"),
    "approved_in": _l("Approved at the meeting"),
    "agenda": _l("Agenda"),
    "accounts": _l("Accounts"),
    "account": _l("Account"),
    "account_hash": _l("Account (digest)"),
    "active": _l("Access is open"),
    "activity": _l("Processing activity"),
    "added": _l("Words added by the submitter"),
    "agencies": _l("Organisations"),
    "agency": _l("Organisation"),
    "anonymous": _l("Anonymous to the others"),
    "answer": _l("Answer"),
    "approver": _l("Second person"),
    "ask": _l("Question"),
    "asked": _l("Asked organisation"),
    "asks": _l("Questions asked"),
    "at": _l("Place"),
    "attachment": _l("Attachment"),
    "attachments": _l("Attachments"),
    "attempts": _l("Attempts"),
    "bytes": _l("Size in bytes"),
    "categories": _l("Data categories"),
    "cause": _l("Cause"),
    "caused_by": _l("Part of the work with the trace"),
    "changed": _l("What changed"),
    "checkpoints": _l("Signed states"),
    "chosen": _l("Chosen"),
    "classes": _l("Data classes"),
    "conclusion_hash": _l("Digest of the conclusion"),
    "conditions": _l("Conditions with the digest of the evidence"),
    "consent": _l("Consent"),
    "correction": _l("Correction"),
    "correction_of": _l("Correction of"),
    "count": _l("How many"),
    "decision": _l("Decision"),
    "decisions": _l("Decisions that can be replayed"),
    "demo": _l("Demonstration"),
    "destinations": _l("Destinations"),
    "device": _l("Device"),
    "digest": _l("Digest"),
    "different": _l("With another outcome"),
    "disclosure": _l("Disclosure"),
    "draft": _l("Draft"),
    "due_at": _l("Due"),
    "duration_ms": _l("Duration in milliseconds"),
    "duty": _l("Duty"),
    "emergency": _l("Emergency"),
    "endpoint": _l("Page"),
    "entries": _l("Entries"),
    "entry": _l("Entry"),
    "erased": _l("Erasures done again"),
    "evidence_kinds": _l("What was compared"),
    "exception": _l("On what the refusal rests"),
    "excluded": _l("Left out because many people share it"),
    "exclusion": _l("Value of the exclusion list"),
    "expired": _l("Ended with the signal"),
    "expires_at": _l("Ends"),
    "facts_hash": _l("Digest of the facts"),
    "failed": _l("Failed"),
    "fields": _l("Fields"),
    "file_hash": _l("Digest of the file"),
    "files": _l("Files"),
    "filters": _l("Filters used"),
    "finding_hash": _l("Digest of the finding"),
    "findings": _l("Findings"),
    "form_version": _l("Version of the form"),
    "freed": _l("Words left readable"),
    "freed_kinds": _l("Kinds left readable"),
    "grant": _l("Role for some time"),
    "ground": _l("Legal ground"),
    "ground_digest": _l("Digest of the ground"),
    "grounds": _l("Legal grounds"),
    "hits": _l("Hits"),
    "identifier_kinds": _l("Kinds of identifying data"),
    "idle": _l("Nothing to do"),
    "incident": _l("Incident"),
    "indicators": _l("Indicators"),
    "inform_due_at": _l("Tell the person before"),
    "job": _l("Job"),
    "key": _l("Key"),
    "key_fingerprint": _l("Fingerprint of the key"),
    "key_version": _l("Version of the key"),
    "keys": _l("Keys that were used"),
    "kind": _l("Kind"),
    "kinds": _l("Kinds"),
    "late": _l("Too late"),
    "legal_basis": _l("Articles of law"),
    "link": _l("Link"),
    "links": _l("Links"),
    "locked_until": _l("Closed until"),
    "lost_root": _l("Root of what was lost"),
    "lost_size": _l("Size of the log that was lost"),
    "machine": _l("System of a partner"),
    "mails": _l("Reminders"),
    "manifest_hash": _l("Digest of the contents list"),
    "masked": _l("Masked words"),
    "media_type": _l("Kind of file"),
    "meeting": _l("Meeting"),
    "method": _l("Method"),
    "minor": _l("Minor"),
    "missing": _l("What was missing"),
    "mode": _l("Mode"),
    "motivation_hash": _l("Digest of the reasons given"),
    "near": _l("Grounds that came near"),
    "network_hash": _l("Digest of the network address"),
    "note": _l("Note"),
    "note_hash": _l("Digest of the note"),
    "object_type": _l("Kind of object"),
    "objects": _l("Objects"),
    "obligations": _l("Obligations"),
    "oldest_at": _l("Oldest"),
    "origin": _l("Name of the log"),
    "page": _l("Page of the list"),
    "payload_hash": _l("Digest of what was sent"),
    "period_from": _l("From"),
    "period_to": _l("Until"),
    "permission": _l("Permission asked for"),
    "permissions": _l("What a system may do"),
    "permitted": _l("Allowed"),
    "place": _l("Place in the form"),
    "policy_digest": _l("Version of the rules (digest)"),
    "population": _l("Out of how many"),
    "population_hash": _l("Digest of what was drawn from"),
    "present": _l("Present"),
    "previous_digest": _l("Rules before (digest)"),
    "previous_due_at": _l("Was due"),
    "previous_fingerprint": _l("Fingerprint of the earlier key"),
    "previous_origin": _l("Earlier log"),
    "previous_root": _l("Earlier root"),
    "previous_size": _l("Earlier size"),
    "provider": _l("Provider"),
    "purpose": _l("Purpose"),
    "purposes": _l("For what a system may do that"),
    "question": _l("Question"),
    "questions": _l("Questions"),
    "reasons": _l("Reasons"),
    "recipient": _l("Receiver"),
    "recipients_told": _l("Receivers told"),
    "report": _l("Report"),
    "report_hash": _l("Digest of the report"),
    "request": _l("Request"),
    "requester": _l("Requested by"),
    "resource": _l("Asked for"),
    "resource_type": _l("Kind of thing asked for"),
    "result": _l("Result"),
    "retention_class": _l("Retention class"),
    "review": _l("Review of rights"),
    "review_due_at": _l("Look back before"),
    "role": _l("Role"),
    "roles": _l("Roles"),
    "roles_added": _l("Roles added"),
    "roles_removed": _l("Roles taken away"),
    "root": _l("Root of the log"),
    "routes": _l("Routes"),
    "rows": _l("Rows of the database that were written"),
    "rule": _l("Rule"),
    "same": _l("With the same outcome"),
    "sample": _l("Sample"),
    "score_permille": _l("Score in thousandths"),
    "sealed_for": _l("Sealed for"),
    "search_kinds": _l("Kinds of search"),
    "seed": _l("Seed"),
    "sent_to": _l("Sent to"),
    "session_hash": _l("Session (digest)"),
    "shelter": _l("Reminder of a place of shelter"),
    "signal": _l("Signal"),
    "signals": _l("Signals"),
    "size": _l("Size of the log"),
    "slots": _l("Number of turns"),
    "slot": _l("Turn"),
    "source": _l("Source"),
    "source_hash": _l("Digest of the copy"),
    "sources": _l("Sources"),
    "stage": _l("Stage"),
    "starts_at": _l("Starts"),
    "status": _l("Status"),
    "step": _l("Step"),
    "step_up": _l("Proved again within a session"),
    "stratified": _l("Drawn from every part"),
    "strength": _l("Strength"),
    "subject": _l("Subject"),
    "subject_classes": _l("Part and age of the subjects"),
    "subject_refs": _l("Subjects (pseudonyms)"),
    "subjects": _l("Subjects"),
    "table": _l("Table"),
    "taken_away": _l("Taken away"),
    "task": _l("Task"),
    "tasks": _l("Tasks"),
    "text_state": _l("How its text was read"),
    "text_hash": _l("Digest of the text"),
    "undone": _l("Undone"),
    "unreviewed": _l("Not reviewed"),
    "urgency": _l("Urgency"),
    "valid_from": _l("Counts from"),
    "version": _l("Version"),
    "view": _l("View"),
    "words": _l("Words"),
    "virus_check": _l("Check for viruses"),
    "watermark": _l("Watermark"),
    "withdrawn_at": _l("Withdrawn"),
}


# Rules of the program itself, which no file of policies/ names.
RULES: Mapping[str, Any] = {
    "duty": _l("Duties after a disclosure"),
    "receiver": _l("The receiver erased what it got"),
}


def detail_label(key: str) -> str:
    """The name of a detail in words."""
    return str(DETAILS.get(key, key))


def detail_rows(details: Mapping[str, Any], titles: Mapping[str, str], *, action: str = "") -> list[tuple[str, str]]:
    """The details of an entry as pairs of name and value in words. `titles`: agency id -> how people call it.

    What a code means may depend on the action.
    """
    told = [
        (_is_digest(key), _label(key, action), _value(key, value, titles, action)) for key, value in details.items()
    ]
    return [(label, value) for _digest, label, value in sorted(told)]


def _label(key: str, action: str) -> str:
    """The purpose of a key is not a purpose of processing."""
    return _("What the key is for") if key == "purpose" and action.startswith("key:") else detail_label(key)


def _is_digest(key: str) -> bool:
    """Fingerprints come last: they are for comparing, not for reading."""
    return key.endswith(("_hash", "_digest"))


def _value(key: str, value: Any, titles: Mapping[str, str], action: str) -> str:
    if value is None or value in ("", [], {}):
        return _("none")
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, list):
        told = [_value(key, one, titles, action) for one in value]
        return ("; " if any("," in one for one in told) else ", ").join(told)  # Some names have commas themselves.
    if key == "rows" and isinstance(value, dict):  # Table -> row -> digest: for the check, not for reading.
        return ", ".join(f"{table} {len(rows)}" for table, rows in sorted(value.items()))
    if isinstance(value, dict):
        return ": ".join(_value(name, one, titles, action) for name, one in sorted(value.items()))
    if isinstance(value, int) and key.endswith("_at"):
        return moment_words(value)
    return _code(key, str(value), titles, action)


def _code(key: str, code: str, titles: Mapping[str, str], action: str) -> str:
    if key in AGENCIES:
        return titles.get(code, code)
    if key == "keys":
        return _key_name(code, titles)
    if key == "categories":
        return category_label(code)
    if key == "fields":
        return field_words(code)
    if key == "filters":
        return filter_name(code) or code
    if key == "obligations":
        return obligation_text({"kind": code})
    if key == "legal_basis":
        return _articles().get(code, code)
    if key == "urgency":
        return _titled(program().policy.urgencies, code.replace("_", "-"), code)
    if key == "cause":
        return cause_words(code, action) or code
    plain = PLAIN[key](code) if key in PLAIN else ""
    if plain not in ("", code):
        return plain
    words = _policy_words(key, code, action) or in_plain_words(key, code, titles, action=action)
    return f"{words} ({code})" if words else code


def _key_name(code: str, titles: Mapping[str, str]) -> str:
    """A key that was used: `agency:<id>:<version>`, or what it is for and its version."""
    purpose, _colon, rest = code.partition(":")
    name, _colon, version = rest.rpartition(":")
    whose = (
        titles.get(name, "") if purpose == "agency" else in_plain_words("purpose", purpose, titles, action="key:use")
    )
    return _("%(whose)s, version %(version)s (%(code)s)", whose=whose, version=version, code=code) if whose else code


def object_text(line: EntryLine) -> str:
    """What an entry is about: an agency by how people call it, a job by what it does, all else by its reference or id."""
    if line.object_type == "job":
        return in_plain_words("job", line.object, {}) or line.object
    if line.object_type != "agency":
        return line.object
    own = line.agency if line.object == line.agency_id else agency_title(program(), line.object)
    return own or line.object


def _policy_words(key: str, code: str, action: str) -> str:
    policy = program().policy
    if key == "kind" and action == "agency:record":
        return _titled(policy.agency_kinds, code, "")
    if key in ROLES:
        return _titled(policy.roles, code, "")
    if key == "purpose":
        return _titled(policy.purposes, code, "")
    if key in {"code", "consent", "missing"}:
        return _titled(policy.conditions, code, "")
    if key == "destinations":
        return _titled(policy.destinations, code, "")
    if key == "rule":
        if code in RULES:
            return str(RULES[code])
        return _titled(policy.retention, code, "") or _titled(policy.deadlines, code, "")
    if key in {"ground", "grounds", "near"}:
        return next((in_words(row.title) for row in policy.grounds.rows if row.id == code), "")
    return ""


def _result(code: str) -> str:
    """What came of a case, or how a duty was fulfilled."""
    words = result_label(code)
    return result_word(code) if words == code else words


def _articles() -> dict[str, str]:
    """Code of an article -> how people write it, for all articles that the rules name."""
    return {one.code: article(one) for row in program().policy.grounds.rows for one in row.legal_basis}


def _titled(part: Mapping[str, Any], code: str, otherwise: str) -> str:
    found = part.get(code)
    return in_words(found.title) if found else otherwise


def kind_title(kind: str) -> str:
    """A kind of act, as a jurist groups them."""
    return {
        "signals": _("Signals and drafts"),
        "links": _("Links between signals"),
        "enriching": _("Questions to organisations"),
        "table": _("The regional table"),
        "disclosing": _("Disclosing data"),
        "duties": _("What is owed afterwards, and consent"),
        "refusals": _("Refused access and requests"),
        "emergencies": _("Access in acute danger"),
        "logins": _("Signing in"),
        "accounts": _("Accounts and organisations"),
        "rules": _("The rules and decisions"),
        "erasing": _("Keeping and erasing"),
        "reports": _("Who saw the data of a person"),
        "audit": _("The auditor at work"),
        "log": _("The log and its proofs"),
        "incidents": _("Incidents about the log"),
        "keys": _("Keys"),
        "program": _("The program itself"),
    }[kind]


def retention_label(retention_class: str) -> str:
    """How long the details of an entry are kept: the class in words."""
    return {
        "login": _("signing in"),
        "access": _("who looked at what"),
        "case": _("what was done in a case"),
        "disclosure": _("what left an organisation"),
        "program": _("the program and its rules"),
    }.get(retention_class, retention_class)


def outcome_label(outcome: str) -> str:
    """How an action ended."""
    return {"ok": _("Done"), "refused": _("Denied"), "error": _("Failed")}.get(outcome, outcome)


def outcome_tone(outcome: str) -> str:
    """The colour that goes with an outcome."""
    return {"ok": "neutral", "refused": "warning", "error": "danger"}.get(outcome, "neutral")


def channel_label(channel: str) -> str:
    """The way in."""
    return {
        "web": _("in the browser"),
        "cli": _("at the command line of the server"),
        "job": _("the program by itself"),
        "api": _("a connected program"),
        "system": _("the program by itself"),
    }.get(channel, channel)


def object_label(object_type: str) -> str:
    """A kind of object."""
    return {
        "account": _("Account"),
        "agency": _("Organisation"),
        "attachment": _("Attachment"),
        "check": _("A check of the log"),
        "disclosure": _("Disclosure"),
        "draft": _("Draft"),
        "emergency": _("Access in acute danger"),
        "erasure": _("Request to erase a person"),
        "exclusion": _("Value on the exclusion list"),
        "export": _("Export"),
        "grant": _("Role for some time"),
        "identity": _("Request for an identity"),
        "incident": _("Incident"),
        "job": _("Job"),
        "key": _("Key"),
        "link": _("Link"),
        "log": _("Log"),
        "machine": _("System of a partner"),
        "meeting": _("Meeting"),
        "misuse": _("Question about use"),
        "policy": _("Rules"),
        "question": _("Question"),
        "rate": _("Who asked"),
        "report": _("Report"),
        "review": _("Review of rights"),
        "sample": _("Sample"),
        "signal": _("Signal"),
        "subject": _("Subject"),
        "system": _("Program"),
        "view": _("Page"),
    }.get(object_type, object_type)


def role_titles(roles: tuple[str, ...]) -> str:
    """The roles in which somebody acted."""
    known = program().policy.roles
    program_itself = {"system": _("the program"), "machine": _("system of a partner")}
    return ", ".join(
        in_words(known[role].title) if role in known else program_itself.get(role, role) for role in roles
    ) or _("no role")


def why(line: EntryLine) -> str:
    """The reason of a refusal or a failure, in words where there are any; nothing for what went well."""
    if not line.reason:
        return ""
    words = reason_text(line.reason)
    return line.reason if words == reason_text("") else words


def agency_of(line: EntryLine) -> str:
    """The agency for which somebody acted."""
    return line.agency or {"system": _("the program"), "": _("not signed in")}.get(line.agency_id, line.agency_id)


@cache
def _sorted_actions(language: str) -> tuple[tuple[str, str], ...]:
    texts = [(name, Text(one.summary_nl, one.summary_en).in_language(language)) for name, one in ACTIONS.items()]
    return tuple(sorted(texts, key=lambda pair: pair[1]))


def actions() -> tuple[tuple[str, str], ...]:
    """All actions with their sentence, by sentence."""
    return _sorted_actions(lang())


def check_title(code: str) -> str:
    """What one line of the check looked at."""
    return {
        "numbers": _("Every entry has its number, and none is missing"),
        "leaves": _("Every entry still has the bytes that were hashed"),
        "columns": _("What you can filter by is what the entry says"),
        "times": _("The log never runs back in time"),
        "tree": _("All entries together give the head of the log"),
        "checkpoints": _("Every signed checkpoint fits these entries"),
        "details": _("The details are those that the entry was bound to"),
        "kept": _("No details are gone, except those that the log says were erased"),
        "rows": _("Every record is what the log says of it, and none is there or gone without an entry"),
        "fence": _("The database itself refuses changes of the log"),
        "signing": _("The log is signed at the agreed times"),
    }[code]


def check_words(line: CheckLine) -> str:
    """What a line of the check found."""
    if line.checked == 1:
        return _("In order") if line.ok else _("Not in order")
    if line.ok:
        return _("%(count)s checked, all in order", count=line.checked)
    return _("%(wrong)s of %(count)s not in order", wrong=line.wrong, count=line.checked)


# Details of which the words say all that the code says.
PLAIN: Mapping[str, Callable[[str], str]] = {
    "kind": duty_label,
    "method": strength_label,
    "object_type": object_label,
    "result": _result,
    "retention_class": retention_label,
    "view": view_title,
}

WORDS: Mapping[str, Any] = {
    "actions": actions,
    "agency_of": agency_of,
    "channel_label": channel_label,
    "check_title": check_title,
    "check_words": check_words,
    "object_label": object_label,
    "object_text": object_text,
    "outcome_label": outcome_label,
    "outcome_tone": outcome_tone,
    "place_entry": place_entry,
    "retention_label": retention_label,
    "role_titles": role_titles,
    "strength_label": strength_label,
    "why": why,
}
