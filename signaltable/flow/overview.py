"""The first page: what waits for this person, counted, with nothing on it that is not theirs."""

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import func, select

from signaltable.access import Allowed, Permission, may
from signaltable.domain import Decision, DisclosureState, State
from signaltable.flow import (
    approvals,
    duty_lists,
    exclusions,
    incidents,
    subject_erasures,
    subject_reports,
    text_checks,
)
from signaltable.flow.enrich import ANSWERABLE
from signaltable.flow.identity_requests import lists as identity_lists
from signaltable.flow.linking.pages import count_waiting as count_links
from signaltable.models import AgendaItem, Disclosure, Draft, Question, Signal
from signaltable.queries import tables_of
from signaltable.transaction import Transaction


@dataclass(frozen=True, slots=True)
class Waiting:
    """One kind of work with how much of it waits. `kind` names the page."""

    kind: str
    count: int


def waiting(tx: Transaction) -> list[Waiting]:
    """What waits for the actor: incidents, drafts, links, advice to refer, questions, cases, second looks, duties, safety checks, new signals."""
    counters: tuple[tuple[tuple[Permission, ...], str, Callable[[Transaction], int]], ...] = (
        ((Permission.INCIDENT_SETTLE_ALL,), "incidents", incidents.count_open),
        ((Permission.SIGNAL_SUBMIT_OWN,), "drafts", _drafts),
        ((Permission.SIGNAL_SUBMIT_OWN,), "texts", text_checks.count_waiting),
        ((Permission.LINK_DECIDE_OWN,), "links", count_links),
        ((Permission.SIGNAL_DISCLOSE_OWN,), "referrals", _referrals),
        ((Permission.ENRICH_ANSWER_ASKED,), "questions", _questions),
        ((Permission.REFERRAL_RECEIVE_OWN,), "inbox", _inbox),
        ((Permission.DISCLOSURE_APPROVE_OTHER,), "approvals", approvals.count_waiting),
        ((Permission.DUTY_FULFIL_OWN, Permission.DISCLOSURE_APPROVE_OTHER), "duties", duty_lists.count_waiting),
        ((Permission.REPORT_DECIDE_OWN,), "reports", subject_reports.count_waiting),
        ((Permission.IDENTITY_DECIDE_OWN,), "identities", identity_lists.count_waiting),
        ((Permission.IDENTITY_REQUEST_TABLED,), "looks", identity_lists.count_open),
        ((Permission.ERASURE_DECIDE_OWN,), "erasures", subject_erasures.count_waiting),
        ((Permission.EXCLUSION_CHANGE_OWN,), "exclusions", exclusions.count_waiting),
        ((Permission.SIGNAL_TRIAGE_OWN_TABLE,), "triage", _triage),
    )
    return [
        Waiting(kind, count(tx))
        for permissions, kind, count in counters
        if any(isinstance(may(tx.actor, permission), Allowed) for permission in permissions)
    ]


def _drafts(tx: Transaction) -> int:
    return tx.session.scalar(select(func.count()).where(Draft.account_id == tx.actor.account_id)) or 0


def _referrals(tx: Transaction) -> int:
    """Own signals that the table advises to refer. They stay on the table until their owner discloses."""
    return (
        tx.session.scalar(
            select(func.count(func.distinct(Signal.id)))
            .join(AgendaItem, AgendaItem.signal_id == Signal.id)
            .where(
                Signal.owner_agency == tx.actor.agency_id,
                Signal.state == State.TABLED,
                AgendaItem.decision == Decision.REFER,
            ),
        )
        or 0
    )


def _questions(tx: Transaction) -> int:
    return (
        tx.session.scalar(
            select(func.count())
            .select_from(Question)
            .join(Signal, Signal.id == Question.signal_id)
            .where(
                Question.agency_id == tx.actor.agency_id,
                Question.answer == "",
                Signal.state.in_(ANSWERABLE),
            ),
        )
        or 0
    )


def _inbox(tx: Transaction) -> int:
    return (
        tx.session.scalar(
            select(func.count()).where(
                Disclosure.recipient_agency == tx.actor.agency_id,
                Disclosure.state == DisclosureState.DISCLOSED,
            ),
        )
        or 0
    )


def _triage(tx: Transaction) -> int:
    tables = tables_of(tx, tx.actor.agency_id)
    return (
        tx.session.scalar(
            select(func.count()).where(Signal.table_id.in_(tables), Signal.state == State.SUBMITTED),
        )
        or 0
    )
