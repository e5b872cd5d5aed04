"""The thirteen worked cases as six weeks of work at the table: every row is made by the use case that people use.

cases/*.toml tell what happens, one file per case: a signal, and steps with the person who takes them. Days are counted
back from the clock of the program, in working days, so that the demo is as alive in May as it is in November. The steps
are sorted by time, because the log never runs back.
"""

import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from signaltable.demo import at_table, disclosures, meeting_day, reporting, rights
from signaltable.demo.reporting import told_draft
from signaltable.demo.story import Demo, Step, moment_of, working_day
from signaltable.domain import day_of
from signaltable.facts import Facts, parse_facts
from signaltable.flow import retention
from signaltable.flow.coming_in.actors import SYSTEM
from signaltable.flow.escalations.looking import look
from signaltable.flow.signing import sign_checkpoint
from signaltable.intake import SubjectDraft, facts_of, victims
from signaltable.policy import PolicySet
from signaltable.transaction import Program

FOLDER: Final = Path(__file__).resolve().parent / "cases"
# The region begins so many working days before its first step.
BEGINS_BEFORE: Final = 2
# Steps of today are counted in minutes and stay after the last working day, also when the demo is made at midnight.
MOST_MINUTES: Final = 6 * 60


def steps(program: Program) -> Sequence[Callable[[], None]]:
    """Everything that happens in the demo region, in order of time. Call each once; together they take some seconds."""
    now, told = program.clock(), read()
    cases = MappingProxyType({case: one.get("signal", {}) for case, one in told.items()})
    demo = Demo(program, day_of(now), cases)
    planned = [Step(moment(now, said), case, said["do"], said) for case, one in told.items() for said in one["step"]]
    return [partial(VERBS[step.verb], demo, step) for step in sorted(planned, key=lambda step: step.at)]


def beginning(program: Program) -> Program:
    """The program on the day before the first case, to make the region in: the log then starts before its cases."""
    first = max(step.get("ago", 0) for one in read().values() for step in one["step"])
    then = moment_of(working_day(day_of(program.clock()), first + BEGINS_BEFORE), time(9, 0))
    return replace(program, clock=lambda: then)


def told_facts(policy: PolicySet, today: date) -> list[list[Facts]]:
    """What the reporters of the cases tell, for each signal and each possible victim in turn; no home is needed."""
    told = []
    for case, one in read().items():
        if "signal" in one:
            step = Step(moment_of(today, time(12, 0)), case, "", {})
            draft = told_draft(one["signal"], step)
            people: Sequence[SubjectDraft | None] = victims(draft) or [None]
            told.append([parse_facts(facts_of(draft, policy, person, 0, today)) for person in people])
    return told


def read(folder: Path = FOLDER) -> dict[str, dict[str, Any]]:
    """What the files of the cases tell, by the name of the case."""
    return {path.stem: tomllib.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.toml"))}


def moment(now: datetime, said: Mapping[str, Any]) -> datetime:
    if "minutes_ago" in said:
        return now - timedelta(minutes=min(said["minutes_ago"], MOST_MINUTES))
    return moment_of(working_day(day_of(now), said["ago"]), time.fromisoformat(said["time"]))


def _sweep(demo: Demo, step: Step) -> None:
    """The program erases what is past its term, as its job does every night."""
    retention.sweep(replace(demo.program, clock=lambda: step.at), SYSTEM)


def _look_stuck(demo: Demo, step: Step) -> None:
    """The program looks which cases are stuck, as its job does every hour."""
    look(replace(demo.program, clock=lambda: step.at), SYSTEM)


def _sign(demo: Demo, step: Step) -> None:
    """The program signs its log by itself, as the job does while it runs."""
    sign_checkpoint(replace(demo.program, clock=lambda: step.at))


VERBS: Final[Mapping[str, Callable[[Demo, Step], None]]] = MappingProxyType(
    {
        "submit": reporting.submit,
        "draft": reporting.start_draft,
        "link": reporting.link,
        "triage": at_table.judge,
        "ask": at_table.ask,
        "answer": at_table.answer,
        "schedule": at_table.schedule,
        "agenda": at_table.put_on_agenda,
        "discuss": at_table.discuss,
        "decide": at_table.decide,
        "table": meeting_day.make_table,
        "attend": meeting_day.say_who_comes,
        "present": meeting_day.note_who_is_there,
        "close": meeting_day.close_meeting,
        "share": meeting_day.share_minutes,
        "approve_minutes": meeting_day.approve_minutes,
        "assign": meeting_day.assign_task,
        "settle": meeting_day.settle_task,
        "interest": meeting_day.declare_interest,
        "reflect": meeting_day.begin_reflection,
        "revoke": disclosures.revoke,
        "look_stuck": _look_stuck,
        "sign": _sign,
        "sweep": _sweep,
        "withdraw": reporting.withdraw,
        "look": disclosures.look,
        "disclose": disclosures.disclose,
        "approve": disclosures.approve,
        "accept": disclosures.accept,
        "give_back": disclosures.give_back,
        "feed_back": disclosures.feed_back,
        "fulfil": disclosures.fulfil,
        "withdraw_consent": disclosures.withdraw_consent,
        "ask_who": disclosures.ask_who,
        "decide_who": disclosures.decide_who,
        "give_role": rights.give_role,
        "open_in_danger": rights.open_in_danger,
        "look_back": rights.look_back,
        "tell_of_rights": rights.tell_of_rights,
    },
)
