"""What is still open: worked out once per group of rules and combination of answers, and looked up ever after.

A group is a few rules that tell apart only a limited number of combinations of answers. For each combination its table
says which destinations hold and which unknown facts are open about them. Questions about a fact that only one group looks
at are worded there; what several groups leave open about one fact is put together first.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from math import prod

from signaltable.facts import FACTS, Facts, Value
from signaltable.policy_shapes import DerivedFact, FactTest, Meldroute
from signaltable.route_index.reading import compare, derive, outcome_of
from signaltable.route_index.values import Applied, Known, Question, Route, Sentences
from signaltable.route_index.weights import AGE_BITS, SPELLED, Weights, tests_of
from signaltable.texts import Text

# A question names at most so many routes; the rest is counted.
NAMED_ROUTES = 3
# Rules share a table while they tell apart at most so many combinations of answers; a larger rule has one by itself.
TABLE_SIZE = 2048
# Tables fill themselves as they are asked, and begin anew when this full: a rule about many facts has no small table.
MOST_ENTRIES = 16384

_PLACES = {name: place for place, name in enumerate(FACTS)}
# A question with the number by which questions are sorted.
Placed = tuple[int, Question]


@dataclass(frozen=True, slots=True)
class Touched:
    """A destination about which a fact is open, and whether it is advised for now."""

    applied: Applied
    holds: bool


@dataclass(slots=True)
class _Open:
    """What several groups can leave open about one fact: a bit per destination and whether it is advised for now."""

    fact: str
    bits: dict[tuple[int, bool], int] = field(default_factory=dict)
    mask: int = 0
    worded: dict[int, Placed] = field(default_factory=dict)


@dataclass(slots=True)
class _Group:
    """Rules with one table; `mask` selects what they look at. An entry: what holds, what is open, own questions."""

    applied: tuple[Applied, ...]
    tests: frozenset[FactTest]
    mask: int = 0
    entries: dict[int, tuple[int, int, tuple[Placed, ...]]] = field(default_factory=dict)

    @property
    def facts(self) -> frozenset[str]:
        """The facts that these rules look at, through derived facts too."""
        return frozenset(test.fact for test in self.tests)

    @property
    def size(self) -> int:
        """How many combinations of answers these rules can tell apart."""
        return prod(_told_apart(name, [test for test in self.tests if test.fact == name]) for name in self.facts)


def _told_apart(name: str, tests: Sequence[FactTest]) -> int:
    """How many kinds of answer to one fact the tests can tell apart, not known among them."""
    if FACTS[name].kind == "number":
        return 2 + len({test.value for test in tests})
    if FACTS[name].kind == "list":
        return int(1 + 2 ** len(tests))
    return 1 + len({tuple(compare(test, value) for test in tests) for value in FACTS[name].values})


def _grouped(rules: Iterable[_Group]) -> list[_Group]:
    """Rules put together as long as a table stays small, each with those whose facts it shares most."""
    groups: list[_Group] = []
    for rule in sorted(rules, key=lambda one: one.size):
        together = [(_Group(one.applied + rule.applied, one.tests | rule.tests), one) for one in groups]
        fitting = [pair for pair in together if pair[0].size <= TABLE_SIZE]
        if fitting:
            found, instead_of = min(fitting, key=lambda pair: pair[0].size / pair[1].size)
            groups = [found if one is instead_of else one for one in groups]
        else:
            groups.append(rule)
    return groups


class QuestionIndex:
    """The rules of one day with all that can be open about them."""

    def __init__(self, applied: Sequence[Applied], derived: Mapping[str, DerivedFact], sentences: Sentences) -> None:
        self._derived = derived
        self._sentences = sentences
        self._applied = tuple(applied)
        self._last = len(applied) - 1
        self._routes = [(self._bit(one), one.route) for one in reversed(applied)]
        by_rule: dict[int, list[Applied]] = {}
        for one in applied:
            by_rule.setdefault(one.rule.number, []).append(one)
        self._groups = _grouped(_Group(tuple(same), _tests(same, derived)) for same in by_rule.values())
        self._weights = self._weigh()
        self._shared = self._open_facts()
        # The same once more, in the order in which they are looked at.
        self._tables = [(group.mask, group.entries, group) for group in self._groups]
        self._wordings = [(shared.mask, shared.worded, shared) for shared in self._shared]

    def decide(self, known: Known) -> tuple[tuple[Route, ...], tuple[Question, ...]]:
        """Every route that surely holds, and one question per open fact, both in the order of the advice."""
        seen, answers, ages = 0, self._weights.answers, self._weights.ages
        try:
            for name, value in known.items():
                seen += answers[name][value]
        except KeyError:
            self._weights.meet(known)
            return self.decide(known)
        seen += ages[seen & SPELLED]
        holds = left_open = 0
        asked: list[Placed] = []
        for mask, entries, group in self._tables:
            entry = entries.get(seen & mask)
            held, opened, own = self._fill(group, seen, known) if entry is None else entry
            holds |= held
            left_open |= opened
            asked += own
        for mask, worded, shared in self._wordings:
            if opened := left_open & mask:
                # One look: another thread may empty the table between two.
                asked.append(worded.get(opened) or self._word(shared, opened))
        asked.sort()
        return self._held(holds), tuple([question for _, question in asked])

    def _held(self, holds: int) -> tuple[Route, ...]:
        found: list[Route] = []
        routes = self._routes
        while holds:
            bit, route = routes[holds.bit_length() - 1]
            found.append(route)
            holds ^= bit
        return tuple(found)

    def _bit(self, applied: Applied) -> int:
        """The bit of a destination; the most urgent one has the highest."""
        return 1 << (self._last - applied.place)

    def _weigh(self) -> Weights:
        """Gives every fact a bit for "known" and every test one for "holds", and every group the bits of its own."""
        tests = sorted({test for group in self._groups for test in group.tests}, key=repr)
        known_bits = {name: 1 << (AGE_BITS + place) for name, place in _PLACES.items()}
        bits = {test: 1 << (AGE_BITS + len(FACTS) + place) for place, test in enumerate(tests)}
        for group in self._groups:
            group.mask = sum(known_bits[name] for name in group.facts) + sum(bits[test] for test in group.tests)

        def weigh(name: str, value: Value) -> int:
            held = (bits[test] for test in tests if test.fact == name and compare(test, value))
            return known_bits[name] + sum(held)

        return Weights(tests, weigh)

    def _open_facts(self) -> list[_Open]:
        """The facts that several groups look at, each with its bits."""
        looked_at = Counter(chain.from_iterable(group.facts for group in self._groups))
        shared = []
        place = 0
        for name in sorted(name for name, groups in looked_at.items() if groups > 1):
            one = _Open(name)
            for group in self._groups:
                for applied in group.applied if name in group.facts else ():
                    for holds in (False, True):
                        one.bits[applied.place, holds] = 1 << place
                        place += 1
            one.mask = sum(one.bits.values())
            shared.append(one)
        return shared

    def _fill(self, group: _Group, seen: int, known: Known) -> tuple[int, int, tuple[Placed, ...]]:
        """Reads the rules of this group as they are written, for answers that they had not met yet."""
        whole = Facts(known).normalised().values
        derived = derive(whole, self._derived)
        outcomes = [(one, outcome_of(one, whole, derived)) for one in group.applied]
        touched: dict[str, list[Touched]] = {}
        for one, outcome in outcomes:
            for name in outcome.open:
                touched.setdefault(name, []).append(Touched(one, bool(outcome.holds)))
        opened = 0
        for shared in self._shared:
            opened |= sum(shared.bits[found.applied.place, found.holds] for found in touched.pop(shared.fact, ()))
        entry = (
            sum(self._bit(one) for one, outcome in outcomes if outcome.holds),
            opened,
            tuple(self._question(name, found) for name, found in touched.items()),
        )
        if len(group.entries) >= MOST_ENTRIES:
            group.entries.clear()
        group.entries[seen & group.mask] = entry
        return entry

    def _word(self, shared: _Open, opened: int) -> Placed:
        """The question about a fact for what several groups leave open about it together."""
        touched = [Touched(self._applied[place], holds) for (place, holds), bit in shared.bits.items() if opened & bit]
        if len(shared.worded) >= MOST_ENTRIES:
            shared.worded.clear()
        question = shared.worded[opened] = self._question(shared.fact, touched)
        return question

    def _question(self, fact: str, touched: Sequence[Touched]) -> Placed:
        """Says in words what the answer can lead to, and which advice given now it can take away."""
        in_order = sorted(touched, key=lambda found: found.applied.place)
        could_add = _rules(found for found in in_order if not found.holds)
        could_cancel = _rules(found for found in in_order if found.holds)
        words = self._sentences
        sentences = [
            _sentence(start, rules, words.more)
            for start, rules in ((words.leads_to, could_add), (words.cancels, could_cancel))
            if rules
        ]
        why = Text(" ".join(text.nl for text in sentences), " ".join(text.en for text in sentences))
        ids = tuple(rule.id for rule in _rules(in_order))
        return in_order[0].applied.place * len(FACTS) + _PLACES[fact], Question(fact, why, ids)


def _tests(applied: Sequence[Applied], derived: Mapping[str, DerivedFact]) -> frozenset[FactTest]:
    """Every test that the destinations of one rule come down to."""
    rule = applied[0].rule
    parts = [rule.when, rule.unless, *(one.target.when for one in applied)]
    return frozenset().union(*(tests_of(part, derived) for part in parts))


def _rules(touched: Iterable[Touched]) -> list[Meldroute]:
    """The rules of these destinations, each once."""
    return list({found.applied.rule.id: found.applied.rule for found in touched}.values())


def _sentence(words: Text, rules: Sequence[Meldroute], more: Text) -> Text:
    named, rest = rules[:NAMED_ROUTES], len(rules) - NAMED_ROUTES

    def fill(lang: str) -> str:
        titles = [f"{rule.title.in_language(lang)} ({rule.id})" for rule in named]
        titles += [more.in_language(lang).replace("{count}", str(rest))] if rest > 0 else []
        return words.in_language(lang).replace("{routes}", "; ".join(titles))

    return Text(fill("nl"), fill("en"))
