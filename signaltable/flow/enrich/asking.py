"""Asking partners whether they know a subject or a fact: what would go to whom on which ground, and asking it."""

import hashlib
import hmac
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from sqlalchemy import select

from signaltable.access import Permission, require
from signaltable.disclosure.outcome import Reason
from signaltable.domain import ASKABLE, Conflict, State, UnusableInput
from signaltable.flow import consultation, fact_questions, mailing
from signaltable.flow.consultation import About, Carried, NotCarried
from signaltable.flow.dossier import TABLE, pseudonym, reader_of, signal_at_table
from signaltable.flow.enrich.asked import ANSWER
from signaltable.flow.enrich.shown import Shown, shown
from signaltable.flow.masking import for_others, text_hash
from signaltable.flow.moves import move
from signaltable.grounds import LegalReference
from signaltable.models import Agency, Question, Signal, TableMember
from signaltable.queries import resource_of, subjects_of
from signaltable.texts import Text
from signaltable.transaction import Transaction

NOTE_LIMIT = 1000
# So many questions at once somebody can still read before they go; whoever wants more asks twice.
MOST_AT_ONCE = 60

NO_PARTNER = "expected at least one partner"
NO_SUBJECT = "expected one of the subjects or facts of this signal"
EARLY = "expected a day from today on"
UNCHECKED = "expected your check that nobody can be recognised"
ASKED_ALREADY = "expected a partner who does not have this question yet"
TOO_MANY = "expected fewer partners, subjects and facts at once"
TELLS_MORE = "expected a note without words of a kind that the ground of the question does not carry"
UNSEEN = "unseen"

ALREADY = Reason(
    "asked_already",
    Text("Deze partner heeft deze vraag al en moet nog antwoorden.", "This partner has this question already."),
)


@dataclass(frozen=True, slots=True)
class Asking:
    """What the coordinator asks: of which partners, about which subjects (by number) and facts (by code).

    `checked`: a person read it again and nobody can be recognised.
    """

    agencies: tuple[str, ...]
    subjects: tuple[int, ...] = ()
    facts: tuple[str, ...] = ()
    due_on: date | None = None
    note: str = ""
    necessity: str = ""
    checked: bool = False


@dataclass(frozen=True, slots=True)
class Going:
    """A question as its partner will read it. The pseudonym is the partner's own, and not shown to the asker."""

    agency: str
    title: str
    about: str
    shown: Shown
    ground: str
    legal_basis: tuple[LegalReference, ...]

    @property
    def content(self) -> tuple[Shown, str]:
        """What the partner reads and on which ground; the same for two partners who read the same."""
        return self.shown, self.ground


@dataclass(frozen=True, slots=True)
class Staying:
    """A question that does not go to this partner, and why."""

    agency: str
    title: str
    about: str
    reasons: tuple[Text, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """What would be asked: each question that goes, each that stays, and what is the same for all.

    `seen` names exactly this, so that nothing else goes out than what somebody looked at.
    """

    going: tuple[Going, ...]
    staying: tuple[Staying, ...]
    note: str
    purpose: str
    due_on: date
    seen: str


@dataclass(frozen=True, slots=True)
class Sent:
    """The questions that went out, by id, and those that did not."""

    questions: tuple[str, ...]
    staying: tuple[Staying, ...]


@dataclass(frozen=True, slots=True)
class _Pair:
    """One partner and one thing to ask about, with what the grounds say of it."""

    agency: Agency
    about: About
    found: Carried | NotCarried | None

    @property
    def reasons(self) -> tuple[Text, ...]:
        return tuple(one.text for one in self.found.reasons) if isinstance(self.found, NotCarried) else (ALREADY.text,)


def default_due(tx: Transaction) -> date:
    """The last day to answer a question that is asked today (policies/deadlines.toml)."""
    return tx.program.policy.deadlines[ANSWER].due(tx.today)


def partners(tx: Transaction, signal: Signal) -> list[tuple[str, str]]:
    """The agencies that can be asked, as (id, title): members of the table, without the owner and the one who asks."""
    rows = tx.session.execute(
        select(Agency.id, Agency.title)
        .join(TableMember, TableMember.agency_id == Agency.id)
        .where(
            TableMember.table_id == signal.table_id,
            Agency.active,
            Agency.id.not_in((signal.owner_agency, tx.actor.agency_id)),
        )
        .order_by(Agency.title),
    )
    return [(row.id, row.title) for row in rows]


def plan(tx: Transaction, reference: str, asking: Asking) -> Plan:
    """What asking this would send to whom, on which ground, and what would stay. Asks nobody anything.

    Raises as `ask` does, but for what nobody has to have checked yet and for grounds: those are in the plan.
    """
    signal, pairs, note, due_on = _weighed(tx, reference, asking, keep=False)
    tx.record(
        "enrich:consult",
        object_type="signal",
        object_id=signal.reference,
        details={"signal": signal.reference, "view": "preview", "count": len(pairs), "purpose": consultation.PURPOSE},
    )
    return Plan(
        going=tuple(_going(tx, signal, one) for one in pairs if isinstance(one.found, Carried)),
        staying=tuple(_staying(tx, signal, one) for one in pairs if not isinstance(one.found, Carried)),
        note=note,
        purpose=consultation.PURPOSE,
        due_on=due_on,
        seen=_seen(tx, signal, pairs, note),
    )


def _seen(tx: Transaction, signal: Signal, pairs: Iterable[_Pair], note: str) -> str:
    """Names what would go to whom without saying it: an HMAC over all that partners would read, and on which ground."""
    going = [_going(tx, signal, one) for one in pairs if isinstance(one.found, Carried)]
    said = repr((signal.reference, note, going)).encode()
    return hmac.new(tx.program.keys.derive("session", "asking-seen"), said, hashlib.sha256).hexdigest()


def ask(tx: Transaction, reference: str, asking: Asking, *, seen: str | None = None) -> Sent:
    """Ask partners whether they know these subjects and facts. What a ground carries goes out; what none does is told.

    `seen` is that of the plan that somebody looked at, None for whoever looked at none. Raises `Refused` (no_ground) when
    nothing at all can go, `Conflict` before triage or after the table is done, and (unseen) when something else would go
    now than what was seen; `UnusableInput` for what was not offered.
    """
    if not asking.checked:
        _all_problems(tx, reference, asking)
    signal, pairs, note, due_on = _weighed(tx, reference, asking, keep=True)
    if seen is not None and not hmac.compare_digest(_seen(tx, signal, pairs, note).encode(), seen.encode()):
        raise Conflict(UNSEEN, "something else would go out now than what was looked at")
    failed = [one.found for one in pairs if isinstance(one.found, NotCarried)]
    going = [one for one in pairs if isinstance(one.found, Carried)]
    if not going:
        raise consultation.refusal(tx, signal, failed) if failed else UnusableInput({"agencies": ASKED_ALREADY})
    for one in failed:
        _record_refusal(tx, signal, one)
    made = {_put(tx, signal, one, due_on, note, asking.necessity): one.agency.id for one in going}
    if State(signal.state) is State.TRIAGED:
        move(tx, signal, State.ENRICHING)
    _tell(tx, signal, made, due_on)
    return Sent(tuple(made), tuple(_staying(tx, signal, one) for one in pairs if not isinstance(one.found, Carried)))


def _all_problems(tx: Transaction, reference: str, asking: Asking) -> None:
    """What nobody checked is not asked; said together with whatever else is wrong."""
    problems = {"checked": UNCHECKED}
    try:
        _weighed(tx, reference, asking, keep=False)
    except UnusableInput as error:
        problems |= error.problems
    raise UnusableInput(problems)


def _weighed(tx: Transaction, reference: str, asking: Asking, *, keep: bool) -> tuple[Signal, list[_Pair], str, date]:
    """The signal, what the grounds say for each partner and thing, the masked note and the day."""
    signal = signal_at_table(tx, reference)
    require(tx.actor, Permission.ENRICH_ASK_OWN_TABLE, resource_of(tx, signal))
    if keep:
        tx.session.refresh(signal, with_for_update=True)
    if State(signal.state) not in ASKABLE:
        raise Conflict("state", f"no question can be asked about a signal that is {signal.state}")
    abouts = _abouts(tx, signal, asking)
    due_on = asking.due_on or default_due(tx)
    _check(tx, signal, asking, due_on)
    note = for_others(tx, asking.note, "note", limit=NOTE_LIMIT)
    pairs = [
        _pair(tx, signal, about, agency_id, asking.necessity, keep=keep)
        for about in abouts
        for agency_id in dict.fromkeys(asking.agencies)
    ]
    carried = [one.found for one in pairs if isinstance(one.found, Carried)]
    if note and not all(consultation.covers_note(tx, signal, one, note) for one in carried):
        raise UnusableInput({"note": TELLS_MORE})
    return signal, pairs, note, due_on


def _abouts(tx: Transaction, signal: Signal, asking: Asking) -> list[About]:
    subjects = {one.number: one for one in subjects_of(tx, signal.id) if one.erased_at is None}
    numbers, facts = dict.fromkeys(asking.subjects), dict.fromkeys(asking.facts)
    if (not numbers and not facts) or set(numbers) - set(subjects):
        raise UnusableInput({"subject": NO_SUBJECT})
    if set(facts) - set(fact_questions.codes_of(signal)):
        raise UnusableInput({"fact": NO_SUBJECT})
    return [*(About(subjects[number]) for number in numbers), *(About(fact=code) for code in facts)]


def _check(tx: Transaction, signal: Signal, asking: Asking, due_on: date) -> None:
    problems = {}
    offered = {agency for agency, _ in partners(tx, signal)}
    if not asking.agencies or set(asking.agencies) - offered:
        problems["agencies"] = NO_PARTNER
    elif len(set(asking.agencies)) * (len(set(asking.subjects)) + len(set(asking.facts))) > MOST_AT_ONCE:
        problems["agencies"] = TOO_MANY
    if due_on < tx.today:
        problems["due_on"] = EARLY
    if problems:
        raise UnusableInput(problems)


def _pair(tx: Transaction, signal: Signal, about: About, agency_id: str, necessity: str, *, keep: bool) -> _Pair:
    agency = tx.session.get_one(Agency, agency_id)
    if agency_id in _asked_already(tx, signal, about):
        return _Pair(agency, about, None)
    return _Pair(agency, about, consultation.weigh(tx, signal, about, agency, necessity, keep=keep))


def _asked_already(tx: Transaction, signal: Signal, about: About) -> set[str]:
    query = select(Question.agency_id).where(
        Question.signal_id == signal.id, Question.answer == "", Question.withdrawn_at.is_(None)
    )
    same = Question.subject_id == about.subject.id if about.subject else Question.fact == about.fact
    return set(tx.session.scalars(query.where(same)))


def _going(tx: Transaction, signal: Signal, one: _Pair) -> Going:
    assert isinstance(one.found, Carried)
    return Going(
        agency=one.agency.id,
        title=one.agency.title,
        about=_name(tx, signal, one.about),
        shown=shown(tx, signal, one.about, one.found.fields, name=""),
        ground=one.found.ground,
        legal_basis=consultation.legal_basis(tx, one.found.ground, tx.today),
    )


def _staying(tx: Transaction, signal: Signal, one: _Pair) -> Staying:
    return Staying(one.agency.id, one.agency.title, _name(tx, signal, one.about), one.reasons)


def _name(tx: Transaction, signal: Signal, about: About) -> str:
    """How the table knows what is asked about: a pseudonym, or the code of a fact."""
    return pseudonym(tx, reader_of(signal, TABLE), about.subject.id) if about.subject else about.fact


def _record_refusal(tx: Transaction, signal: Signal, failed: NotCarried) -> None:
    """One question of several that no ground carried: the others go out, and this one is in the log like any refusal."""
    tx.session.add_all(failed.made)
    tx.record(
        "disclosure:refuse",
        object_type="signal",
        object_id=signal.reference,
        outcome="refused",
        reason="no_ground",
        details=consultation.refusal_details(tx, signal, failed),
    )


def _put(tx: Transaction, signal: Signal, one: _Pair, due_on: date, note: str, necessity: str) -> str:
    carried, about = one.found, one.about
    assert isinstance(carried, Carried)
    question = Question(
        id=tx.new_id(),
        signal_id=signal.id,
        subject_id=about.subject.id if about.subject else None,
        fact=about.fact,
        purpose=consultation.PURPOSE,
        agency_id=one.agency.id,
        asked_by=tx.actor.account_id,
        asked_at=tx.now,
        due_on=due_on,
        note=note,
        ground=carried.ground,
        answer="",
        context="",
        anonymous=False,
        answered_by="",
    )
    tx.session.add(question)
    details = {
        "ask": question.id,
        "signal": signal.reference,
        "asked": one.agency.id,
        "purpose": consultation.PURPOSE,
        "ground": carried.ground,
        "ground_digest": carried.ground_digest,
        "fields": sorted(carried.fields),
        "categories": sorted(carried.categories),
        "legal_basis": list(carried.legal_basis),
        "conditions": [{"code": met.code, "evidence_hash": met.evidence_hash} for met in carried.conditions],
        "policy_digest": tx.program.policy.digest,
    }
    details |= {"fact": about.fact.partition(fact_questions.SPLIT)[0]} if about.fact else {}
    details |= {"motivation_hash": text_hash(necessity.strip())} if necessity.strip() else {}
    tx.record(
        "enrich:ask",
        object_type="question",
        object_id=question.id,
        details=details,
        subjects=[about.subject.id] if about.subject else (),
    )
    return question.id


def _tell(tx: Transaction, signal: Signal, made: dict[str, str], due_on: date) -> None:
    """One mail for each person who can answer; with more than one question it leads to all that waits."""
    by_agency: dict[str, list[str]] = {}
    for question, agency in made.items():
        by_agency.setdefault(agency, []).append(question)
    for agency, questions in by_agency.items():
        task = ("question", questions[0]) if len(questions) == 1 else ("work", "")
        mailing.tell_agency(
            tx,
            [agency],
            Permission.ENRICH_ANSWER_ASKED,
            "question",
            task=task,
            urgent=mailing.presses(tx, "question", urgency=signal.urgency, due_on=due_on),
            about=[signal.id],
        )
