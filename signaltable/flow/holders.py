"""Who has what of a signal: the owner, the table, and everybody to whom it went, as far as the actor may know.

Whoever disclosed sees all that it disclosed. Of what its receivers passed on it sees that and where it stands; to whom, only
when each of them in between said that it may know. Whoever received sees from whom, and what it passed on itself. Nobody
sees what others beside it got. No content: fields by name only.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from sqlalchemy import select

from signaltable.domain import DisclosureState
from signaltable.flow import chains, duty_kinds
from signaltable.models import Disclosure, Duty, RegionalTable, Signal
from signaltable.queries import agency_titles, on_an_agenda
from signaltable.transaction import Transaction

# Where a copy stands. `asked`: its holder was asked to erase it and did not answer yet.
ASKED_FOR, WAITING, ACCEPTED, RETURNED, ASKED, ERASED, KEPT = (
    "asked_for",
    "waiting",
    "accepted",
    "returned",
    "asked",
    "erased",
    "kept",
)
OVER: Final = frozenset({RETURNED, ERASED})


@dataclass(frozen=True, slots=True)
class HolderLine:
    """One copy. `agency` is empty when the actor may not know whose it is; ground and fields are then left out as well.

    `reference` is empty unless the actor gave or got it; `side` is then `sent` or `received`. `late`: its holder was asked
    to erase it, and the day has passed. `silent_since`: the day on which feedback was expected that did not come.
    """

    depth: int
    agency: str
    reference: str
    side: str
    state: str
    passed_on: bool
    ground: str
    fields: tuple[str, ...]
    since: datetime
    asked_until: datetime | None
    late: bool
    silent_since: date | None

    @property
    def holds(self) -> bool:
        """Whether there is still a copy."""
        return self.state not in OVER and self.state != ASKED_FOR


@dataclass(frozen=True, slots=True)
class Holdings:
    """The owner of a signal with its table, and who else has something of it. `giver` is set for whoever received.

    `owner` is empty for those who may not know it; `on_table`: the table can read the signal without names.
    """

    owner: str
    table: str
    on_table: bool
    giver: str
    lines: tuple[HolderLine, ...]

    @property
    def unanswered(self) -> int:
        """How many holders were asked to erase what they got and did not answer."""
        return sum(line.state == ASKED for line in self.lines)


def of_signal(tx: Transaction, signal: Signal) -> Holdings:
    """Everything that went out of an own signal. The caller asked the gate and records the view."""
    titles = agency_titles(tx)
    lines = _lines(tx, signal.id, [chains.ROOTS], titles)
    table = tx.session.get_one(RegionalTable, signal.table_id).title
    return Holdings(titles.get(signal.owner_agency, ""), table, on_an_agenda(tx, signal.id), "", lines)


def of_sent(tx: Transaction, row: Disclosure) -> Holdings:
    """One disclosure of the own agency and what was passed on of it."""
    titles = agency_titles(tx)
    signal = tx.session.get_one(Signal, row.signal_id)
    owner = titles.get(signal.owner_agency, "") if row.parent_id is None else ""
    return Holdings(owner, "", False, "", _lines(tx, row.signal_id, [row.id], titles, whole=True))


def of_received(tx: Transaction, row: Disclosure) -> Holdings:
    """What the own agency received, from whom, and what it passed on of it."""
    titles = agency_titles(tx)
    giver = titles.get(row.provider_agency, "")
    return Holdings("", "", False, giver, _lines(tx, row.signal_id, [row.id], titles, whole=True))


def _lines(
    tx: Transaction, signal_id: str, tops: Iterable[str], titles: Mapping[str, str], *, whole: bool = False
) -> tuple[HolderLine, ...]:
    """The lines of these disclosures, or (not `whole`) of what stands below them, each followed by what is below it."""
    rows = chains.of_signal(tx, signal_id)
    tree, by_id = chains.below(rows), {row.id: row for row in rows}
    duties = _recalls(tx, rows)
    own = tx.actor.agency_id
    made: list[HolderLine] = []

    def walk(row: Disclosure, depth: int, told: bool) -> None:
        mine = own in {row.provider_agency, row.recipient_agency}
        known = mine or (told and row.parent_told)
        if not _shown(row, mine):
            return
        made.append(_line(tx, row, depth, known, titles, duties.get(row.id, ()), tree))
        for one in tree.get(row.id, ()):
            walk(one, depth + 1, known)

    for top in tops:
        starts = [by_id[top]] if whole else tree.get(top, [])
        for row in starts:
            walk(row, 0, True)
    return tuple(made)


def _shown(row: Disclosure, mine: bool) -> bool:
    """A request that was never granted is nobody's business but that of who asked; it holds nothing once refused."""
    if row.state == DisclosureState.REJECTED:
        return False
    return mine or row.disclosed_at is not None


def _recalls(tx: Transaction, rows: Sequence[Disclosure]) -> dict[str, list[Duty]]:
    ids = [row.id for row in rows]
    kinds = duty_kinds.ASKS_TO_ERASE
    found: dict[str, list[Duty]] = {}
    query = select(Duty).where(Duty.disclosure_id.in_(ids), Duty.kind.in_(kinds)).order_by(Duty.created_at, Duty.id)
    for duty in tx.session.scalars(query):
        found.setdefault(duty.disclosure_id, []).append(duty)
    return found


def _line(
    tx: Transaction,
    row: Disclosure,
    depth: int,
    known: bool,
    titles: Mapping[str, str],
    duties: Sequence[Duty],
    tree: chains.Chain,
) -> HolderLine:
    own = tx.actor.agency_id
    side = "sent" if row.provider_agency == own else "received" if row.recipient_agency == own else ""
    waiting = next((duty for duty in duties if duty.fulfilled_at is None), None)
    state, since = _standing(row, duties)
    return HolderLine(
        depth=depth,
        agency=titles.get(row.recipient_agency, "") if known else "",
        reference=row.reference if side else "",
        side=side,
        state=state,
        passed_on=any(one.disclosed_at is not None for one in tree.get(row.id, ())),
        ground=row.ground if known else "",
        fields=tuple(name for name in tx.program.policy.fields.fields if name in row.fields) if known else (),
        since=since,
        asked_until=waiting.due_at if waiting else None,
        late=waiting is not None and waiting.due_at is not None and waiting.due_at < tx.now,
        silent_since=silent_since(row, tx.today),
    )


def _standing(row: Disclosure, duties: Sequence[Duty]) -> tuple[str, datetime]:
    """Where a copy stands, and since when."""
    came = row.disclosed_at or row.requested_at
    if row.state == DisclosureState.AWAITING_APPROVAL:
        return ASKED_FOR, row.requested_at
    if row.state == DisclosureState.RETURNED:
        return RETURNED, row.responded_at or came
    waiting = next((duty for duty in duties if duty.fulfilled_at is None), None)
    if waiting is not None:
        return ASKED, waiting.created_at
    done = [duty for duty in duties if duty.fulfilled_at is not None]
    last = done[-1].fulfilled_at if done else None
    if not row.payload_recipient:
        return ERASED, last or row.revoked_at or came
    if done and last:
        return KEPT, last
    return (ACCEPTED, row.responded_at or came) if row.state == DisclosureState.ACCEPTED else (WAITING, came)


def silent_since(row: Disclosure, today: date) -> date | None:
    """The day on which feedback was expected that did not come; None when none is missing."""
    late = row.state == DisclosureState.ACCEPTED and row.feedback_due_on is not None and row.feedback_due_on < today
    return row.feedback_due_on if late else None
