"""The thirteen worked cases of the demo against the grounds: what may go where, now, after which step, or never, and why.

`python -m signaltable.demo.walk` writes docs/cases.md; `--check` only says whether that page is up to date.
"""

import sys
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from signaltable import route
from signaltable.disclosure.request import Person, Request
from signaltable.disclosure.words import CATEGORY_WORDS
from signaltable.facts import parse_facts
from signaltable.flow.contents import NARRATIVE, Contents, Holder, contents_from
from signaltable.flow.masking import kinds_in
from signaltable.grounds import CONSENTS, CONSULT
from signaltable.intake import SignalDraft, SubjectDraft, facts_of, parse, victims
from signaltable.models import Signal, Subject
from signaltable.outlook import Known, Prospect, Way, known_from, prospect
from signaltable.policy import PolicySet, load
from signaltable.policy_shapes import Destination
from signaltable.settings import Settings

PAGE: Final = Path(__file__).resolve().parents[2] / "docs" / "cases.md"
FOLDER: Final = Path(__file__).resolve().parent
# The rules of this day are walked, so that the page changes when a rule does and not when a day passes.
DAY: Final = date(2026, 11, 23)
NOBODY: Final = 0
# The regional table as a recipient; it reads what is pseudonymous and never a name.
TABLE: Final = "table"

# The worked cases in their order, with the file of the demo that tells each and what it is about.
CASES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "janusz": "Janusz, horticulture, a caravan and a low wage",
        "danita": "Danita, sex work from the house of her friend",
        "mascha2": "Mascha, au pair on a farm, with a doctor",
        "achmed": "Achmed, made to swallow drugs, ill, cannot be asked",
        "cara": "Cara, asks how to claim the minimum wage",
        "ihrin": "Ihrin, partner of a factory on paper",
        "hassan": "Hassan, does not know what goes off his pay",
        "tanya": "Tanya, nail studio in her name",
        "jady": "Jady, pregnant, massage salon, medical secrecy, no consent asked",
        "jintha": "Jintha, shares a bed in shifts and picks peppers",
        "dusi": "Dusi, courier, pays back the flight of the family",
        "meisje": "A girl of about 17 or 18 in a hotel with an older man",
        "milan": "A man of 30 after his escape, who needs a bed tonight",
    },
)


@dataclass(frozen=True, slots=True)
class Situation:
    """A case as the grounds see it: who has the data in which task, what there is, and what is known."""

    kind: str
    capacity: str
    facts: Mapping[str, Any]
    named: Contents
    nameless: Contents
    advised: tuple[tuple[str, str], ...]

    def request(self, recipient: str, purpose: str, number: int) -> Request:
        """The request about one subject (NOBODY: the signal alone, about nobody in particular)."""
        contents = self.nameless if purpose == CONSULT else self.named
        holder = contents.holder(number) if number else None
        return Request(
            provider_capacity=self.capacity,
            provider_kind=self.kind,
            recipient_kind=recipient,
            recipient_agency="",
            purpose=purpose,
            person=_person(holder, self.facts),
            fields={**contents.fields, **(holder.fields if holder else {})},
            on=DAY,
            now=datetime.combine(DAY, time(9, 30), UTC),
            demo=True,
        )

    @property
    def numbers(self) -> tuple[int, ...]:
        """The subjects it is about; NOBODY when it names none."""
        return tuple(holder.number for holder in self.named.holders) or (NOBODY,)

    @property
    def known(self) -> Known:
        return known_from(self.facts)


def _person(holder: Holder | None, facts: Mapping[str, Any]) -> Person:
    if holder is None:
        return Person(str(facts.get("age", "unknown")), "victim" if facts.get("victim") == "possible" else "unknown")
    return Person(holder.age, holder.role.removeprefix("possible_"))


# -- from the files of the demo ---------------------------------------------------------------------------------------


def situation(case: str, policy: PolicySet, **changes: Any) -> Situation:
    """A case of the demo; `changes` replace parts of the signal, such as `consent`."""
    told = tomllib.loads((FOLDER / "cases" / f"{case}.toml").read_text(encoding="utf-8"))
    draft = _draft(told["signal"], changes)
    return situation_of(draft, _provider_kind(told), policy)


def situation_of(draft: SignalDraft, provider_kind: str, policy: PolicySet) -> Situation:
    """What a signal as it would be submitted comes to, without storing it."""
    signal, subjects, named = _rows(draft, policy)
    return Situation(
        kind=provider_kind,
        capacity=draft.capacity,
        facts=signal.facts,
        named=contents_from(signal, subjects, named, policy),
        nameless=contents_from(signal, subjects, named, policy, nameless=True),
        advised=tuple(_advised(draft, policy)),
    )


def _draft(signal: Mapping[str, Any], changes: Mapping[str, Any]) -> SignalDraft:
    told = {**signal, **changes}
    for part in ("observed", "consent"):
        told[part] = {name: value for name, value in told.get(part, {}).items() if name != "days_before"}
    return parse(told)


def _provider_kind(told: Mapping[str, Any]) -> str:
    login = next(step["by"] for step in told["step"] if step["do"] == "submit")
    region = tomllib.loads((FOLDER / "region.toml").read_text(encoding="utf-8"))
    agency = next(one["agency"] for one in region["account"] if one["login"] == login)
    return str(next(one["kind"] for one in region["agency"] if one["id"] == agency))


def _rows(draft: SignalDraft, policy: PolicySet) -> tuple[Signal, list[Subject], dict[str, dict[str, bool]]]:
    people = victims(draft)
    signal = Signal(
        reference="S-0000-00",
        urgency=draft.safety.urgency,
        observed_on=draft.observed.on,
        municipality=draft.observed.municipality,
        source_quality=draft.observed.source_quality,
        facts=facts_of(draft, policy, people[0] if people else None, 0, DAY),
        form_rows=dict(draft.form_rows),
        indicators=dict(draft.indicators),
        flags=list(draft.flags),
        consent=draft.consent.model_dump(mode="json"),
        narrative_masked=draft.narrative,
        found=sorted(kinds_in(draft.narrative, policy).union(draft.categories)),
    )
    subjects = [
        Subject(
            id=str(number),
            number=number,
            kind=one.kind,
            role=one.role,
            age_band=one.age if one.kind == "person" else "unknown",
            gender=one.gender if one.kind == "person" else "unknown",
        )
        for number, one in enumerate(draft.subjects, start=1)
    ]
    named = {
        str(number): {name: name not in one.unsure for name, value in one.identity.items() if value}
        for number, one in enumerate(draft.subjects, start=1)
    }
    return signal, subjects, named


def _advised(draft: SignalDraft, policy: PolicySet) -> Iterator[tuple[str, str]]:
    """(destination, purpose) of the meldroutekaart, the most urgent first, each once."""
    people: Sequence[SubjectDraft | None] = victims(draft) or [None]
    facts = [parse_facts(facts_of(draft, policy, one, 0, DAY)) for one in people]
    advice = route.merge([route.decide(one, policy, on=DAY) for one in facts], policy)
    yield from dict.fromkeys((one.destination, one.purpose) for one in advice.routes)


# -- the walk ---------------------------------------------------------------------------------------------------------


def prospects(case: Situation, recipient: str, purpose: str, policy: PolicySet) -> dict[int, Prospect]:
    """Per subject what this recipient may get for this purpose."""
    return {
        number: prospect(case.request(recipient, purpose, number), policy.grounds, case.known)
        for number in case.numbers
    }


# Beside what the card leads to somewhere: danger, and the purpose that no signal is meant for.
_ALWAYS: Final = (("avim", "P7"), ("avim", "P5"))


def others(case: Situation, policy: PolicySet) -> Iterator[tuple[str, str]]:
    """(destination, purpose) that the card does not advise here and that it leads to in another case."""
    led = [(one.destination, one.purpose) for rule in policy.meldroutes_on(DAY) for one in rule.to]
    seen = {(policy.destinations[name].agency_kind, purpose) for name, purpose in case.advised}
    for name, purpose in (*led, *_ALWAYS):
        kind = policy.destinations[name].agency_kind
        if kind and kind != case.kind and (kind, purpose) not in seen:
            seen.add((kind, purpose))
            yield name, purpose


# -- the page ---------------------------------------------------------------------------------------------------------

HEADER: Final = """# What may go where: the thirteen worked cases

Generated from the demo cases, the meldroutekaart and the grounds by `make pages`
(`python -m signaltable.demo.walk`), for the rules of {day}. Do not edit: change the rules and make it again. A test
fails when this page is not up to date.

Each case stands as its reporter logged it, seen from the organisation that has the data. **Now** is what the owner can do
alone, with reasons and statements. **After** is what needs somebody or something else first. **Never** names the kinds of
data that no ground carries there, with the row that keeps them. Row ids are those of `policies/grondslagen/`; X rows were
added here and wait for review, and outside the demo no unsigned ground counts at all.

The table of the region is not a recipient of names. It reads the pseudonymous form (rows D1 and X16).
"""


def page(policy: PolicySet) -> str:
    """The whole page."""
    parts = [HEADER.format(day=DAY.isoformat())]
    for number, (case, title) in enumerate(CASES.items(), start=1):
        parts.append(f"\n## {number}. {title}\n\n{_case(situation(case, policy), policy)}")
    return "".join(parts)


def _case(case: Situation, policy: PolicySet) -> str:
    capacity = policy.capacities_of(case.kind)[case.capacity].title.nl
    facts = ", ".join(f"{name} {_fact(case.facts[name])}" for name in _TOLD if name in case.facts)
    lines = [
        f"Owner: {policy.agency_kinds[case.kind].title.nl}, in the task {capacity}. Facts: {facts}.\n",
        "| destination | about | now | after | never | rows |\n|---|---|---|---|---|---|",
    ]
    for name, purpose in case.advised:
        lines += _advised_lines(case, policy.destinations[name], purpose, policy)
    lines.append(f"\n{_elsewhere(case, policy)}")
    return "\n".join(lines)


_TOLD: Final = ("age", "forms", "victim_consent", "acute_danger", "residence", "perpetrator", "organised")


def _fact(value: Any) -> str:
    return "+".join(value) if isinstance(value, list) else str(value)


def _advised_lines(case: Situation, destination: Destination, purpose: str, policy: PolicySet) -> Iterator[str]:
    where = f"{destination.title.nl} ({purpose})"
    if destination.agency_kind is None and purpose == CONSULT:
        for number, one in prospects(case, TABLE, purpose, policy).items():
            yield _line(case, where, _about(case, number), one, policy)
    elif destination.agency_kind is None:
        yield f"| {where} | – | {_without_data(destination)} | – | names | – |"
    elif destination.agency_kind == case.kind:
        yield f"| {where} | – | the owner itself | – | – | – |"
    else:
        found = prospects(case, destination.agency_kind, purpose, policy)
        for number, one in found.items():
            yield _line(case, where, _about(case, number), one, policy)


def _without_data(destination: Destination) -> str:
    if destination.phone:
        return f"call {destination.phone} yourself"
    return "no data leave: something is handed out"


def _about(case: Situation, number: int) -> str:
    if not number:
        return "nobody in particular"
    holder = case.named.holder(number)
    return f"{number}: {holder.role.replace('_', ' ')}" + (
        f", {holder.age}" if holder.kind == "person" else f", {holder.kind}"
    )


def _line(case: Situation, where: str, about: str, one: Prospect, policy: PolicySet) -> str:
    now = _grouped(one.now, policy) or "–"
    after = _grouped(one.after, policy) or "–"
    if case.facts.get("victim_consent") == "refused" and any(CONSENTS & set(way.steps) for way in one.after):
        after += "<br>(consent is refused so far)"
    never = ", ".join(f"{CATEGORY_WORDS[name].en} ({row})" for name, row in one.never.items()) or "–"
    if NARRATIVE in one.staying and "narrative" not in one.never:
        never = f"{never}, and with it the account" if one.never else "the account"
    if one.status == "never":
        never = "nothing may go: " + (" ".join(dict.fromkeys(_because(one))) or "no ground (D0)")
    return f"| {where} | {about} | {now} | {after} | {never} | {', '.join(one.rows) or 'D0'} |"


def _because(one: Prospect) -> Iterator[str]:
    yield from (f"{reason.text.en}" + (f" ({reason.row})" if reason.row else "") for reason in one.why)


def _grouped(ways: Sequence[Way], policy: PolicySet) -> str:
    """The ways with the same steps as one: the steps, the kinds of data together, the rows."""
    groups: dict[tuple[str, ...], list[Way]] = {}
    for way in ways:
        groups.setdefault(way.steps, []).append(way)
    return "<br>".join(_group(steps, found, policy) for steps, found in groups.items())


def _group(steps: tuple[str, ...], ways: Iterable[Way], policy: PolicySet) -> str:
    found = list(ways)
    kinds = ", ".join(
        CATEGORY_WORDS[name].en for name in CATEGORY_WORDS if any(name in way.categories for way in found)
    )
    rows = ", ".join(way.row for way in found)
    first = " and ".join(policy.conditions[code].title.en.lower() for code in steps)
    return f"{first}: {kinds} ({rows})" if steps else f"{kinds} ({rows})"


def _elsewhere(case: Situation, policy: PolicySet) -> str:
    """What the card does not advise here: where it could go all the same, and where nothing may."""
    told: dict[str, list[str]] = {"now": [], "after": [], "never": []}
    for name, purpose in others(case, policy):
        destination = policy.destinations[name]
        found = list(prospects(case, destination.agency_kind or "", purpose, policy).values())
        best = min((one.status for one in found), key=list(told).index)
        rows = dict.fromkeys(row for one in found if one.status == best for row in one.rows)
        told[best].append(f"{destination.title.nl} {purpose} ({', '.join(rows) or 'D0'})")
    return "\n".join(f"- {_WHEN[status]}: {'; '.join(found)}." for status, found in told.items() if found) + "\n"


_WHEN: Final = {
    "now": "Not advised, and a ground would carry it now",
    "after": "Not advised, and a ground would carry it after a step",
    "never": "Not advised, and nothing may go",
}


def main(arguments: Sequence[str]) -> int:
    """Write the page, or with `--check` say whether it is up to date (exit code 1 when it is not)."""
    made = page(load(Settings.from_env({}).policies))
    if "--check" in arguments:
        return 0 if PAGE.exists() and PAGE.read_text(encoding="utf-8") == made else 1
    PAGE.write_text(made, encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
