"""What stops the program at its start, sorted into the kinds of the analyser, with facts where a rule can still be read."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from signaltable.analysis.compiled import Compiled
from signaltable.analysis.found import Found
from signaltable.facts import FACTS
from signaltable.policy_errors import BrokenPolicy, Finding, read_toml
from signaltable.policy_shapes import DerivedFile, FactTest, Meldroute

Says = Callable[[Finding], bool]


def _mentions(*words: str) -> Says:
    return lambda finding: any(word in finding.message for word in words)


def _in_examples(finding: Finding) -> bool:
    return "meldroutes/examples/" in finding.file


# The first that fits gives the kind; what fits none is simply broken.
_KINDS: tuple[tuple[str, Says], ...] = (
    (
        "missing-translation",
        _mentions(
            "in nl and in en",
            "nl and en",
            "expected a text in ",
            "a label for this value",
            "expected words for this fact",
        ),
    ),
    ("overlapping-dates", _mentions("expected a day after valid_until of", "begins with the same id")),
    ("urgency-order", _mentions("expected each order once")),
    ("duplicate", _mentions("expected this id once", "expected each field once", "expected each id once")),
    (
        "missing-example",
        lambda found: _in_examples(found) and found.key == "" and "meldroute beside it" in found.message,
    ),
    ("failing-example", lambda found: _in_examples(found) and found.key.split(".")[0] in {"hit", "near_miss"}),
    (
        "destination-without-agency",
        _mentions(
            "expected a known destination",
            "expected a known agency kind",
            "expected one exactly when disclosable is true",
        ),
    ),
    ("changes-nothing", _mentions("changes nothing", "expected another urgency than the national one")),
)


def sort_broken(broken: BrokenPolicy, directory: Path) -> list[Found]:
    """Each finding of a folder that does not load, with the smallest facts that lead to it where it is about a meldroute."""
    found = [_sorted(finding, directory) for finding in broken.findings]
    return [*found, *_same_id(broken, directory)]


def _sorted(finding: Finding, directory: Path) -> Found:
    kind = finding.kind
    if kind == "broken":
        kind = next((name for name, says in _KINDS if says(finding)), kind)
        kind = _impossible(finding, directory) or kind
    return Found(kind, finding.file, finding.key, finding.message, facts=_facts(finding, kind, directory))


def _same_id(broken: BrokenPolicy, directory: Path) -> Iterator[Found]:
    """Two files with one id that begin on the same day are no two versions of a rule, but the same rule twice."""
    for finding in broken.findings:
        if "expected a day after valid_until of " not in finding.message:
            continue
        pair = (finding.file, finding.message.rpartition(" ")[2])
        contents = {file: _content(directory, file) for file in pair}
        if len({content.get("valid_from") for content in contents.values()}) == 1:
            # The file that bears just the id is the rule; the other one is the copy.
            one, other = sorted(pair, key=lambda file: Path(file).stem == contents[file].get("id"))
            message = f"expected an id of its own, found {contents[one].get('id')} as in {other}"
            yield Found("duplicate", one, "id", message, facts=_facts_of(directory, one))


def _impossible(finding: Finding, directory: Path) -> str | None:
    """Days that never come, and a number that no answer reaches."""
    if finding.key == "valid_until" and "on or after valid_from" in finding.message:
        return "ground-never-permits" if "grondslagen/" in finding.file else "never-fires"
    test = _at(_content(directory, finding.file), finding.key.removesuffix(".value"))
    if finding.key.endswith(".value") and isinstance(test, Mapping) and test.get("op") in {"below", "at_least"}:
        fact, value = FACTS.get(str(test.get("fact"))), test.get("value")
        if fact is not None and fact.kind == "number" and isinstance(value, int | float):
            passes = value > fact.maximum if test["op"] == "below" else value <= 0
            return "changes-nothing" if passes else "never-fires"
    return None


def _facts(finding: Finding, kind: str, directory: Path) -> Mapping[str, Any] | None:
    if kind == "failing-example" and finding.key:
        given = _at(_content(directory, finding.file), ".".join(finding.key.split(".")[:2]))
        facts = given.get("facts") if isinstance(given, Mapping) else None
        return facts if isinstance(facts, Mapping) else None
    if finding.file == "destinations.toml":
        return _facts_to(directory, finding.key.split(".")[1:2])
    return _facts_of(directory, finding.file) if "meldroutes/" in finding.file else None


def _facts_to(directory: Path, destination: list[str]) -> Mapping[str, Any] | None:
    """The fewest facts on which the first meldroute leads to a destination; None when none does."""
    for path in sorted(directory.glob("**/meldroutes/*.toml")):
        file = path.relative_to(directory).as_posix()
        ends = _content(directory, file).get("to")
        named = [end.get("destination") for end in ends if isinstance(end, dict)] if isinstance(ends, list) else []
        if destination and destination[0] in named:
            return _facts_of(directory, file, destination[0])
    return None


def _facts_of(directory: Path, file: str, destination: str | None = None) -> Mapping[str, Any] | None:
    """The fewest facts on which a meldroute alone holds (and leads there); None when it cannot be read that far.

    A test that nothing can pass, such as one for an answer that is not there, is left out.
    """
    try:
        content = {key: value for key, value in _content(directory, file).items() if key != "valid_until"}
        rule = _possible(Meldroute.model_validate(content))
        derived = {one.id: one for one in DerivedFile.model_validate(_content(directory, "derived.toml")).derived}
    except ValidationError:
        return None
    try:
        compiled = Compiled((rule,), derived)
        aims = [aim for aim in compiled.aims if destination in {None, aim.target.destination}]
        return compiled.space.smallest(compiled.either(compiled.where_held(aim.state) for aim in aims)) or None
    except (KeyError, TypeError, ValueError):  # A test that does not fit its fact has a finding of its own.
        return None


def _possible(rule: Meldroute) -> Meldroute:
    def without(lines: Sequence[Sequence[FactTest]]) -> tuple[tuple[FactTest, ...], ...]:
        return tuple(tuple(test for test in line if _answers(test)) for line in lines)

    ends = [end.model_copy(update={"when": without(end.when)}) for end in rule.to]
    unless = tuple(line for line in without(rule.unless) if line)
    return rule.model_copy(update={"when": without(rule.when), "unless": unless, "to": tuple(ends)})


def _answers(test: FactTest) -> bool:
    """Whether some answer can be what the test asks; a derived fact is taken at its word."""
    fact = FACTS.get(test.fact)
    if fact is None or fact.kind == "number":
        return True
    return any(value in fact.values for value in (test.value if isinstance(test.value, tuple) else (test.value,)))


def _content(directory: Path, file: str) -> dict[str, Any]:
    try:
        return read_toml(directory / file)
    except BrokenPolicy:
        return {}


def _at(content: Any, key: str) -> Any:
    """What stands under a key such as when.0.1; None when nothing does. An entry with an id is found by it."""
    for part in key.split("."):
        if isinstance(content, list):
            content = next(
                (
                    one
                    for number, one in enumerate(content)
                    if str(number) == part or (isinstance(one, dict) and one.get("id") == part)
                ),
                None,
            )
        else:
            content = content.get(part) if isinstance(content, Mapping) else None
    return content
