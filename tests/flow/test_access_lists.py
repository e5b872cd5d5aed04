"""A list holds exactly what its page opens: for everybody, of every list, over every thing that there is (ASVS 8.2.2, 8.4.1)."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy import select

from signaltable.domain import Conflict, NotFound, Refused
from signaltable.flow import (
    approvals,
    enrich,
    exclusions,
    linking,
    recusals,
    referrals,
    reflection,
    signals,
    subject_erasures,
    subject_reports,
)
from signaltable.flow.identity_requests import lists
from signaltable.flow.linking.pages import ALL
from signaltable.models import (
    Account,
    Disclosure,
    Exclusion,
    IdentityRequest,
    Link,
    Question,
    ReflectionPeriod,
    Signal,
    SubjectErasure,
    SubjectReport,
)
from signaltable.queries import signal_by_reference
from signaltable.transaction import Transaction
from tests import canaries
from tests.disclosure_steps import GIVEN, disclosed
from tests.factories import a_signal
from tests.flow.test_disclosures import a_perpetrator
from tests.table_steps import submitted, use

WHY = "De persoon vroeg dit aan de balie van het stadhuis."
DOOR_CLOSED = (Refused, NotFound)


@dataclass(frozen=True)
class Pair:
    """A list and the page of one thing in it; `things` is the column that names each thing there is."""

    shown: Callable[[Transaction], Any]
    opened: Callable[[Transaction, str], Any]
    things: Any
    # Whether a page that opens stands in no list for a reason that has nothing to do with who asks.
    elsewhere: Callable[[Any], bool] = lambda _page: False


def of_requests(tx):
    """What somebody asked, and what they decide or supervise."""
    found = {one.reference for one in lists.own(tx)[0]}
    with suppress(Refused):
        found |= {one.reference for one in lists.history(tx)[0]}
    if not found:
        raise NotFound("nothing")
    return found


PAIRS = {
    "signals": Pair(
        lambda tx: {one.reference for one in signals.own_signals(tx)[0]}, signals.consult, Signal.reference
    ),
    "inbox": Pair(lambda tx: {one.reference for one in referrals.inbox(tx)[0]}, referrals.read, Disclosure.reference),
    "questions": Pair(
        lambda tx: {one.id for page in [enrich.open_questions(tx)] for one in (*page.open, *page.answered)},
        enrich.read_question,
        Question.id,
        lambda page: page.over != "",
    ),
    "links": Pair(lambda tx: {one.id for one in linking.page_of_links(tx, ALL).lines}, linking.one_link, Link.id),
    "second looks": Pair(
        lambda tx: {one.reference for one in approvals.waiting(tx)[0]}, approvals.consult, Disclosure.reference
    ),
    "reports": Pair(
        lambda tx: {one.reference for one in subject_reports.listing(tx)[0]},
        subject_reports.consult,
        SubjectReport.reference,
    ),
    "erasures": Pair(
        lambda tx: {one.reference for one in subject_erasures.listing(tx)[0]},
        subject_erasures.consult,
        SubjectErasure.reference,
    ),
    "identities": Pair(of_requests, lists.consult, IdentityRequest.reference),
    "exclusions": Pair(lambda tx: {one.id for one in exclusions.listing(tx)}, exclusions.read, Exclusion.id),
    "reflections": Pair(lambda tx: {one.id for one in reflection.listing(tx)}, reflection.consult, ReflectionPeriod.id),
}


def or_nothing(step, *arguments):
    try:
        return step(*arguments)
    except DOOR_CLOSED:
        return None


@pytest.fixture
def region(sqlite_program, actor, once):
    return once(sqlite_program, "canaries", lambda: canaries.build(sqlite_program, actor))


def more(program, actor, region):
    """A disclosure that waits, one that was taken up, a signal taken back, a request, and somebody kept from the case."""
    owner, officer = actor(program, "havendam"), actor(program, "fg.havendam")
    draft = a_signal(
        capacity="municipality-safety", forms=[], form_rows={"wages": 1}, subjects=[a_perpetrator()], facts={}
    )
    waits = disclosed(program, owner, submitted(program, owner, draft), "avim").reference
    disclosed(program, owner, submitted(program, owner, a_signal(consent=GIVEN)), "essm", ground="X1")
    gone = submitted(program, owner, a_signal())
    use(program, owner, signals.withdraw, gone, "Dit was een vergissing van onze balie.")
    ground = program.policy.safety_check.erasure_ground[0].id
    use(program, officer, subject_erasures.request, region.reference, 1, ground=ground, reason=WHY)
    use(program, owner, reflection.record, "signaal", region.reference, "1", began_on=program.clock().date())
    for login in (canaries.COLLEAGUE, "avim.twee", "essm.twee"):
        _recused(program, actor(program, login), region.reference)
    return waits


def _recused(program, who, reference):
    def keep(tx):
        recusals._keep_away(
            tx, signal_by_reference(tx, reference), tx.session.get_one(Account, who.account_id), "other", WHY
        )

    use(program, who, keep)


def test_every_list_holds_what_its_page_opens_and_nothing_else(sqlite_program, actor, region):
    program = sqlite_program
    more(program, actor, region)
    met, wrong = dict.fromkeys(PAIRS, 0), []
    with program.write_sessions() as session:
        logins = session.scalars(select(Account.login).order_by(Account.login)).all()
        for login in logins:
            tx = Transaction(program, actor(program, login), session, program.clock())
            for name, pair in PAIRS.items():
                shown = or_nothing(pair.shown, tx) or set()
                pages = {thing: or_nothing(pair.opened, tx, thing) for thing in session.scalars(select(pair.things))}
                opened = {thing for thing, page in pages.items() if page is not None and not pair.elsewhere(page)}
                met[name] += len(shown)
                if shown != opened:
                    wrong.append((login, name, sorted(shown - opened), sorted(opened - shown)))
        session.rollback()
    assert wrong == []
    # Each list showed something to somebody: empty ones would prove nothing.
    assert [name for name, count in met.items() if not count] == []


def test_a_thing_that_is_not_there_looks_like_one_of_somebody_else(sqlite_program, actor, region):
    """Nobody learns from an answer whether a signal of another organisation exists, once the gate was passed by role."""
    stranger = actor(sqlite_program, "oost")
    for reference in (region.reference, "S-2222-22"):
        with pytest.raises((Refused, NotFound, Conflict)):
            use(sqlite_program, stranger, signals.consult, reference)
