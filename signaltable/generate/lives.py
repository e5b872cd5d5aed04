"""The lives that are lived once: the worked cases of the demo, and each of them again without a meeting.

A meeting has an end to its agenda; what is repeated a thousand times has to do without one, as most signals in a large
region do.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import Any, Final

from signaltable.demo import cases
from signaltable.demo.story import Demo, Step
from signaltable.domain import day_of
from signaltable.flow import closing
from signaltable.generate.capture import Recorder
from signaltable.generate.people import Inventor

# The steps that a repeated life is made of; all others need a meeting or are about more than the signal itself.
REPEATED: Final = frozenset(
    "submit link triage ask answer withdraw look disclose approve accept give_back feed_back fulfil close_own".split()
)
# What stands behind the name of a case that is lived again.
AGAIN: Final = "~"
# When a working day is over, in minutes.
ENDS: Final = 17 * 60
# How a case that went well is closed (policies/outcomes.toml).
OUTCOME: Final = "help_given"


@dataclass(frozen=True, slots=True)
class Lived:
    """A life that is over: which cases it has, as their reporters told them."""

    name: str
    signals: tuple[Mapping[str, Any], ...]


def plan(
    recorder: Recorder, inventor: Inventor, only: Sequence[str] = ()
) -> tuple[list[Callable[[], None]], list[Lived]]:
    """What to do, in order of time, and the lives that come of it. `only` names the cases; none: all of them."""
    program = recorder.watched()
    now, told = program.clock(), cases.read()
    chosen = {case: one for case, one in told.items() if (not only or case in only) and _reports(one)}
    lives = _together(chosen)
    again = _again(chosen, lives, inventor)
    both = {**(told if not only else {}), **again}
    signals = {case: one.get("signal", {}) for case, one in both.items()}
    demo = Demo(program, day_of(now), MappingProxyType(signals))
    steps = [
        Step(cases.moment(now, said), case, said["do"], said) for case, one in both.items() for said in one["step"]
    ]
    life_of = {case: life for life, of in lives.items() for case in of}
    life_of |= {case + AGAIN: life + AGAIN for case, life in life_of.items()}
    lived = [Lived(life + AGAIN, tuple(signals[case + AGAIN] for case in of)) for life, of in lives.items()]
    ordered = sorted(steps, key=lambda step: step.at)
    return [partial(_take, recorder, demo, step, life_of.get(step.case, "")) for step in ordered], lived


def _reports(told: Mapping[str, Any]) -> bool:
    return any(step["do"] == "submit" for step in told["step"])


def _take(recorder: Recorder, demo: Demo, step: Step, life: str) -> None:
    recorder.life = life
    try:
        _VERBS[step.verb](demo, step)
    finally:
        recorder.life = ""


def _together(told: Mapping[str, Mapping[str, Any]]) -> dict[str, list[str]]:
    """Cases that are linked are one life; by the first of them."""
    life = {case: case for case in told}
    for case, one in told.items():
        for step in one["step"]:
            other = step.get("with")
            if other in life:
                first, second = sorted((life[case], life[other]))
                life = {name: first if of == second else of for name, of in life.items()}
    # In the order in which they were reported.
    reported = sorted(told, key=lambda case: _when(next(one for one in told[case]["step"] if one["do"] == "submit")))
    return {name: [case for case in reported if life[case] == name] for name in dict.fromkeys(life.values())}


def _again(
    told: Mapping[str, Mapping[str, Any]], lives: Mapping[str, Sequence[str]], inventor: Inventor
) -> dict[str, dict[str, Any]]:
    """The same cases about other people, in other words and with REPEATED steps only."""
    made = {}
    for of in lives.values():
        invented = inventor.reported([told[case]["signal"] for case in of])
        for case, signal in zip(of, invented, strict=True):
            steps = [_renamed(step) for step in told[case]["step"] if step["do"] in REPEATED]
            made[case + AGAIN] = {"signal": signal, "step": [*steps, *_ending(steps)]}
    return made


def _renamed(step: Mapping[str, Any]) -> dict[str, Any]:
    """The step in the repeated case; what happened some minutes ago there, happened on the last working day here."""
    then = {"with": step["with"] + AGAIN} if "with" in step else {}
    if "minutes_ago" in step:
        hours, minutes = divmod(ENDS - step["minutes_ago"], 60)
        then |= {"ago": 1, "time": f"{hours:02d}:{minutes:02d}"}
    return {name: one for name, one in step.items() if name != "minutes_ago"} | then


def _when(step: Mapping[str, Any]) -> tuple[int, str]:
    then = _renamed(step)
    return -then["ago"], then["time"]


def _ending(steps: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """A case of which the receiver told what came of it is closed by its owner on the last working day."""
    if not any(step["do"] == "feed_back" for step in steps):
        return []
    by = next(step["by"] for step in steps if step["do"] == "submit")
    return [{"do": "close_own", "by": by, "ago": 1, "time": "17:05"}]


def _close_own(demo: Demo, step: Step) -> None:
    chosen = closing.Chosen(outcome=OUTCOME)
    demo.use(step, step.said["by"], closing.close_own, demo.references[step.case], chosen)


_VERBS: Final[Mapping[str, Callable[[Demo, Step], None]]] = MappingProxyType({**cases.VERBS, "close_own": _close_own})
