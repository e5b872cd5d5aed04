"""Texts of a signal that the text reader has not read yet: held back from the table, read later, confirmed where needed.

A signal is taken in when the reader is away. Its texts then stay with the owner: the table's copy is empty until a job had
them read. What reads nothing new appears by itself; new words are for the submitter to judge first.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import delete, select

from signaltable.access import Permission, require
from signaltable.domain import GONE, Actor, Conflict, NotFound, Resource, State, UnusableInput, day_of
from signaltable.flow import mailing, places, sealing, searching
from signaltable.flow.masking import HAS_BSN, NO_TEXT, TOO_LONG, Reading, read
from signaltable.flow.work import MOST, WorkItem, is_pressing
from signaltable.models import Signal, TextCheck
from signaltable.queries import not_kept_from, resource_of
from signaltable.text import Span, contains_bsn, find_typed, mask, merged
from signaltable.text_reader import client
from signaltable.transaction import Program, Transaction, in_whole, reading, transaction

# Where a text waits: for the reader, or for its submitter.
WAITING, CONFIRM, DONE = "waiting", "confirm", "done"
OPEN: Final = (WAITING, CONFIRM)
# A text that the reader could not read so often, while it reads others, is judged by its submitter alone.
MOST_TRIES: Final = 5
AT_ONCE: Final = 100
REASON_LIMIT: Final = 200
MOST_WORDS: Final = 50
FOUND_MAIL: Final = "text-found"
# Stands for each sign of a person who was erased.
GONE_SIGN: Final = "█"


@dataclass(frozen=True, slots=True)
class Held:
    """A text to hold back: where it stands, as it was written, and what its submitter saw masked in it."""

    place: str
    text: str
    spans: tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class OpenCheck:
    """A text of an own signal that the table does not read yet."""

    id: str
    reference: str
    place: str
    state: str
    asked_at: datetime


@dataclass(frozen=True, slots=True)
class NewWord:
    """A word that the reader found later: its number on the page, what it seems to be, and where it stands."""

    number: int
    kind: str
    word: str


@dataclass(frozen=True, slots=True)
class Question:
    """What the submitter is asked: the text in pieces (words, and what is masked or newly found in them), and the new words."""

    check: OpenCheck
    pieces: tuple[tuple[str, str], ...]
    words: tuple[NewWord, ...]


@dataclass(frozen=True, slots=True)
class Checked:
    """What a run of the job did: texts that appeared, texts that wait for their submitter, texts that still wait."""

    shown: int
    asked: int
    waiting: int


# -- holding back ----------------------------------------------------------------------------------------------------


def hold(tx: Transaction, signal: Signal, texts: Iterable[Held], freed: Iterable[str] = ()) -> None:
    """Keep these texts of a new signal from the table until they are read; `freed` are words that stay readable.

    The originals are sealed for the owner. Written by the transaction that takes the signal in.
    """
    words = sorted(set(freed))
    for one in texts:
        row = TextCheck(id=tx.new_id(), signal_id=signal.id, place=one.place, state=WAITING, asked_at=tx.now, tries=0)
        row.found_sealed = _sealed(
            tx, signal, row.id, {"text": one.text, "masked": _stored(one.spans), "freed": words, "new": []}
        )
        tx.session.add(row)
        _set(signal, one.place, "")
        _record(tx, signal, row, result="waiting")
    tx.session.flush()


def is_held(tx: Transaction, signal_id: str, place: str = "narrative") -> bool:
    """Whether the text at this place is still kept from the table."""
    row = select(TextCheck.id).where(
        TextCheck.signal_id == signal_id, TextCheck.place == place, TextCheck.state.in_(OPEN)
    )
    return tx.session.scalar(row.limit(1)) is not None


def erase_of(tx: Transaction, signal_id: str) -> None:
    """Forget the texts of a signal that is erased."""
    tx.session.execute(delete(TextCheck).where(TextCheck.signal_id == signal_id))


def forget_values(tx: Transaction, signal: Signal, values: Sequence[str]) -> None:
    """Take these values out of the texts of a signal that are held back: one person in it is erased.

    Every sign of them makes place for another one, because what is masked is kept by where it stands.
    """
    rows = select(TextCheck).where(TextCheck.signal_id == signal.id, TextCheck.state.in_(OPEN))
    for row in tx.session.scalars(rows).all():
        kept = _opened(tx, signal, row)
        text = kept["text"]
        for span in find_typed(text, values):
            text = text[: span.start] + GONE_SIGN * (span.end - span.start) + text[span.end :]
        freed = [word for word in kept["freed"] if not find_typed(word, values)]
        row.found_sealed = _sealed(tx, signal, row.id, {**kept, "text": text, "freed": freed})


# -- reading later -----------------------------------------------------------------------------------------------------


def check_waiting(program: Program, actor: Actor) -> Checked:
    """Have the oldest texts that wait read, each in a transaction of its own. Does nothing while the reader is away."""
    with reading(program, whole="texts of every agency wait for the reader") as session:
        due = session.scalars(
            select(TextCheck.id).where(TextCheck.state == WAITING).order_by(TextCheck.asked_at, TextCheck.id)
        )
        ids = list(due.fetchmany(AT_ONCE))
    # What waits for the reader does so until it is back, or until the settings say that there is none.
    wanted = program.settings.text_reader != "off"
    if not ids or (wanted and client.read(program.settings.home, "") is None):
        return Checked(0, 0, len(ids))
    states = []
    for check_id in ids:
        with transaction(program, actor) as tx:
            states.append(_check(tx, check_id))
    return Checked(states.count(DONE), states.count(CONFIRM), states.count(WAITING))


def _check(tx: Transaction, check_id: str) -> str:
    row = tx.session.get(TextCheck, check_id)
    if row is None or row.state != WAITING:
        return ""
    signal = tx.session.get_one(Signal, row.signal_id)
    if State(signal.state) in GONE:
        _close(tx, row)
        _record(tx, signal, row, result="signal_gone")
        return ""
    kept = _opened(tx, signal, row)
    found = read(tx, kept["text"])
    row.tries += 1
    if not found.complete and row.tries < MOST_TRIES:
        _record(tx, signal, row, result="not_read", attempts=row.tries)
        return WAITING
    new = _new(kept, found) if found.complete else ()
    if found.complete and not new:
        _show(tx, signal, row, mask(kept["text"], _spans(kept["masked"])))
        _record(tx, signal, row, result="nothing_new")
        return DONE
    row.state = CONFIRM
    row.found_sealed = _sealed(tx, signal, row.id, {**kept, "new": _stored(new)})
    urgent = mailing.presses(tx, FOUND_MAIL, urgency=signal.urgency)
    mailing.tell(tx, [signal.submitter], FOUND_MAIL, task=("text", row.id), urgent=urgent)
    _record(tx, signal, row, result="new_words" if found.complete else "unreadable", count=len(new), kinds=_kinds(new))
    return CONFIRM


def _new(kept: Mapping[str, Any], found: Reading) -> tuple[Span, ...]:
    """What was found beside what is masked already and beside what its submitter freed."""
    masked = _spans(kept["masked"])
    freed = find_typed(kept["text"], kept["freed"])
    return tuple(span for span in found.spans if not _is_covered(kept["text"], span, [*masked, *freed]))


def _is_covered(text: str, span: Span, by: Iterable[Span]) -> bool:
    signs = {at for at in range(span.start, span.end) if text[at].isalnum()}
    return signs <= {at for one in by for at in range(max(one.start, span.start), min(one.end, span.end))}


# -- confirming ----------------------------------------------------------------------------------------------------------


def work(tx: Transaction) -> Iterable[WorkItem]:
    """The texts of the own agency of which somebody confirms the masks; the table reads them only after that."""
    first = places.of_own_agency(tx, ("texts",), MOST)
    query = (
        select(TextCheck.id, TextCheck.asked_at, TextCheck.signal_id, Signal.reference, Signal.urgency)
        .join(first, first.c.object_id == TextCheck.id)
        .join(Signal, Signal.id == TextCheck.signal_id)
        .where(Signal.owner_agency == tx.actor.agency_id, TextCheck.state == CONFIRM, Signal.state.not_in(GONE))
        .order_by(TextCheck.asked_at, TextCheck.id)
    )
    for row in tx.lists.execute(query):
        due = tx.program.policy.deadlines["text-confirmation"].due(day_of(row.asked_at))
        urgent = is_pressing(tx, row.urgency)
        yield WorkItem("texts", row.id, row.reference, row.asked_at, due, urgent, (row.signal_id,))


def own_checks(tx: Transaction, signal_id: str = "") -> tuple[OpenCheck, ...]:
    """The texts of the own agency, or of one own signal, that the table does not read yet; the oldest first."""
    require(tx.actor, Permission.SIGNAL_SUBMIT_OWN, Resource("signal", owner_agency=tx.actor.agency_id))
    rows = (
        select(TextCheck, Signal.reference)
        .join(Signal, Signal.id == TextCheck.signal_id)
        .where(
            Signal.owner_agency == tx.actor.agency_id,
            TextCheck.state.in_(OPEN),
            Signal.state.not_in(GONE),
            not_kept_from(tx, Signal.id),
        )
        .order_by(TextCheck.asked_at, TextCheck.id)
    )
    rows = rows.where(TextCheck.signal_id == signal_id) if signal_id else rows
    return tuple(_open_check(row, reference) for row, reference in tx.session.execute(rows.limit(AT_ONCE)))


def question(tx: Transaction, check_id: str) -> Question:
    """One text with what was found in it later. Raises `NotFound`, `Refused` for another agency, `Conflict` when it is settled."""
    row, signal = _of_own(tx, check_id)
    kept = _opened(tx, signal, row)
    new, masked = _spans(kept["new"]), _spans(kept["masked"])
    tx.record(
        "signal:consult",
        object_type="signal",
        object_id=signal.reference,
        details={"signal": signal.reference, "view": "owner"},
    )
    words = tuple(NewWord(at, span.kind, kept["text"][span.start : span.end]) for at, span in enumerate(new))
    return Question(_open_check(row, signal.reference), tuple(_pieces(kept["text"], masked, new)), words)


def confirm(tx: Transaction, check_id: str, freed: Mapping[int, str], words: Sequence[str] = ()) -> None:
    """Show the table the text: masked as before, and every new word that is not `freed` (number -> why it is nobody's).

    `words` are further ones to mask. Raises `UnusableInput` at "reason-<number>" or "words", and what `question` raises.
    """
    row, signal = _of_own(tx, check_id)
    kept = _opened(tx, signal, row)
    new = _spans(kept["new"])
    problems = {f"reason-{at}": problem for at, reason in freed.items() if (problem := _reason_problem(reason))}
    if len(words) > MOST_WORDS or any(len(word) > REASON_LIMIT for word in words):
        problems["words"] = TOO_LONG
    if problems:
        raise UnusableInput(problems)
    kept_words = [span for at, span in enumerate(new) if at not in freed or span.kind not in FREEABLE]
    final = merged([*_spans(kept["masked"]), *kept_words, *find_typed(kept["text"], words)])
    _show(tx, signal, row, mask(kept["text"], final))
    tx.record(
        "text:confirm",
        object_type="signal",
        object_id=signal.reference,
        details={
            "signal": signal.reference,
            "place": row.place,
            "count": len(new),
            "masked": len(final),
            "kinds": _kinds(final),
        },
    )


# What a person can judge better than the program; numbers stay masked.
FREEABLE: Final = frozenset({"name", "company", "address", "combination"})


def _reason_problem(reason: str) -> str:
    if not reason.strip():
        return NO_TEXT
    if len(reason) > REASON_LIMIT:
        return TOO_LONG
    return HAS_BSN if contains_bsn(reason) else ""


@in_whole("the gate sees what it refuses")
def _of_own(tx: Transaction, check_id: str) -> tuple[TextCheck, Signal]:
    row = tx.session.get(TextCheck, check_id)
    if row is None:
        raise NotFound("no such text")
    signal = tx.session.get_one(Signal, row.signal_id)
    require(tx.actor, Permission.SIGNAL_SUBMIT_OWN, resource_of(tx, signal))
    if row.state != CONFIRM or State(signal.state) in GONE:
        raise Conflict("text_settled", "this text was settled meanwhile")
    return row, signal


# -- parts ---------------------------------------------------------------------------------------------------------------


def _show(tx: Transaction, signal: Signal, row: TextCheck, masked: str) -> None:
    _set(signal, row.place, masked)
    searching.again(tx, signal)
    signal.version += 1
    _close(tx, row)


def _set(signal: Signal, place: str, text: str) -> None:
    """Put a text where others read it."""
    if place == "narrative":
        signal.narrative_masked = text
    elif place == "municipality":
        signal.municipality = text
    elif place == "language":
        signal.consent = {**signal.consent, "language": text}
    else:
        raise ValueError("expected narrative, municipality or language")


def _close(tx: Transaction, row: TextCheck) -> None:
    row.state, row.checked_at, row.found_sealed = DONE, tx.now, b""


def _pieces(text: str, masked: Iterable[Span], new: Iterable[Span]) -> Iterable[tuple[str, str]]:
    """The text cut up for a page: words with "" for what is readable, "masked" and "new"."""
    marks = sorted([*((span, "masked") for span in masked), *((span, "new") for span in new)])
    at = 0
    for span, mark in marks:
        if span.end <= at:
            continue
        yield text[at : max(at, span.start)], ""
        yield text[max(at, span.start) : span.end], mark
        at = span.end
    yield text[at:], ""


def _open_check(row: TextCheck, reference: str) -> OpenCheck:
    return OpenCheck(row.id, reference, row.place, row.state, row.asked_at)


def _sealed(tx: Transaction, signal: Signal, check_id: str, content: Mapping[str, Any]) -> bytes:
    return sealing.seal_json(tx, signal.owner_agency, content, _place(check_id))


def _opened(tx: Transaction, signal: Signal, row: TextCheck) -> dict[str, Any]:
    return sealing.open_json(tx, signal.owner_agency, row.found_sealed, _place(row.id))


def _place(check_id: str) -> str:
    return f"text_checks|found_sealed|{check_id}"


def _stored(spans: Iterable[Span]) -> list[list[Any]]:
    return [[span.start, span.end, span.kind] for span in spans]


def _spans(stored: Iterable[Sequence[Any]]) -> tuple[Span, ...]:
    return tuple(Span(start, end, kind) for start, end, kind in stored)


def _kinds(spans: Iterable[Span]) -> list[str]:
    return sorted({span.kind for span in spans})


def _record(tx: Transaction, signal: Signal, row: TextCheck, *, result: str, **more: Any) -> None:
    details = {"signal": signal.reference, "place": row.place, "result": result, **more}
    tx.record("text:check", object_type="signal", object_id=signal.reference, details=details, signals=[signal.id])
