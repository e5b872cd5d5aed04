"""The thirteen worked cases as six weeks of work at the table: every row is made by the use case that people use.

cases/*.toml tell what happens, one file per case: a signal, and steps with the person who takes them. Days are counted
back from the clock of the program, in working days, so that the demo is as alive in May as it is in November. The steps
are sorted by time, because the log never runs back.
"""

import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any, Concatenate, Final, ParamSpec, TypeVar

from sqlalchemy import select

from signaltable.conditions.shape import Context
from signaltable.domain import ZONE, Actor, SignaltableError, day_of
from signaltable.evidence_examples import example
from signaltable.evidence_forms import ConditionSpec
from signaltable.facts import Facts, parse_facts
from signaltable.flow import (
    approvals,
    choices,
    disclosing,
    drafts,
    duties,
    enrich,
    linking,
    referrals,
    retention,
    setup,
    signals,
    table,
    triage,
    withdrawing,
)
from signaltable.flow.accounts import SYSTEM, actor_of_login, confirm_password
from signaltable.flow.dossier import TABLE, pseudonym, reader_of
from signaltable.flow.identity_requests import asking, deciding, lists, ways
from signaltable.flow.setup import INSTALLER
from signaltable.flow.signing import sign_checkpoint
from signaltable.grounds import Ground
from signaltable.intake import SignalDraft, SubjectDraft, facts_of, parse, victims
from signaltable.models import Disclosure, Duty, Link, Signal, Subject
from signaltable.policy import PolicySet
from signaltable.queries import signal_by_reference, subjects_of
from signaltable.transaction import Program, Transaction, reading, transaction

FOLDER: Final = Path(__file__).resolve().parent / "cases"
# The region begins so many working days before its first step.
BEGINS_BEFORE: Final = 2
# Steps of today are counted in minutes and stay after the last working day, also when the demo is made at midnight.
MOST_MINUTES: Final = 6 * 60
SATURDAY: Final = 5

P = ParamSpec("P")
T = TypeVar("T")


class BrokenDemo(SignaltableError):
    """The files of the demo ask for something that is not there; the message names the case."""


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that one person does for one case; `said` is the table of the TOML file."""

    at: datetime
    case: str
    verb: str
    said: Mapping[str, Any]


@dataclass(slots=True)
class Demo:
    """What the steps need of each other: references and ids by the names that the files use."""

    program: Program
    today: date
    signals: Mapping[str, Mapping[str, Any]]
    references: dict[str, str] = field(default_factory=dict)
    questions: dict[tuple[str, str], str] = field(default_factory=dict)
    meetings: dict[str, str] = field(default_factory=dict)
    disclosures: dict[tuple[str, str], str] = field(default_factory=dict)
    requests: dict[tuple[str, str], str] = field(default_factory=dict)
    actors: dict[str, Actor] = field(default_factory=dict)

    def use(
        self,
        step: Step,
        login: str,
        use_case: Callable[Concatenate[Transaction, P], T],
        /,
        *args: P.args,
        **options: P.kwargs,
    ) -> T:
        """One use case, by the person with this login, at the moment of the step, in a transaction of its own."""
        then = replace(self.program, clock=lambda: step.at)
        if login not in self.actors:
            self.actors[login] = actor_of_login(self.program, login)
        with transaction(then, self.actors[login]) as tx:
            return use_case(tx, *args, **options)


# -- what the cli calls ------------------------------------------------------------------------------------------------


def steps(program: Program) -> Sequence[Callable[[], None]]:
    """Everything that happens in the demo region, in order of time. Call each once; together they take some seconds."""
    now, told = program.clock(), _read(FOLDER)
    cases = MappingProxyType({case: one.get("signal", {}) for case, one in told.items()})
    demo = Demo(program, day_of(now), cases)
    planned = [Step(_moment(now, said), case, said["do"], said) for case, one in told.items() for said in one["step"]]
    return [partial(VERBS[step.verb], demo, step) for step in sorted(planned, key=lambda step: step.at)]


def beginning(program: Program) -> Program:
    """The program on the day before the first case, to make the region in: the log then starts before its cases."""
    first = max(step.get("ago", 0) for one in _read(FOLDER).values() for step in one["step"])
    then = _at(working_day(day_of(program.clock()), first + BEGINS_BEFORE), time(9, 0))
    return replace(program, clock=lambda: then)


def told_facts(policy: PolicySet, today: date) -> list[list[Facts]]:
    """What the reporters of the cases tell, for each signal and each possible victim in turn; no home is needed."""
    told = []
    for case, one in _read(FOLDER).items():
        if "signal" in one:
            step = Step(_at(today, time(12, 0)), case, "", {})
            draft = _told_draft(one["signal"], step)
            people: Sequence[SubjectDraft | None] = victims(draft) or [None]
            told.append([parse_facts(facts_of(draft, policy, person, 0, today)) for person in people])
    return told


def working_day(today: date, ago: int) -> date:
    """The `ago`-th day from Monday to Friday before `today`; after it when `ago` is negative."""
    day, step = today, timedelta(days=-1 if ago > 0 else 1)
    for _count in range(abs(ago)):
        day += step
        while day.weekday() >= SATURDAY:
            day += step
    return day


def _read(folder: Path) -> dict[str, dict[str, Any]]:
    return {path.stem: tomllib.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.toml"))}


def _moment(now: datetime, said: Mapping[str, Any]) -> datetime:
    if "minutes_ago" in said:
        return now - timedelta(minutes=min(said["minutes_ago"], MOST_MINUTES))
    return _at(working_day(day_of(now), said["ago"]), time.fromisoformat(said["time"]))


def _at(day: date, moment: time) -> datetime:
    return datetime.combine(day, moment, ZONE).astimezone(UTC)


def _draft(demo: Demo, step: Step) -> SignalDraft:
    """The signal of a case as its reporter fills it in, with days counted back from the day of the step."""
    return _told_draft(demo.signals[step.case], step)


def _told_draft(signal: Mapping[str, Any], step: Step) -> SignalDraft:
    told = dict(signal)
    for part in ("observed", "consent"):
        if "days_before" in told.get(part, {}):
            words = {name: value for name, value in told[part].items() if name != "days_before"}
            told[part] = {**words, "on": (step.at.date() - timedelta(days=told[part]["days_before"])).isoformat()}
    return parse(told)


# -- the verbs: reporting and linking ------------------------------------------------------------------------------------


def _submit(demo: Demo, step: Step) -> None:
    receipt = demo.use(step, step.said["by"], signals.submit, _draft(demo, step))
    demo.references[step.case] = receipt.reference


def _withdraw(demo: Demo, step: Step) -> None:
    demo.use(step, step.said["by"], signals.withdraw, demo.references[step.case], step.said["reason"])


def _start_draft(demo: Demo, step: Step) -> None:
    login = step.said["by"]
    begun = demo.use(step, login, drafts.start)
    answers = _draft(demo, step).model_dump(mode="json", exclude_unset=True)
    demo.use(step, login, drafts.save, begun.id, answers, step=step.said["reached"], version=begun.version)


def _link(demo: Demo, step: Step) -> None:
    found = _link_between(demo, step)
    said = step.said
    demo.use(
        step, said["by"], linking.decide, found, confirmed=said.get("confirmed", True), reason=said.get("reason", "")
    )


def _link_between(demo: Demo, step: Step) -> str:
    """The proposed link between two cases. Its owners know it by their own side only; the demo knows both."""
    ids = []
    with reading(demo.program) as session:
        for case in (step.case, step.said["with"]):
            query = (
                select(Link.id)
                .join(Subject, (Link.subject_a == Subject.id) | (Link.subject_b == Subject.id))
                .join(Signal, Signal.id == Subject.signal_id)
                .where(Signal.reference == demo.references[case])
            )
            ids.append(set(session.scalars(query)))
    both = sorted(ids[0] & ids[1])
    if not both:
        raise BrokenDemo(f"{step.case}: expected a proposed link with {step.said['with']}, found none")
    return both[0]


# -- the verbs: at the table ---------------------------------------------------------------------------------------------

COORDINATOR: Final = "coordinator"
CHAIR: Final = "voorzitter"


def _triage(demo: Demo, step: Step) -> None:
    reference, said = demo.references[step.case], step.said
    seen = demo.use(step, COORDINATOR, triage.consult, reference)
    demo.use(
        step,
        COORDINATOR,
        triage.triage,
        reference,
        result=said["result"],
        urgency=said.get("urgency", seen.dossier.urgency),
        reason=said.get("reason", ""),
        version=seen.version,
    )


def _ask(demo: Demo, step: Step) -> None:
    said = step.said
    asking = enrich.Asking(
        agencies=tuple(said["agencies"]),
        subjects=(said.get("subject", 1),),
        note=said.get("note", ""),
        necessity=said.get("necessity", ""),
        checked=True,
    )
    made = demo.use(step, COORDINATOR, enrich.ask, demo.references[step.case], asking)
    demo.questions.update({(step.case, agency): one for agency, one in zip(asking.agencies, made.questions, strict=True)})


def _answer(demo: Demo, step: Step) -> None:
    said = step.said
    question = demo.questions[step.case, said["by"]]
    demo.use(step, said["by"], enrich.read_question, question)
    if "compares" in said:
        demo.use(step, said["by"], enrich.compare, question, said["compares"])
    demo.use(
        step,
        said["by"],
        enrich.answer,
        question,
        answer=said["answer"],
        context=said.get("context", ""),
        checked=bool(said.get("context")),
        capacity=said.get("capacity", ""),
        necessity=said.get("necessity", ""),
        anonymous=said.get("anonymous", False),
    )


def _schedule(demo: Demo, step: Step) -> None:
    said = step.said
    held_on = working_day(demo.today, said["held"])
    demo.meetings[said["meeting"]] = demo.use(step, COORDINATOR, table.schedule, held_on=held_on, title=said["title"])


def _put_on_agenda(demo: Demo, step: Step) -> None:
    meeting = demo.meetings[step.said["meeting"]]
    demo.use(step, COORDINATOR, table.put_on_agenda, meeting, [demo.references[step.case]])


def _discuss(demo: Demo, step: Step) -> None:
    meeting, reference = demo.meetings[step.said["meeting"]], demo.references[step.case]
    demo.use(step, CHAIR, table.consult_item, meeting, reference)
    demo.use(step, COORDINATOR, table.note, meeting, reference, step.said["text"])


def _decide(demo: Demo, step: Step) -> None:
    said = step.said
    deciding = table.Deciding(
        decision=said["decision"],
        reason=said["reason"],
        holder=said.get("holder", ""),
        due_on=working_day(day_of(step.at), -said["within"]) if "within" in said else None,
        destinations=tuple(said.get("destinations", ())),
    )
    demo.use(step, CHAIR, table.decide, demo.meetings[said["meeting"]], demo.references[step.case], deciding)


def _sweep(demo: Demo, step: Step) -> None:
    """The program erases what is past its term, as its job does every night."""
    retention.sweep(replace(demo.program, clock=lambda: step.at), SYSTEM)


def _sign(demo: Demo, step: Step) -> None:
    """The program signs its log by itself, as the job does while it runs."""
    sign_checkpoint(replace(demo.program, clock=lambda: step.at))


# -- the verbs: disclosing and receiving ---------------------------------------------------------------------------------


def _look(demo: Demo, step: Step) -> None:
    """The owner opens the preview of a destination, which shows what would go or why nothing may."""
    _preview(demo, step)


def _preview(demo: Demo, step: Step, **options: Any) -> disclosing.Preview:
    reference, said = demo.references[step.case], step.said
    offered = demo.use(step, said["by"], choices.choose, reference)
    key = next((line.choice.key for line in offered.lines if line.choice.destination == said["to"]), "")
    if not key:
        raise BrokenDemo(f"{step.case}: expected {said['to']} among the advised destinations")
    return demo.use(step, said["by"], disclosing.preview, reference, key, **options)


def _disclose(demo: Demo, step: Step) -> None:
    said = step.said
    chosen: dict[str, Any] = {"ground": said["ground"], "chosen": said["chosen"]}
    filled = {**chosen, "evidence": _evidence(step, _preview(demo, step, **chosen))}
    shown = _preview(demo, step, **filled)
    made = demo.use(step, said["by"], disclosing.disclose, shown.reference, shown.choice.key, **filled, seen=shown.seen)
    demo.disclosures[step.case, said["to"]] = made.reference


def _evidence(step: Step, shown: disclosing.Preview) -> dict[str, dict[str, Any]]:
    """The conditions filled in: invented content, what the signal says about consent, and the words of the file on top."""
    told: Mapping[str, Mapping[str, Any]] = step.said.get("evidence", {})
    ground = shown.option.ground if shown.option else None
    invented = _invented(step, shown.conditions, shown.choice.agency_id, ground, shown.categories)
    return {code: {**filled, **shown.prefill.get(code, {}), **told.get(code, {})} for code, filled in invented.items()}


def _invented(
    step: Step, conditions: Sequence[ConditionSpec], recipient: str, ground: Ground | None, categories: frozenset[str]
) -> dict[str, dict[str, Any]]:
    """Evidence for each of these conditions, made up for the day of the step."""
    made: dict[str, dict[str, Any]] = {}
    for spec in conditions:
        context = Context(
            now=step.at.astimezone(ZONE),
            today=day_of(step.at),
            recipient_agency=recipient,
            person_age="adult",
            parameter=ground.parameters.get(spec.code, "") if ground else "",
        )
        made[spec.code] = dict(example(spec.code, context, categories))
    return made


def _approve(demo: Demo, step: Step) -> None:
    login, reference = step.said["by"], demo.disclosures[step.case, step.said["to"]]
    demo.use(step, login, approvals.consult, reference)
    then = replace(demo.program, clock=lambda: step.at)
    confirmed = confirm_password(then, demo.actors[login], _password(demo.program, login))
    demo.use(step, login, approvals.approve, reference, confirmed)


def _password(program: Program, login: str) -> str:
    """The second person types the password again; that of the demo accounts stands where `signaltable accounts` reads it."""
    return next(str(one["password"]) for one in setup.demo_accounts(program.settings) if one["login"] == login)


def _accept(demo: Demo, step: Step) -> None:
    login, reference = step.said["by"], demo.disclosures[step.case, step.said["to"]]
    demo.use(step, login, referrals.read, reference)
    demo.use(step, login, referrals.accept, reference)


def _give_back(demo: Demo, step: Step) -> None:
    login, reference = step.said["by"], demo.disclosures[step.case, step.said["to"]]
    demo.use(step, login, referrals.read, reference)
    demo.use(step, login, referrals.give_back, reference, cause=step.said["cause"], text=step.said["text"])


def _feed_back(demo: Demo, step: Step) -> None:
    login, reference = step.said["by"], demo.disclosures[step.case, step.said["to"]]
    demo.use(step, login, referrals.feed_back, reference, result=step.said["result"], text=step.said.get("text", ""))


def _fulfil(demo: Demo, step: Step) -> None:
    """What was owed after the disclosure of the case, done on the day of the step."""
    said = step.said
    duty = _duty(demo, step)
    demo.use(step, said["by"], duties.consult, duty)
    done = {"result": said["result"], "on": day_of(step.at), "note": said.get("note", "")}
    demo.use(step, said["by"], duties.fulfil, duty, **done)


def _duty(demo: Demo, step: Step) -> str:
    reference, kind = demo.disclosures[step.case, step.said["to"]], step.said["kind"]
    query = select(Duty.id).join(Disclosure, Disclosure.id == Duty.disclosure_id)
    with reading(demo.program) as session:
        found = session.scalar(query.where(Disclosure.reference == reference, Duty.kind == kind))
    if found is None:
        raise BrokenDemo(f"{step.case}: expected a duty of the kind {kind}, found none")
    return found


def _ask_who(demo: Demo, step: Step) -> None:
    """Somebody at the table asks who the first subject of the case is."""
    said, reference = step.said, demo.references[step.case]
    name = _name_at_table(demo, reference)
    page = demo.use(step, said["by"], asking.prepare, ways.CASE, reference, name)
    offer = page.offer(said["choice"])
    if offer is None:
        raise BrokenDemo(f"{step.case}: expected the choice {said['choice']} to be offered")
    invented = _invented(step, offer.conditions, page.recipient_id, offer.option.ground, offer.categories)
    told: Mapping[str, Mapping[str, Any]] = said.get("evidence", {})
    made = demo.use(
        step,
        said["by"],
        asking.ask,
        ways.CASE,
        reference,
        name,
        choice=offer.key,
        evidence={code: {**filled, **told.get(code, {})} for code, filled in invented.items()},
        motivation=said["why"],
    )
    demo.requests[step.case, said["by"]] = made.reference


def _name_at_table(demo: Demo, reference: str) -> str:
    with transaction(demo.program, INSTALLER) as tx:
        signal = signal_by_reference(tx, reference)
        return pseudonym(tx, reader_of(signal, TABLE), subjects_of(tx, signal.id)[0].id)


def _decide_who(demo: Demo, step: Step) -> None:
    """The second person says whether somebody may see who it is."""
    said = step.said
    reference = demo.requests[step.case, said["asked_by"]]
    demo.use(step, said["by"], lists.consult, reference)
    if said["agrees"]:
        demo.use(step, said["by"], deciding.agree, reference, said["why"])
    else:
        demo.use(step, said["by"], deciding.refuse, reference, said["why"])


def _withdraw_consent(demo: Demo, step: Step) -> None:
    said = step.said
    reference = demo.disclosures[step.case, said["to"]]
    demo.use(step, said["by"], withdrawing.withdraw, reference, on=day_of(step.at), everywhere=said["everywhere"])


VERBS: Final[Mapping[str, Callable[[Demo, Step], None]]] = MappingProxyType(
    {
        "submit": _submit,
        "draft": _start_draft,
        "link": _link,
        "triage": _triage,
        "ask": _ask,
        "answer": _answer,
        "schedule": _schedule,
        "agenda": _put_on_agenda,
        "discuss": _discuss,
        "decide": _decide,
        "sign": _sign,
        "sweep": _sweep,
        "withdraw": _withdraw,
        "look": _look,
        "disclose": _disclose,
        "approve": _approve,
        "accept": _accept,
        "give_back": _give_back,
        "feed_back": _feed_back,
        "fulfil": _fulfil,
        "withdraw_consent": _withdraw_consent,
        "ask_who": _ask_who,
        "decide_who": _decide_who,
    },
)
