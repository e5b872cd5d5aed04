"""The double entry: what the ledger says about every ground, route and field, and where the rules say something else.

Evaluates plainly and shares no code with the indexes of the program. `differences` is empty when both entries agree; the
tests demand that, and the mutation of the rules (tests/policies/mutate.py) looks whether every mutant shows in it.
"""

import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from functools import cache
from itertools import combinations, product
from pathlib import Path
from typing import Any

from signaltable import route
from signaltable.facts import FACTS, Facts, parse_facts
from signaltable.fields import FieldRow, FieldSet
from signaltable.ground_index import build, verdict
from signaltable.grounds import AGES, CAPACITIES, CATEGORIES, CONDITIONS, KINDS, PURPOSES, ROLES, Ground, GroundSet
from signaltable.policy import PolicySet
from signaltable.policy_shapes import DerivedFact, FactTest

LEDGER = Path(__file__).parent / "ledger"
TODAY = date(2026, 11, 23)
SINCE = date(2026, 1, 1)
ROUTES_SINCE = date(2025, 1, 1)
# So many combinations of answers are tried per rule, and about so many of them, the ones with the fewest facts known,
# it is looked at whether something is still to be asked.
MOST_ASSIGNMENTS = 25_000
ASKED_ABOUT = 1_500
Known = Mapping[str, Any]
SPECIAL = ("sex_life", "ethnicity")
PROVIDERS = [(kind, capacity) for kind in KINDS for capacity in CAPACITIES[kind]]
ALL_ROLES = (*ROLES, "unknown")
ALL_CONDITIONS = frozenset(CONDITIONS)


@cache
def read(name: str) -> Mapping[str, Any]:
    """One file of the ledger."""
    return tomllib.loads((LEDGER / name).read_text(encoding="utf-8"))


# -- grounds


@dataclass(frozen=True, slots=True)
class Entry:
    """What the ledger says about one ground, written out."""

    id: str
    who: frozenset[tuple[str, str]]
    to: frozenset[str]
    why: frozenset[str]
    ages: frozenset[str]
    roles: frozenset[str]
    what: frozenset[str]
    names: frozenset[str]
    when: frozenset[str]
    parameters: Mapping[str, str]
    says: str
    unless: frozenset[str]
    owes: tuple[str, ...]
    keep: str
    since: date

    @property
    def permits(self) -> bool:
        """Whether it lets data through."""
        return self.says in {"permit", "must"}


def entries() -> dict[str, Entry]:
    """The ledger of grounds, by id."""
    return {name: _entry(name, line) for name, line in read("grounds.toml").items()}


def _entry(name: str, line: Mapping[str, Any]) -> Entry:
    says = line.get("says", "permit")
    permits = says in {"permit", "must"}
    ages, _, roles = line.get("about", "").rpartition(":")
    what = line["what"].split()
    codes = dict(_code(word) for word in line.get("when", "").split())
    return Entry(
        id=name,
        who=_who(line["who"]),
        to=_words(line["to"], KINDS),
        why=_words(line["why"], PURPOSES),
        ages=_ages(ages.strip(), permits=permits),
        roles=frozenset(roles.split()) or frozenset(ALL_ROLES),
        what=_words(line["what"].replace("!", ""), CATEGORIES),
        names=frozenset(word.rstrip("!") for word in what if word.endswith("!")),
        when=frozenset(codes),
        parameters={code: parameter for code, parameter in codes.items() if parameter},
        says=says,
        unless=frozenset(line.get("unless", "").split()),
        owes=tuple(part.strip() for part in line.get("owes", "record" if permits else "").split(",") if part.strip()),
        keep=line.get("keep", "case"),
        since=line.get("since", SINCE),
    )


def _code(word: str) -> tuple[str, str]:
    code, _, parameter = word.partition("(")
    return code, parameter.rstrip(")")


def _words(words: str, everything: Iterable[str]) -> frozenset[str]:
    wanted, _, but = words.partition(" - ")
    return frozenset(everything if wanted.strip() == "*" else wanted.split()) - set(but.split())


def _who(words: str) -> frozenset[tuple[str, str]]:
    """A kind of agency stands for all of its tasks, unless one of them has that very name."""
    named = set(words.split())
    return frozenset(
        (kind, task)
        for kind, task in PROVIDERS
        if "*" in named or task in named or (kind in named and kind not in CAPACITIES[kind])
    )


def _ages(words: str, *, permits: bool) -> frozenset[str]:
    """Doubt counts as a minor; an age that is not known fits what asks no age, and every deny."""
    if not words:
        return frozenset(AGES)
    return frozenset(words.split()) | ({"doubt"} if "minor" in words else set()) | (set() if permits else {"unknown"})


def ground_differences(row: Ground, entry: Entry) -> Iterator[str]:
    """Where one row of the program does not say what the ledger says: in words, then in what it lets through or stops."""
    yield from _differing_words(row, entry)
    yield from _differing_permits(row, entry) if row.permits else _differing_denies(row, entry)


def _differing_words(row: Ground, entry: Entry) -> Iterator[str]:
    says = {"permit": ("permit_if", "specific"), "must": ("mandatory_if", "specific"), "deny": ("deny", "specific")}
    says |= {"hard": ("deny", "hard"), "default": ("deny", "default")}
    owed = tuple(_owed(one.kind, one.within_hours, one.within_days) for one in row.obligations)
    for what, found, expected in (
        ("effect and priority", (row.effect, row.priority), says[entry.says]),
        ("conditions", set(row.conditions), set(entry.when)),
        ("parameters", dict(row.parameters), dict(entry.parameters)),
        ("obligations", set(owed), set(entry.owes)),
        ("retention", row.retention, entry.keep),
        ("valid from", row.valid_from, entry.since),
        ("names special", set(row.names_special), set(entry.names)),
        ("except conditions", set(row.except_conditions), set(entry.unless)),
    ):
        if found != expected:
            yield f"{entry.id}: {what}: the ledger says {expected}, the row {found}"


def _owed(kind: str, hours: int | None, days: int | None) -> str:
    return f"{kind} {hours}h" if hours else f"{kind} {days}d" if days else kind


def _made_up(row_id: str, **says: Any) -> Ground:
    """A row about everybody and everything, to see what another one does to it."""
    return Ground.model_validate(
        {
            "id": row_id, "title": {"nl": "x", "en": "x"}, "provider": "*", "recipient": "*", "purpose": "*",
            "data": list(CATEGORIES), "explanation": {"nl": "x", "en": "x"}, "summary_en": "x", "source": "test",
            "lawyer": False, "valid_from": SINCE, "priority": "specific", **says,
        }
    )  # fmt: skip


@cache
def _hard(category: str) -> Ground:
    return _made_up(f"H{SPECIAL.index(category)}", effect="deny", priority="hard", data=[category])


@cache
def _open(*conditions: str) -> Ground:
    """A permit for everything; with conditions, one that asks these."""
    return _made_up("O1", effect="permit_if", conditions=list(conditions))


@cache
def _naming() -> Ground:
    return _made_up("O1", effect="permit_if", names_special=list(SPECIAL))


Where = tuple[tuple[str, str], str, str, str, str]


def _around(entry: Entry) -> Iterator[Where]:
    """A place where the row speaks, and every place that differs from it in one thing."""
    who, to, why = min(entry.who), min(entry.to), min(entry.why)
    age, role = min(entry.ages - {"unknown"}), min(entry.roles - {"unknown"})
    yield from ((one, to, why, age, role) for one in PROVIDERS)
    yield from ((who, one, why, age, role) for one in KINDS)
    yield from ((who, to, one, age, role) for one in PURPOSES)
    yield from ((who, to, why, one, other) for one in AGES for other in ALL_ROLES)


def _speaks(entry: Entry, where: Where) -> bool:
    who, to, why, age, role = where
    return who in entry.who and to in entry.to and why in entry.why and age in entry.ages and role in entry.roles


def _asked(rows: Iterable[Ground], where: Where, data: Iterable[str], met: frozenset[str]) -> bool:
    (kind, task), to, why, age, role = where
    index = _built(tuple(rows))
    return verdict(index, task, kind, to, why, age, role, frozenset(data), met, demo=True).effect == "permit"


_last: list[Any] = [None, None]


def _built(rows: tuple[Ground, ...]) -> Any:
    """The index of these rows; the last one is kept, since a row is asked about many places in turn."""
    if _last[0] is None or len(_last[0]) != len(rows) or any(a is not b for a, b in zip(_last[0], rows, strict=True)):
        _last[:] = [rows, build(GroundSet(rows, "made up"), TODAY)]
    return _last[1]


def _differing_permits(row: Ground, entry: Entry) -> Iterator[str]:
    alone = (row,)
    one = min(entry.what)
    for where in _around(entry):
        if _asked(alone, where, {one}, ALL_CONDITIONS) != _speaks(entry, where):
            yield f"{entry.id}: matches otherwise for {where}"
    here = next(where for where in _around(entry) if _speaks(entry, where))
    among_denied = (row, _hard("sex_life"), _hard("ethnicity"))
    for category in CATEGORIES:
        if _asked(alone, here, {category}, ALL_CONDITIONS) != (category in entry.what):
            yield f"{entry.id}: covers {category} otherwise"
        lifted = category in entry.what and (category not in SPECIAL or category in entry.names)
        if _asked(among_denied, here, {category}, ALL_CONDITIONS) != lifted:
            yield f"{entry.id}: names {category} otherwise"
    yield from _differing_conditions(row, entry, here)


def _differing_conditions(row: Ground, entry: Entry, here: Where) -> Iterator[str]:
    """With exactly the conditions of the ledger it permits; without one of them it does not. An adult needs no MIN."""
    places = [(*here[:3], age, here[4]) for age in sorted(entry.ages)]
    for where in places:
        needed = entry.when - ({"MIN"} if where[3] == "adult" else set())
        if not _asked((row,), where, {min(entry.what)}, needed):
            yield f"{entry.id}: asks more than {sorted(needed)} for {where[3]}"
        for code in sorted(needed):
            if _asked((row,), where, {min(entry.what)}, needed - {code}):
                yield f"{entry.id}: does not ask {code} for {where[3]}"


def _differing_denies(row: Ground, entry: Entry) -> Iterator[str]:
    """Beside a permit for everything: where the deny speaks nothing goes, unless it makes way."""
    if entry.says == "default":
        # It answers where no other row speaks, whatever its words are; they have to say so.
        if {row.provider, row.recipient, row.purpose, row.data} != {("*",)} or row.person_age or row.person_role:
            yield f"{entry.id}: the default is about everything"
        return
    one = min(entry.what)
    for where in _around(entry):
        if _asked((row, _open()), where, {one}, ALL_CONDITIONS) == _speaks(entry, where):
            yield f"{entry.id}: stops otherwise for {where}"
    here = next(where for where in _around(entry) if _speaks(entry, where))
    for category in CATEGORIES:
        if _asked((row, _open()), here, {category}, ALL_CONDITIONS) == (category in entry.what):
            yield f"{entry.id}: covers {category} otherwise"
    for code in CONDITIONS:
        makes_way = entry.says == "deny" and code in entry.unless
        if _asked((row, _open(code)), here, {one}, ALL_CONDITIONS) != makes_way:
            yield f"{entry.id}: makes way for {code} otherwise"
    if _asked((row, _naming()), here, {one}, ALL_CONDITIONS) != (entry.says == "hard" and one in SPECIAL):
        yield f"{entry.id}: yields to a row that names {one} otherwise"


def grounds_differences(grounds: GroundSet) -> Iterator[str]:
    """Every difference between the grounds and the ledger."""
    ledger = entries()
    rows = {row.id: row for row in grounds.rows if row.valid_on(TODAY)}
    for name in sorted(ledger.keys() ^ rows.keys()):
        yield f"{name}: stands in one of the two only"
    for row in grounds.rows:
        if row.id in ledger:
            yield from ground_differences(row, ledger[row.id])


# -- meldroutes


@dataclass(frozen=True, slots=True)
class Read:
    """What a condition comes to: true, false or not known (None), and whether no further answer can change it."""

    holds: bool | None
    sure: bool


NO = Read(holds=False, sure=True)


def _read_any(alternatives: Iterable[str], known: Known, derived: Mapping[str, Read]) -> Read:
    read_ones = [_read_all(one.split(" and "), known, derived) for one in alternatives]
    for one in read_ones:
        if one == Read(holds=True, sure=True):
            return one
    left = [one for one in read_ones if one != NO]
    if any(one.holds for one in left):
        return Read(holds=True, sure=False)
    return Read(None if any(one.holds is None for one in left) else False, sure=not left)


def _read_all(tests: Iterable[str], known: Known, derived: Mapping[str, Read]) -> Read:
    read_ones = [_read_test(test.strip(), known, derived) for test in tests]
    if NO in read_ones:
        return NO
    sure = all(one.sure for one in read_ones)
    if any(one.holds is False for one in read_ones):
        return Read(holds=False, sure=sure)
    return Read(None if any(one.holds is None for one in read_ones) else True, sure=sure)


def _read_test(test: str, known: Known, derived: Mapping[str, Read]) -> Read:
    name, _, rest = test.partition(" ")
    if not rest:
        return derived[name]
    value = known.get(name)
    if value is None:
        return Read(None, sure=False)
    sign, _, words = rest.partition(" ")
    if sign == "=":
        wanted = {word.strip() for word in words.split(",")}
        return Read(bool(wanted & set(value) if isinstance(value, tuple) else value in wanted), sure=True)
    return Read(value < float(words) if sign == "<" else value >= float(words), sure=True)


def _read_rule(line: Mapping[str, Any], known: Known, derived: Mapping[str, Read]) -> Read:
    """`unless` takes away only what it surely takes away; what is not known about it blocks nothing."""
    wanted, blocked = _read_any(line["when"], known, derived), _read_any(line.get("unless", ()), known, derived)
    if wanted == NO or blocked == Read(holds=True, sure=True):
        return NO
    return Read(False if blocked.holds else wanted.holds, wanted.sure and blocked.sure)


def _read_derived(known: Known) -> dict[str, Read]:
    derived: dict[str, Read] = {}
    for name, line in read("routes.toml")["derived"].items():
        derived[name] = _read_rule(line, known, derived)
    return derived


@dataclass(frozen=True, slots=True)
class Advice:
    """What one rule advises for some facts, and whether something about it is still to be asked."""

    to: tuple[tuple[str, str, str], ...]
    asks: bool


def expected_advice(name: str, facts: Facts) -> Advice:
    """What the ledger says that this rule advises: destination, purpose and urgency."""
    line = read("routes.toml")["route"][name]
    known = facts.normalised().values
    derived = _read_derived(known)
    rule = _read_rule(line, known, derived)
    found, asks = [], False
    for target in line["to"]:
        what, _, condition = target.partition(" if ")
        one = rule
        if condition:
            one = _both(rule, _read_any(condition.split(" or "), known, derived))
        if one.holds:
            destination, purpose = what.split()
            found.append((destination, purpose, line["urgency"]))
        asks |= not one.sure
    return Advice(tuple(found), asks)


def _both(one: Read, other: Read) -> Read:
    if NO in {one, other}:
        return NO
    holds = False if False in {one.holds, other.holds} else None if None in {one.holds, other.holds} else True
    return Read(holds, one.sure and other.sure)


def facts_of(name: str) -> list[str]:
    """The facts that a rule of the ledger mentions, through derived facts too; and what else can tell an age."""
    ledger = read("routes.toml")
    words = _words_of([ledger["route"][name]])
    while derived := words & set(ledger["derived"]):
        words = words - derived | _words_of(ledger["derived"][one] for one in derived)
    return [one for one in FACTS if one in words or (one == "age_years" and "age" in words)]


def _words_of(lines: Iterable[Mapping[str, Any]]) -> set[str]:
    conditions = [
        condition
        for line in lines
        for part in (line["when"], line.get("unless", ()), [one.partition(" if ")[2] for one in line.get("to", ())])
        for condition in part
    ]
    return {
        test.split()[0]
        for condition in conditions
        for one in condition.split(" or ")
        for test in one.split(" and ")
        if test.strip()
    }


def answers_to(name: str) -> list[Any]:
    """Every answer that a rule can tell from another one."""
    fact = FACTS[name]
    if fact.kind == "list":
        return [[value] for value in fact.values]
    return {"age_years": [17, 18, 22, 23], "linked_agencies": [1, 2]}.get(name) or list(fact.values)


def assignments(name: str, most: int) -> Iterator[dict[str, Any]]:
    """Facts that a rule mentions, known or not: every combination in which at most so many are known."""
    names = facts_of(name)
    for known in range(min(most, len(names)) + 1):
        for some in combinations(names, known):
            for values in product(*(answers_to(one) for one in some)):
                yield dict(zip(some, values, strict=True))


@cache
def expectations(name: str) -> tuple[tuple[Facts, Advice], ...]:
    """What the ledger expects of one rule, for every assignment; those in which fewer facts are known come first."""
    most = next(most for most in range(8, 0, -1) if sum(1 for _ in assignments(name, most)) <= MOST_ASSIGNMENTS)
    parsed = (parse_facts(facts) for facts in assignments(name, most))
    return tuple((facts, expected_advice(name, facts)) for facts in parsed)


def route_differences(name: str, policy: PolicySet) -> Iterator[str]:
    """Where one rule does not advise or ask what the ledger says, for any facts it mentions."""
    line = read("routes.toml")["route"][name]
    (rule,) = (one for one in policy.meldroutes if one.id == name)
    if set(rule.excludes) != set(line.get("never_with", ())):
        yield f"{name}: excludes: the ledger says {sorted(line.get('never_with', ()))}"
    if (rule.valid_from, rule.valid_until) != (line.get("since", ROUTES_SINCE), None):
        yield f"{name}: is valid in another time"
    alone = replace(policy, meldroutes=(rule,))
    for place, (facts, expected) in enumerate(expectations(name)):
        found = tuple((one.destination, one.purpose, one.urgency) for one in route.routes(facts, alone, TODAY))
        if found != expected.to:
            yield f"{name}: for {facts.to_json()} the ledger says {expected.to}, the rule {found}"
        if place < ASKED_ABOUT and bool(route.decide(facts, alone, on=TODAY).questions) != expected.asks:
            yield f"{name}: for {facts.to_json()} the ledger {'asks' if expected.asks else 'does not ask'} further"


def routes_differences(policy: PolicySet, only: Iterable[str] = ()) -> Iterator[str]:
    """Every difference between the meldroutes and the ledger; with `only`, of these rules."""
    ledger = read("routes.toml")["route"]
    ids = {rule.id for rule in policy.meldroutes}
    for name in sorted(ledger.keys() ^ ids):
        yield f"{name}: stands in one of the two only"
    for name in only or ledger:
        if name in ids:
            yield from route_differences(name, policy)


def derived_differences(derived: Mapping[str, DerivedFact]) -> Iterator[str]:
    """Where a derived fact is not put together as the ledger says; what a rule makes of it can hide such a difference."""
    ledger = read("routes.toml")["derived"]
    for name in sorted(ledger.keys() ^ derived.keys()):
        yield f"{name}: stands in one of the two only"
    for name in (name for name in ledger if name in derived):
        for part in ("when", "unless"):
            found = {frozenset(_meaning(test) for test in tests) for tests in getattr(derived[name], part)}
            expected = {frozenset(_meant(test) for test in one.split(" and ")) for one in ledger[name].get(part, ())}
            if found != expected:
                yield f"{name}: {part}: the ledger says it otherwise"


def _meaning(test: FactTest) -> tuple[str, str, frozenset[Any]]:
    """A fact and the answers at which the test holds."""
    if test.fact not in FACTS:
        return test.fact, "", frozenset()
    sign = {"below": "<", "at_least": ">="}.get(test.op, "=")
    return test.fact, sign, frozenset(test.value if isinstance(test.value, tuple) else {test.value})


def _meant(test: str) -> tuple[str, str, frozenset[Any]]:
    name, _, rest = test.strip().partition(" ")
    sign, _, words = rest.partition(" ")
    return name, sign, frozenset(word.strip() if sign == "=" else float(word) for word in words.split(",") if word)


# -- fields


def fields_differences(fields: FieldSet) -> Iterator[str]:
    """Every difference between the data categories of the fields and the ledger."""
    ledger = read("fields.toml")
    yield from _differing("field", {name: _field(row) for name, row in fields.fields.items()}, _parts(ledger["fields"]))
    yield from _differing("flag", fields.flags, _sets(ledger["flags"]))
    yield from _differing("indicator", fields.indicators, _sets(ledger["indicators"]))
    for what in ("sexual_forms", "sexual_rows", "unknown_flag"):
        yield from _differing(what, {what: getattr(fields, what)}, _sets({what: ledger[what]}))


def _differing(what: str, found: Mapping[str, Any], expected: Mapping[str, Any]) -> Iterator[str]:
    for name in sorted({*found, *expected}):
        if found.get(name) != expected.get(name):
            yield f"{what} {name}: the ledger says {expected.get(name)}, policies/ {found.get(name)}"


def _sets(lines: Mapping[str, str]) -> dict[str, frozenset[str]]:
    return {name: frozenset(words.split()) for name, words in lines.items()}


Parts = Mapping[str, frozenset[str]]


def _parts(lines: Mapping[str, str]) -> dict[str, Parts]:
    """Per field what it carries, by the word before the colon; what always holds goes under no word."""
    found: dict[str, Parts] = {}
    for name, line in lines.items():
        parts = [part.strip() for part in line.split(",")]
        named = (
            ("", part) if ":" not in part else tuple(part.split(":")) for part in parts if not part.startswith("+")
        )
        found[name] = {word: frozenset(words.split()) for word, words in named} | {
            part: frozenset() for part in parts if part.startswith("+")
        }
    return found


def _field(row: FieldRow) -> Parts:
    looked_at = {"+found": row.adds_found, "+flags": row.adds_flags, "+indicators": row.adds_indicators}
    return (
        {"": frozenset(row.data)}
        | {one.when: frozenset(one.data) for one in row.adds}
        | {name: frozenset() for name, also in looked_at.items() if also}
        | ({"nameless": frozenset(row.without_name)} if row.without_name else {})
    )
