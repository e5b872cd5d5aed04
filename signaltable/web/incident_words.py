"""What was found in words: for each kind what it is called, what it means, and what to do."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flask_babel import gettext as _


@dataclass(frozen=True, slots=True)
class Meaning:
    """For people who are no programmers: what it is, what it can mean, and what to do now."""

    title: str
    means: str
    todo: tuple[str, ...]


# Kind -> the group of kinds that mean the same for who has to act.
GROUPS: Mapping[str, str] = {
    **dict.fromkeys(
        (
            "changed-entry",
            "changed-leaf",
            "changed-tree",
            "missing-entry",
            "misplaced-entry",
            "malformed-entry",
            "time-backwards",
            "changed-head",
            "fork",
            "missing-checkpoint",
            "bad-checkpoint",
            "bad-held-checkpoint",
            "retired-key",
            "replaced-key",
            "witness-disagrees",
        ),
        "history",
    ),
    **dict.fromkeys(
        (
            "changed-details",
            "malformed-details",
            "missing-details",
            "restored-details",
            "unexplained-erasure",
            "orphan-details",
            "not-in-vocabulary",
        ),
        "details",
    ),
    **dict.fromkeys(("changed-column", "changed-term", "changed-node"), "index"),
    **dict.fromkeys(("row-without-entry", "changed-row"), "row"),
    "entry-without-row": "gone",
    **dict.fromkeys(("changed-seal", "missing-key"), "seal"),
    **dict.fromkeys(("missing-trigger", "unknown-trigger"), "fence"),
    "open-fence": "row_level",
    "restored-database": "restored",
    **dict.fromkeys(("signing-stopped", "too-few-witnesses"), "signing"),
    "clock-set-back": "clock",
    "asked-too-often": "often",
    "break-glass": "break-glass",
    "changed-register": "register",
    **dict.fromkeys(("emergency-unreviewed", "emergency-not-justified"), "emergency"),
}


def meaning(kind: str) -> Meaning:
    """The words for a kind; a kind that has none yet is told as a change of the log."""
    means, todo = _group(GROUPS.get(kind, "history"))
    return Meaning(kind_label(kind), means, todo)


def kind_label(kind: str) -> str:
    """What a kind is called."""
    return _titles().get(kind, kind)


def result_label(result: str) -> str:
    """What was done about an incident."""
    return {
        "repaired": _("It was repaired"),
        "explained": _("There is an explanation; nothing has to be repaired"),
        "false-alarm": _("It was a false alarm"),
        "reported": _(
            "It is a data breach: the organisation reported it, or wrote down why it need not (GDPR art. 33)"
        ),
    }.get(result, result)


def place_entry(place: str) -> int | None:
    """The number of the entry that a place names, to link to; None for any other place."""
    first, _space, number = place.partition(" ")
    number = number.partition(" ")[0].partition("..")[0]
    return int(number) if first in {"entry", "entries"} and number.isascii() and number.isdigit() else None


def place_label(place: str) -> str:
    """What kind of thing a place names: a table in words, an entry, a part of the log."""
    first = place.partition(" ")[0]
    return {
        "entry": _("Entry of the log"),
        "entries": _("Entries of the log"),
        "checkpoint": _("Signed checkpoint"),
        "node": _("Stored part of the proof"),
        "log_head": _("End of the log"),
        "trigger": _("Lock in the database"),
        "UPDATE": _("Lock in the database"),
        "DELETE": _("Lock in the database"),
        "key": _("Key of the log"),
        "witnesses": _("Organisations that keep checkpoints"),
        "erasures.jsonl": _("Register of erasures"),
        "agencies": _("Organisation"),
        "agency": _("All people and systems of an organisation"),
        "person": _("One person"),
        "machine": _("System of a partner"),
        "strangers": _("Somebody who is not signed in"),
        "agency_destinations": _("Destination of an organisation"),
        "accounts": _("Account"),
        "break-glass": _("Emergency account"),
        "account_roles": _("Role of an account"),
        "activations": _("Code to come in once"),
        "second_factors": _("Second factor of an account"),
        "recovery_codes": _("Recovery code of an account"),
        "provider_logins": _("Login elsewhere of an account"),
        "machine_accounts": _("Account of a system"),
        "role_grants": _("Role for some time"),
        "emergency": _("Case opened in acute danger"),
        "emergency_accesses": _("Case opened in acute danger"),
        "rights_reviews": _("Yearly review of rights"),
        "sessions": _("Session of somebody who signed in"),
        "regional_tables": _("Regional table"),
        "table_members": _("Member of a table"),
        "drafts": _("Draft of a signal"),
        "signals": _("Signal"),
        "signal_moves": _("Step in the life of a signal"),
        "subjects": _("Person or thing in a signal"),
        "subject_fields": _("Sealed identity of a subject"),
        "subject_keys": _("Key to the identity of a subject"),
        "match_tags": _("Marks for linking of a subject"),
        "match_sketches": _("Marks for comparing a subject"),
        "subject_groups": _("Subjects that are one"),
        "exclusions": _("Value that does not count for linking"),
        "excluded_tags": _("Marks of a value that does not count for linking"),
        "links": _("Link between signals"),
        "link_verdicts": _("Judgement of a link"),
        "link_acts": _("Step in the life of a link"),
        "link_notices": _("Link that turned out wrong"),
        "recusals": _("Conflict of interest in a case"),
        "text_checks": _("Check of a text"),
        "signal_keys": _("Key to the attachments of a signal"),
        "attachments": _("Attachment of a signal"),
        "attachment_parts": _("Part of an attachment"),
        "identity_requests": _("Request for an identity"),
        "subject_erasures": _("Request to erase a subject"),
        "key_rotations": _("Replacing of a key"),
        "questions": _("Question to an organisation"),
        "meetings": _("Meeting"),
        "attendances": _("Attendance"),
        "agenda_items": _("Item of an agenda"),
        "meeting_tasks": _("Task of a meeting"),
        "minutes": _("The minutes of a meeting"),
        "minutes_parts": _("Part of the minutes"),
        "missed_dates": _("Date that was missed"),
        "escalations": _("Stuck case"),
        "postponements": _("Day that was put off"),
        "reflection_periods": _("Reflection period"),
        "signal_table_moves": _("Move of a signal to another table"),
        "notes": _("Note of a meeting"),
        "disclosures": _("Disclosure"),
        "feedbacks": _("Feedback from the receiver"),
        "duties": _("Duty after a disclosure"),
        "policy_versions": _("Version of the rules"),
        "decisions": _("Recorded decision of the program"),
        "checkpoint_copies": _("Checkpoint that went to an organisation"),
        "incidents": _("Incident"),
        "samples": _("Sample of an auditor"),
        "sample_items": _("Disclosure in a sample"),
        "misuse_questions": _("Question about use"),
        "subject_reports": _("Request for who saw somebody's data"),
    }.get(first, _("The log as a whole"))


def _titles() -> dict[str, str]:
    return {
        "changed-entry": _("An entry of the log was changed"),
        "changed-leaf": _("The stored hash of an entry was changed"),
        "changed-tree": _("The log is not the one that was signed"),
        "missing-entry": _("Entries of the log are missing"),
        "misplaced-entry": _("An entry stands in another place"),
        "malformed-entry": _("An entry can no longer be read"),
        "time-backwards": _("An entry is older than the one before it"),
        "changed-head": _("The end of the log was changed"),
        "fork": _("There are two histories of the log"),
        "missing-checkpoint": _("A signed checkpoint is missing"),
        "bad-checkpoint": _("A checkpoint has no valid signature"),
        "bad-held-checkpoint": _("A checkpoint that was kept has no valid signature"),
        "retired-key": _("A checkpoint was signed with a key that did not count"),
        "replaced-key": _("A key of the log has no origin"),
        "witness-disagrees": _("An organisation keeps another state of the log"),
        "changed-details": _("The details of an entry were changed"),
        "malformed-details": _("The details of an entry can no longer be read"),
        "missing-details": _("The details of an entry are gone"),
        "restored-details": _("Destroyed details came back"),
        "unexplained-erasure": _("Details were destroyed and the log does not say why"),
        "orphan-details": _("There are details without an entry"),
        "not-in-vocabulary": _("An entry says something that the program does not know"),
        "changed-column": _("A search field of an entry was changed"),
        "changed-term": _("The search words of an entry were changed"),
        "changed-node": _("A stored part of the proof was changed"),
        "row-without-entry": _("Data without an entry in the log"),
        "changed-row": _("Data were changed outside the program"),
        "entry-without-row": _("Data disappeared outside the program"),
        "changed-seal": _("Sealed data no longer open"),
        "missing-key": _("A key is missing"),
        "missing-trigger": _("The lock on the log is off"),
        "unknown-trigger": _("The database does something that is not from this program"),
        "open-fence": _("The lock on the rows of other organisations is off"),
        "restored-database": _("An old database was put back"),
        "signing-stopped": _("The log is no longer signed"),
        "too-few-witnesses": _("Too few organisations keep the checkpoints"),
        "asked-too-often": _("Somebody asks far too much of the program"),
        "clock-set-back": _("The clock was set back"),
        "changed-register": _("The register of erasures was changed"),
        "break-glass": _("Somebody signed in with an emergency account"),
        "emergency-unreviewed": _("Nobody looked back in time on access in acute danger"),
        "emergency-not-justified": _("Access in acute danger was not justified"),
    }


def _group(name: str) -> tuple[str, tuple[str, ...]]:
    look = _("Find out with the technical administrator who could reach the database, and when.")
    keep = _(
        "Do not repair anything yet: that wipes out the traces. Keep an export of the log and a copy of the database."
    )
    breach = (
        _(
            "Could personal data have been seen, changed or lost? Then it can be a data breach. The organisation whose data they are decides that, with the advice of its privacy officer: tell both today. A report to the authority is due within 72 hours after it became known, unless nobody runs a risk (GDPR art. 33; police data: Wpg art. 33a). Do not wait until everything is explained."
        ),
        _(
            "Do the persons concerned have to be told (GDPR art. 34)? Weigh first whether that is safe for them, as with a request for access."
        ),
    )
    told: dict[str, tuple[str, tuple[str, ...]]] = {
        "history": (
            _(
                "The log tells something else than it did when it was signed. Somebody changed it in the database itself, or the disk is damaged."
            ),
            (
                keep,
                look,
                _("Compare with the checkpoints that other organisations keep. They show which part is still sound."),
                *breach,
            ),
        ),
        "details": (
            _(
                "What an entry tells besides its main facts was changed, removed or put back. The entry itself and its place still hold."
            ),
            (keep, look, _("Was it an erasure that was broken off? Then the technical administrator can finish it.")),
        ),
        "index": (
            _(
                "The log itself is sound. A copy of it that makes searching or proving fast says something else, so a search can miss something."
            ),
            (look, _("The technical administrator can make these copies anew from the log.")),
        ),
        "row": (
            _(
                "The database holds something that nobody did in the program: it was added or changed by hand, or an older copy was put back."
            ),
            (
                keep,
                look,
                _(
                    "Do not trust this record until it is explained. If it is about a role or an account, block that account now."
                ),
                *breach,
            ),
        ),
        "gone": (
            _(
                "The log tells of data that are no longer there, and not that they were erased. They were removed by hand or lost."
            ),
            (keep, look, *breach),
        ),
        "seal": (
            _(
                "Sealed data do not open in their own place. They were changed, moved to another record, or the key ring is not complete."
            ),
            (keep, look, _("Check whether the key ring was put back from an older copy."), *breach),
        ),
        "fence": (
            _(
                "The database itself refuses changes of the log. That lock was taken away or changed. The log may still be whole: other findings say so."
            ),
            (look, _("The technical administrator can put the lock back with the last migration of the database.")),
        ),
        "row_level": (
            _(
                "The database keeps rows of one organisation from another, also when the program forgets it. That lock is not whole, or the program comes to the database as somebody for whom it does not count. The program itself still checks every request."
            ),
            (
                look,
                _(
                    "The technical administrator puts the lock back by starting the program once as the owner of the tables."
                ),
            ),
        ),
        "restored": (
            _(
                "The database is older than what was signed before. Everything that happened after that moment is gone from it, erasures too."
            ),
            (
                _("Stop working in the program until this is cleared up."),
                _(
                    "Was it put back on purpose? Then the technical administrator has to finish this with the command for a restored copy. It erases again what had been erased."
                ),
                _("Was it not? Then somebody wiped out what happened."),
                *breach,
            ),
        ),
        "signing": (
            _(
                "New entries are not protected as well as they should be: nobody signs them, or too few organisations keep the signatures."
            ),
            (_("Ask the technical administrator whether the process that signs is running and whether mails go out."),),
        ),
        "clock": (
            _(
                "The newest entry is later than the clock of this machine says. Times in the log can no longer be relied on from then on."
            ),
            (_("Ask the technical administrator to set the clock right, by a time server."), look),
        ),
        "often": (
            _(
                "Somebody asked more often than the rules allow, minute after minute. That can be a system with a mistake, a screen that somebody else uses, or somebody who wants to fetch everything."
            ),
            (
                _("Look in the log what was asked, by whom and from when on."),
                _(
                    "Talk with the person or the organisation. Is it not them? Then end their sessions, or the account of the system."
                ),
                *breach,
            ),
        ),
        "emergency": (
            _(
                "Somebody opened a case that was not theirs and said that there was acute danger. Nobody looked back in time, or a privacy officer found that it was not right."
            ),
            (
                _("Look at what was opened and read, and talk with the person and their organisation."),
                _("Is it not right? Then take the role away, and tell the organisation that owns the case."),
                *breach,
            ),
        ),
        "break-glass": (
            _(
                "An administrator came in with an account that is kept for when the sign-in service of the organisation is away. That is allowed, and somebody has to look back on it."
            ),
            (
                _("Ask who it was and why. Was the sign-in service really away?"),
                _("Look in the log what was done with the account."),
                _(
                    "Was it nobody of yours? Then close the account off at once, and ask who could reach its recovery codes."
                ),
            ),
        ),
        "register": (
            _("The list of what was erased, which is kept outside the database, was changed or damaged."),
            (
                keep,
                look,
                _(
                    "Until this is cleared up, do not put back an old copy of the database: it might bring back what was erased."
                ),
            ),
        ),
    }
    return told[name]


INCIDENT_WORDS: Mapping[str, Any] = {
    "meaning": meaning,
    "kind_label": kind_label,
    "result_label": result_label,
    "place_entry": place_entry,
    "place_label": place_label,
}
