"""Which rows of each table a person sees and changes, as conditions of SQL; and the tables that have no such fence, and why."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from signaltable.row_level.passes import DOOR, PERSON

_SHOWN = "(SELECT fence.pass())"
SPHERE, _ACCOUNT, _AGENCY = f"({_SHOWN})[1]", f"({_SHOWN})[2]", f"({_SHOWN})[3]"
# The tables where the own agency has a seat, asked once for a statement and not once for every row.
_TABLES_OF_MINE = f"(SELECT fence.tables({_SHOWN}))::text[]"
_WORKS_AT_TABLE = f"({_SHOWN})[4] IS NOT NULL"


@dataclass(frozen=True, slots=True)
class Fenced:
    """`rows`: which rows a person sees and changes; `new`: what a row must be after a change, where that is something else.

    `added`: what a row must be that a person adds, where that is something else again. Each is a condition of SQL.
    """

    rows: str
    new: str = ""
    added: str = ""


def _sees(column: str) -> str:
    return f"fence.sees({column}, {_SHOWN})"


def _own(*columns: str) -> str:
    return " OR ".join(f"{column} = {_AGENCY}" for column in columns)


def _of_parent(table: str, column: str) -> str:
    """The row that this one belongs to can be seen, which its own fence decides."""
    return f"EXISTS (SELECT 1 FROM {table} parent WHERE parent.id = {column})"  # noqa: S608 - names of this file only


_MY_ACCOUNT = f"account_id = {_ACCOUNT}"
_CASE = Fenced(_sees("signal_id"))
_OF_SUBJECT = _of_parent("subjects", "subject_id")
_OF_LINK = _of_parent("links", "link_id")
_OF_DISCLOSURE = _of_parent("disclosures", "disclosure_id")
_ANYTHING = "true"
# Nobody but the program: the linking step.
_NOBODY = "false"
_SEATED = (
    "EXISTS (SELECT 1 FROM meetings m JOIN table_members t ON t.table_id = m.table_id "  # noqa: S608 - names of this file only
    f"WHERE m.id = meeting_id AND t.agency_id = {_AGENCY})"
)

FENCED: Final[Mapping[str, Fenced]] = MappingProxyType(
    {
        # What most rows of a list are seen by comes first: it is compared without asking any other table.
        "signals": Fenced(
            f"{_own('owner_agency')} OR ({_WORKS_AT_TABLE} AND table_id = ANY({_TABLES_OF_MINE})) OR {_sees('id')}",
            # A row that comes or changes is not seen by what it says of itself.
            new=f"{_own('owner_agency')} OR {_sees('id')}",
        ),
        "signal_moves": _CASE,
        "signal_table_moves": _CASE,
        "subjects": _CASE,
        "subject_fields": Fenced(_OF_SUBJECT),
        "subject_keys": Fenced(f"{_own('agency_id')} OR {_OF_SUBJECT}", new=_OF_SUBJECT),
        "signal_keys": Fenced(f"{_own('agency_id')} OR {_sees('signal_id')}", new=_sees("signal_id")),
        "match_tags": Fenced(_NOBODY),
        "match_sketches": Fenced(_NOBODY),
        "excluded_tags": Fenced(_NOBODY),
        "subject_groups": Fenced(_NOBODY),
        "search_rows": Fenced(_NOBODY, added=_ANYTHING),
        "search_terms": Fenced(_NOBODY, added=_ANYTHING),
        "links": Fenced(f"{_of_parent('subjects', 'subject_a')} OR {_of_parent('subjects', 'subject_b')}"),
        "link_verdicts": Fenced(_OF_LINK),
        "link_acts": Fenced(_OF_LINK),
        "link_notices": Fenced(_own("agency_id"), added=_ANYTHING),
        "exclusions": Fenced(_own("owner_agency")),
        "drafts": Fenced(_own("agency_id")),
        "attachments": Fenced(f"{_sees('signal_id')} OR {_of_parent('drafts', 'draft_id')}"),
        "attachment_parts": Fenced(_of_parent("attachments", "attachment_id")),
        "text_checks": _CASE,
        "decisions": _CASE,
        # What is asked of an agency gives it a look at the case, so it cannot ask itself about a case that it does not see.
        "questions": Fenced(f"{_own('agency_id')} OR {_sees('signal_id')}", new=_sees("signal_id")),
        "disclosures": Fenced(
            f"{_own('provider_agency', 'recipient_agency')} OR {_sees('signal_id')}", new=_sees("signal_id")
        ),
        "agenda_items": _CASE,
        "feedbacks": Fenced(f"{_own('agency_id')} OR {_OF_DISCLOSURE}", new=_OF_DISCLOSURE),
        "duties": Fenced(f"{_own('agency_id')} OR {_OF_DISCLOSURE}", new=_OF_DISCLOSURE),
        "notes": Fenced(_of_parent("agenda_items", "item_id")),
        "minutes_parts": Fenced(f"{_SEATED} OR {_sees('signal_id')}"),
        "meeting_tasks": Fenced(f"{_own('agency_id')} OR {_sees('signal_id')}", new=_sees("signal_id")),
        "missed_dates": _CASE,
        "escalations": _CASE,
        "postponements": _CASE,
        "reflection_periods": _CASE,
        "recusals": Fenced(f"{_MY_ACCOUNT} OR {_own('agency_id')} OR {_sees('signal_id')}"),
        "identity_requests": Fenced(_own("owner_agency", "agency_id")),
        "subject_erasures": Fenced(_own("agency_id")),
        "subject_reports": Fenced(_own("agency_id")),
        "budget_uses": Fenced(_own("agency_id")),
        "machine_uses": Fenced(_own("agency_id")),
        # It gives a look at a case: whoever opens one does so in the own name.
        "emergency_accesses": Fenced(f"{SPHERE} = '{DOOR}' OR {_own('agency_id')}", added=_MY_ACCOUNT),
        "mails": Fenced(_MY_ACCOUNT, added=_ANYTHING),
        "second_factors": Fenced(f"{SPHERE} = '{DOOR}' OR {_MY_ACCOUNT}"),
        "recovery_codes": Fenced(f"{SPHERE} = '{DOOR}' OR {_MY_ACCOUNT}"),
    }
)
# Everybody reads these, and only the program changes them: a seat gives a look at cases, and by the others machines know that
# they have the same keys.
READ_BY_ALL: Final = frozenset({"hosts", "shared_rings", "table_members"})
# Everybody reads a part of these, and only the program changes them: of the lists those of the own agency and of the tables where
# it has a seat (the database itself keeps them, signaltable/places); of the figures what may be told, and never what was counted
# of a month that goes on.
READ_IN_PART: Final[Mapping[str, str]] = MappingProxyType(
    {
        "list_places": f"scope = {_AGENCY} OR scope = ANY({_TABLES_OF_MINE})",
        "figures": f"{SPHERE} = '{PERSON}' AND NOT hidden",
        "figure_months": f"{SPHERE} = '{PERSON}'",
    }
)

_DIGESTS = "only keyed digests and times; ending a session or a step must never meet a row that it does not see"
_LOG = "the log holds pseudonyms only; who reads which part follows from roles, which the database does not know"
_AUDIT = "work of auditor and privacy officer about the log: references and findings, no content of a case"
_REGION = "who takes part; every page shows names of agencies, tables and people"
_WORK = "how far work of the program got"
UNFENCED: Final[Mapping[str, str]] = MappingProxyType(
    {
        "agencies": _REGION,
        "agency_destinations": _REGION,
        "accounts": _REGION + "; coming in asks it before anybody is known",
        "account_roles": _REGION,
        "regional_tables": _REGION,
        "meetings": "when a table meets; what it speaks of is fenced",
        "attendances": "who comes to a meeting; no case",
        "minutes": "how far minutes are; what they say is fenced",
        "activations": _DIGESTS,
        "sessions": _DIGESTS,
        "login_steps": _DIGESTS,
        "login_attempts": _DIGESTS,
        "provider_logins": _DIGESTS,
        "machine_accounts": "digests, and what a system may do: an administrator gives it for every agency",
        "machine_tokens": _DIGESTS,
        "request_rates": "counters of requests, by opaque ids; no case",
        "role_grants": "who may do what; looked at by the gate with each request, and in the review of rights",
        "rights_reviews": "ids and roles of the whole region, signed by whoever looks at them",
        "policy_versions": "the rules; everybody may read them",
        "log_entries": _LOG,
        "log_details": _LOG,
        "log_erased": _LOG,
        "log_terms": _LOG,
        "log_nodes": _LOG,
        "log_head": _LOG,
        "log_checkpoints": _LOG,
        "checkpoint_copies": _LOG,
        "incidents": _AUDIT,
        "samples": _AUDIT,
        "sample_items": _AUDIT,
        "misuse_questions": _AUDIT,
        "key_rotations": _WORK,
        "job_turns": _WORK,
        "job_runs": _WORK,
        "database_marks": _WORK,
        "moved_tables": _WORK,
        "export_parts": _AUDIT,
    }
)
TABLES: Final = tuple(sorted({*FENCED, *READ_BY_ALL, *READ_IN_PART}))
