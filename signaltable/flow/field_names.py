"""Which fields the program really has, read off its tables: each needs a data category in policies/fields.toml.

Every column of a table that belongs to a signal either tells something about it, under a name of fields.toml, or is
named here as one that never leaves. A new column, a new table such as one of attachments, and a new identity field all
lack a name, and then the program does not start.
"""

from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Final

from sqlalchemy import Table

from signaltable.db import Base
from signaltable.flow.contents import FACT_FIELDS
from signaltable.identity import IDENTITY_FIELDS
from signaltable.policy import PolicySet

# Column -> the fields that its content leaves under. A column that is neither here nor below goes under its own name.
_SENT: Final[Mapping[str, Mapping[str, tuple[str, ...]]]] = MappingProxyType(
    {
        "signals": {
            "facts": ("signal.forms", *(f"signal.{name}" for name in FACT_FIELDS)),
            "owner_sealed": ("signal.narrative",),
            "advice": ("table.advice",),
            "outcome": ("table.outcome",),
        },
        "subject_fields": {"name": tuple(f"subject.{name}" for name in IDENTITY_FIELDS)},
        "questions": {
            "note": ("enrichment.note",),
            "answer": ("enrichment.answer",),
            "context": ("enrichment.context",),
        },
        "agenda_items": {"decision": ("table.decision",), "reason": ("table.reason",)},
        "notes": {"text": ("table.note",)},
        "meeting_tasks": {"text": ("table.task",), "answer": ("table.task_answer",)},
        "minutes_parts": {"content": ("table.minutes",)},
        "signal_table_moves": {"reason": ("table.move",)},
        "escalations": {"reason": ("table.escalation",)},
        "signal_moves": {"reason": ("table.move",)},
        "feedbacks": {"result": ("referral.result",), "words_sealed": ("referral.feedback",)},
        "disclosures": {
            "response_sealed": ("referral.return",),
            "feedback": ("referral.result",),
            "feedback_sealed": ("referral.feedback",),
        },
    },
)
# Columns that are shown to nobody as data of the signal: keys, moments, who did something, and what is sealed for one
# agency alone. A payload holds fields that were decided one by one; `fields` and `categories` are their names.
_STAYS: Final[Mapping[str, frozenset[str]]] = MappingProxyType(
    {
        "signals": frozenset(
            "id owner_agency submitter capacity table_id state created_at found policy_digest missing keep_until "
            "keep_warned_at version".split(),
        ),
        "signal_moves": frozenset("id signal_id at state_from state_to account_id agency_id".split()),
        "subjects": frozenset("id signal_id number erased_at".split()),
        "subject_fields": frozenset("subject_id sealed sure".split()),
        "subject_keys": frozenset("subject_id agency_id wrapped".split()),
        "match_tags": frozenset("subject_id set_id digest key_version".split()),
        # A link says that two subjects look alike and by which kinds of data, never by which value.
        "links": frozenset(
            "id subject_a subject_b outcome compared state origin proposed_at ended_at".split(),
        ),
        "link_acts": frozenset("id link_id number act agency_id account_id reason_sealed undoes cause at".split()),
        "link_notices": frozenset(
            "id act_id agency_id relation signal_id disclosure_id kind at read_at read_by".split()
        ),
        # Keyed digests of words of the masked account, which is shown as itself.
        "search_rows": frozenset("number signal_id key_version terms".split()),
        # Where a thing stands in a list: ids and a moment of the thing itself.
        "list_places": frozenset("list scope object_id signal_id at".split()),
        "subject_groups": frozenset("subject_id group_id".split()),
        "match_sketches": frozenset("subject_id key_version sealed".split()),
        "text_checks": frozenset("id signal_id place state asked_at checked_at tries found_sealed".split()),
        # An attachment is for the owner alone; what its text tells is typed over by a person.
        "signal_keys": frozenset("signal_id agency_id wrapped".split()),
        "attachments": frozenset(
            "id signal_id draft_id number kind media_type size name_sealed virus_check text_state found added_by added_at".split(),
        ),
        "attachment_parts": frozenset("attachment_id number sealed".split()),
        # What an approved request shows is decided field by field, under the names of the subject's fields.
        "identity_requests": frozenset(
            "id reference subject_id signal_id owner_agency agency_id account_id roles way thing known_as ground "
            "ground_digest policy_digest purpose fields obligations asked_sealed state cause asked_at decided_by "
            "decided_roles decided_at answer_sealed opened_at until ended_at wrapped".split(),
        ),
        "subject_erasures": frozenset(
            "id reference subject_id agency_id account_id ground asked_sealed state asked_at decided_by decided_at "
            "exception answers answer_sealed told".split(),
        ),
        "link_verdicts": frozenset("link_id agency_id account_id confirmed reason_sealed at".split()),
        "questions": frozenset(
            "id signal_id subject_id agency_id asked_by asked_at due_on fact purpose ground context_ground "
            "context_ground_digest context_categories context_capacity context_table context_at anonymous answered_by "
            "answered_at postponed reminded_at withdrawn_at version".split(),
        ),
        "agenda_items": frozenset(
            "id meeting_id signal_id position proposed_for holder_agency due_on decided_by decided_at".split(),
        ),
        "notes": frozenset("id item_id account_id agency_id at minuted".split()),
        "disclosures": frozenset(
            "id reference signal_id provider_agency recipient_agency destination purpose ground ground_digest "
            "policy_digest state fields categories evidence_hashes evidence_sealed obligations requested_by requested_at "
            "approved_by approved_at disclosed_at payload_hash payload_recipient payload_provider due_on responded_by "
            "responded_at feedback_at consent_withdrawn_on parent_id parent_told feedback_due_on revoked_at revoked_by "
            "revoked_for revoked_sealed".split(),
        ),
        "feedbacks": frozenset("id disclosure_id number at account_id agency_id".split()),
        "meeting_tasks": frozenset(
            "id item_id signal_id agency_id due_on made_by made_at postponed reminded_at result settled_by settled_at "
            "version".split(),
        ),
        "minutes_parts": frozenset("meeting_id number kind signal_id digest".split()),
        "signal_table_moves": frozenset("id signal_id from_table to_table at account_id agency_id".split()),
        "emergency_accesses": frozenset(
            "id signal_id account_id agency_id reason_sealed danger opened_at ends_at ended_at review_due_at reminded_at "
            "escalated_at reviewed_by reviewed_at verdict review_sealed version".split(),
        ),
        "recusals": frozenset(
            "id signal_id account_id agency_id kind reason_sealed declared_by declared_at ended_by ended_at".split(),
        ),
        "missed_dates": frozenset("signal_id kind object_id due_on noted_at".split()),
        "escalations": frozenset(
            "id signal_id cause level opened_at due_on raised_at settled_at settled_by result holder_agency version".split(),
        ),
        "postponements": frozenset(
            "id kind object_id signal_id agency_id account_id at before until reason_sealed".split(),
        ),
        # That somebody is in the reflection period is shown to the agency that noted it, and to nobody else.
        "reflection_periods": frozenset(
            "id signal_id subject_id agency_id began_on ends_on noted_by noted_at warned_at ended_on result "
            "version".split(),
        ),
        # A report says which organisations saw data and when; its reasons are sealed for the agency that answers.
        "subject_reports": frozenset(
            "id reference agency_id subject_id requested_by requested_at reason_sealed decision answers decided_by "
            "decided_at decision_sealed postponed_until available_until".split(),
        ),
    },
)
# Bookkeeping of the provider about a disclosure, what a step was given and gave, and what an auditor found without seeing
# content; read by the owner and the auditor.
_OWN_BOOKS: Final = frozenset({"duties", "decisions", "sample_items"})
_BELONGS_TO: Final = frozenset({"signals", "subjects"})


def known_fields(tables: Iterable[Table] | None = None) -> frozenset[str]:
    """The names under which something about a signal can leave, by the tables that hold it (ours when none are given)."""
    return frozenset(_fields(list(Base.metadata.tables.values()) if tables is None else list(tables)))


def check_fields(policy: PolicySet) -> None:
    """Raises BrokenPolicy naming fields.toml and every field of the program that has no data category there."""
    policy.fields.check_fields(known_fields())


def _fields(tables: list[Table]) -> Iterator[str]:
    for table in _about_signals(tables):
        sent, stays = _SENT.get(table.name, {}), _STAYS.get(table.name, frozenset())
        for column in table.columns:
            if column.name not in stays:
                yield from sent.get(column.name, (f"{table.name.removesuffix('s')}.{column.name}",))


def _about_signals(tables: list[Table]) -> list[Table]:
    """The tables that hold something about a signal, directly or through another table."""
    reached = set(_BELONGS_TO)
    while True:
        more = {
            table.name
            for table in tables
            if table.name not in reached | _OWN_BOOKS
            and any(key.column.table.name in reached for key in table.foreign_keys)
        }
        if not more:
            return [table for table in tables if table.name in reached]
        reached |= more
