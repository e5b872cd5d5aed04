"""How the log reads: keys, codes and outcomes in words that a jurist understands.

A code without words here is shown as it is: the log may outlive a change of words, and hiding a code would be worse.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any

from flask_babel import gettext as _

from audit.vocabulary import ACTIONS
from signaltable.flow.auditing import CheckLine, EntryLine
from signaltable.texts import Text
from signaltable.web.errors import reason_text
from signaltable.web.filters import in_words, lang, moment
from signaltable.web.guards import program
from signaltable.web.wording import article, category_label, field_label, obligation_text

# Details that name an agency by its id, and those that hold a digest or an id that nobody reads aloud.
AGENCIES = frozenset(
    {"agency", "agencies", "asked", "recipient", "recipients_told", "sealed_for", "sent_to", "present"}
)
ROLES = frozenset({"roles", "roles_added", "roles_removed"})


def detail_label(key: str) -> str:
    """The name of a detail in words."""
    return {
        "account": _("Account"),
        "account_hash": _("Account (digest)"),
        "active": _("Access is open"),
        "agencies": _("Organisations"),
        "agency": _("Organisation"),
        "anonymous": _("Anonymous to the others"),
        "answer": _("Answer"),
        "approver": _("Second person"),
        "ask": _("Question"),
        "asked": _("Asked organisation"),
        "attachments": _("Attachments"),
        "attempts": _("Attempts"),
        "categories": _("Data categories"),
        "cause": _("Cause"),
        "changed": _("What changed"),
        "chosen": _("Chosen"),
        "classes": _("Data classes"),
        "conditions": _("Conditions with the digest of the evidence"),
        "consent": _("Consent"),
        "correction": _("Correction"),
        "correction_of": _("Correction of"),
        "count": _("How many"),
        "decision": _("Decision"),
        "demo": _("Demonstration"),
        "destinations": _("Destinations"),
        "device": _("Device"),
        "disclosure": _("Disclosure"),
        "draft": _("Draft"),
        "due_at": _("Due"),
        "duration_ms": _("Duration in milliseconds"),
        "emergency": _("Emergency"),
        "endpoint": _("Page"),
        "entries": _("Entries"),
        "evidence_kinds": _("What was compared"),
        "excluded": _("Left out because many people share it"),
        "expired": _("Ended with the signal"),
        "expires_at": _("Ends"),
        "facts_hash": _("Digest of the facts"),
        "fields": _("Fields"),
        "file_hash": _("Digest of the file"),
        "files": _("Files"),
        "filters": _("Filters used"),
        "form_version": _("Version of the form"),
        "ground": _("Legal ground"),
        "ground_digest": _("Digest of the ground"),
        "grounds": _("Legal grounds"),
        "identifier_kinds": _("Kinds of identifying data"),
        "indicators": _("Indicators"),
        "inform_due_at": _("Tell the person before"),
        "job": _("Job"),
        "key": _("Key"),
        "key_fingerprint": _("Fingerprint of the key"),
        "key_version": _("Version of the key"),
        "kind": _("Kind"),
        "late": _("Too late"),
        "legal_basis": _("Articles of law"),
        "link": _("Link"),
        "locked_until": _("Closed until"),
        "mails": _("Reminders"),
        "manifest_hash": _("Digest of the contents list"),
        "masked": _("Masked words"),
        "meeting": _("Meeting"),
        "method": _("Method"),
        "minor": _("Minor"),
        "mode": _("Mode"),
        "motivation_hash": _("Digest of the reasons given"),
        "network_hash": _("Digest of the network address"),
        "note": _("Note"),
        "note_hash": _("Digest of the note"),
        "object_type": _("Kind of object"),
        "objects": _("Objects"),
        "obligations": _("Obligations"),
        "oldest_at": _("Oldest"),
        "origin": _("Name of the log"),
        "page": _("Page of the list"),
        "payload_hash": _("Digest of what was sent"),
        "period_from": _("From"),
        "period_to": _("Until"),
        "permission": _("Permission asked for"),
        "permitted": _("Allowed"),
        "policy_digest": _("Version of the rules (digest)"),
        "present": _("Present"),
        "previous_digest": _("Rules before (digest)"),
        "previous_origin": _("Earlier log"),
        "previous_root": _("Earlier root"),
        "previous_size": _("Earlier size"),
        "purpose": _("Purpose"),
        "questions": _("Questions"),
        "reasons": _("Reasons"),
        "recipient": _("Receiver"),
        "recipients_told": _("Receivers told"),
        "request": _("Request"),
        "requester": _("Requested by"),
        "resource": _("Asked for"),
        "resource_type": _("Kind of thing asked for"),
        "result": _("Result"),
        "retention_class": _("Retention class"),
        "review_due_at": _("Look back before"),
        "roles": _("Roles"),
        "roles_added": _("Roles added"),
        "roles_removed": _("Roles taken away"),
        "root": _("Root of the log"),
        "routes": _("Routes"),
        "rule": _("Rule"),
        "score_permille": _("Score in thousandths"),
        "sealed_for": _("Sealed for"),
        "search_kinds": _("Kinds of search"),
        "sent_to": _("Sent to"),
        "session_hash": _("Session (digest)"),
        "signal": _("Signal"),
        "signals": _("Signals"),
        "size": _("Size of the log"),
        "slot": _("Turn"),
        "source": _("Source"),
        "sources": _("Sources"),
        "starts_at": _("Starts"),
        "status": _("Status"),
        "step": _("Step"),
        "strength": _("Strength"),
        "subject": _("Subject"),
        "subjects": _("Subjects"),
        "table": _("Table"),
        "task": _("Task"),
        "tasks": _("Tasks"),
        "text_hash": _("Digest of the text"),
        "undone": _("Undone"),
        "unreviewed": _("Not reviewed"),
        "urgency": _("Urgency"),
        "valid_from": _("Counts from"),
        "version": _("Version"),
        "view": _("View"),
        "watermark": _("Watermark"),
    }.get(key, key)


def detail_rows(details: Mapping[str, Any], titles: Mapping[str, str]) -> list[tuple[str, str]]:
    """The details of an entry as pairs of name and value in words. `titles`: agency id -> how people call it."""
    told = [(_is_digest(key), detail_label(key), _value(key, value, titles)) for key, value in details.items()]
    return [(label, value) for _digest, label, value in sorted(told)]


def _is_digest(key: str) -> bool:
    """Fingerprints come last: they are for comparing, not for reading."""
    return key.endswith(("_hash", "_digest"))


def _value(key: str, value: Any, titles: Mapping[str, str]) -> str:
    if value is None or value in ("", [], {}):
        return _("none")
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, list):
        return ", ".join(_value(key, one, titles) for one in value)
    if isinstance(value, dict):
        return ": ".join(_value(name, one, titles) for name, one in sorted(value.items()))
    if isinstance(value, int) and key.endswith("_at"):
        return moment(datetime.fromtimestamp(value / 1000, UTC))
    return _code(key, str(value), titles)


def _code(key: str, code: str, titles: Mapping[str, str]) -> str:
    if key in AGENCIES:
        return titles.get(code, code)
    if key == "categories":
        return category_label(code)
    if key == "fields":
        return field_label(code)
    if key == "filters":
        return filter_label(code)
    if key == "obligations":
        return obligation_text({"kind": code})
    if key == "legal_basis":
        return _articles().get(code, code)
    if key == "urgency":
        return _titled(program().policy.urgencies, code.replace("_", "-"), code)
    words = _policy_words(key, code)
    return f"{words} ({code})" if words else code


def _policy_words(key: str, code: str) -> str:
    policy = program().policy
    if key in ROLES:
        return _titled(policy.roles, code, "")
    if key == "purpose":
        return _titled(policy.purposes, code, "")
    if key in {"code", "consent"}:
        return _titled(policy.conditions, code, "")
    if key == "destinations":
        return _titled(policy.destinations, code, "")
    if key == "rule":
        return _titled(policy.retention, code, "") or _titled(policy.deadlines, code, "")
    if key in {"ground", "grounds"}:
        return next((in_words(row.title) for row in policy.grounds.rows if row.id == code), "")
    return ""


def _articles() -> dict[str, str]:
    """Code of an article -> how people write it, for all articles that the rules name."""
    return {one.code: article(one) for row in program().policy.grounds.rows for one in row.legal_basis}


def _titled(part: Mapping[str, Any], code: str, otherwise: str) -> str:
    found = part.get(code)
    return in_words(found.title) if found else otherwise


def filter_label(name: str) -> str:
    """A filter of the log in words."""
    return {
        "since": _("from a day"),
        "until": _("until a day"),
        "agency": _("organisation"),
        "action": _("action"),
        "outcome": _("outcome"),
        "receiver": _("receiver"),
        "object": _("reference"),
    }.get(name, name)


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


def strength_label(strength: str) -> str:
    """How somebody proved who they are."""
    return {
        "password": _("with a password"),
        "machine": _("as owner of the machine"),
        "none": _("not signed in"),
    }.get(strength, strength)


def object_label(object_type: str) -> str:
    """A kind of object."""
    return {
        "account": _("Account"),
        "agency": _("Organisation"),
        "disclosure": _("Disclosure"),
        "draft": _("Draft"),
        "export": _("Export"),
        "job": _("Job"),
        "link": _("Link"),
        "log": _("Log"),
        "meeting": _("Meeting"),
        "policy": _("Rules"),
        "question": _("Question"),
        "signal": _("Signal"),
        "subject": _("Subject"),
        "system": _("Program"),
        "view": _("Page"),
    }.get(object_type, object_type)


def role_titles(roles: tuple[str, ...]) -> str:
    """The roles in which somebody acted."""
    known = program().policy.roles
    program_itself = {"system": _("the program")}
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
        "signals": _("Every signal has its entry, and every entry its signal"),
        "disclosures": _("Every disclosure has its entry with the same ground, receiver and content"),
        "signing": _("The log is signed at the agreed times"),
    }[code]


def check_words(line: CheckLine) -> str:
    """What a line of the check found."""
    if line.checked == 1:
        return _("In order") if line.ok else _("Not in order")
    if line.ok:
        return _("%(count)s checked, all in order", count=line.checked)
    return _("%(wrong)s of %(count)s not in order", wrong=line.wrong, count=line.checked)


WORDS: Mapping[str, Any] = {
    "actions": actions,
    "agency_of": agency_of,
    "channel_label": channel_label,
    "check_title": check_title,
    "check_words": check_words,
    "object_label": object_label,
    "outcome_label": outcome_label,
    "outcome_tone": outcome_tone,
    "role_titles": role_titles,
    "strength_label": strength_label,
    "why": why,
}
