"""The conditions of rules in words. What is asked and answered comes from facts.toml, only the grammar stands here."""

from collections.abc import Iterable, Sequence
from datetime import date

from babel.dates import format_date

from signaltable.facts import FACTS
from signaltable.policy import PolicySet
from signaltable.policy_shapes import FactTest
from signaltable.texts import Text

YES = "yes"
# From so many values on, those that do not count are named when they are fewer.
MANY = 4

# What joins words to a sentence. Everything about the subject itself comes from policies/.
BELOW = Text("minder dan {number}", "less than {number}")
AT_LEAST = Text("{number} of meer", "{number} or more")
OTHER_THAN = Text("anders dan {values}", "other than {values}")
ANY = Text("elk antwoord", "any answer")
OR = Text("of", "or")
AND = Text("en", "and")


def condition_words(test: FactTest, policy: PolicySet, lang: str) -> str:
    """One test of a rule, as a reader says it: "Opvang nodig", "Leeftijdsgroep: Jonger dan 18 / 18 of ouder".

    A fact whose answer is a plain yes is named by its title alone, and so is a derived fact, which has no other answer.
    """
    title = fact_title(test.fact, policy, lang)
    if test.fact in policy.derived or (test.op in {"equals", "has"} and test.value == YES):
        return title
    return f"{title}: {_expected(test, policy, lang)}"


def _expected(test: FactTest, policy: PolicySet, lang: str) -> str:
    match test.op:
        case "below":
            return BELOW.in_language(lang).replace("{number}", value_words(test.fact, test.value, policy, lang))
        case "at_least":
            return AT_LEAST.in_language(lang).replace("{number}", value_words(test.fact, test.value, policy, lang))
        case _:
            return _listed(test, policy, lang)


def _listed(test: FactTest, policy: PolicySet, lang: str) -> str:
    """The values in words; by those that do not count where many do, which says exactly the same."""
    wanted = test.value if isinstance(test.value, tuple) else (str(test.value),)
    others = [value for value in FACTS[test.fact].values if value not in wanted]
    if len(wanted) >= MANY and not others:
        return ANY.in_language(lang)
    named = others if len(wanted) >= MANY and len(others) < len(wanted) else wanted
    words = " / ".join(value_words(test.fact, value, policy, lang) for value in named)
    return words if named is wanted else OTHER_THAN.in_language(lang).replace("{values}", words)


def fact_title(name: str, policy: PolicySet, lang: str) -> str:
    """The title of a fact or of a derived fact. Raises KeyError for another name."""
    titled = policy.derived[name] if name in policy.derived else policy.facts[name]
    return titled.title.in_language(lang)


def value_words(fact: str, value: object, policy: PolicySet, lang: str) -> str:
    """A value of a fact as facts.toml calls it; a number as it is written."""
    if isinstance(value, int | float):
        return f"{value:g}"
    return policy.value_label(fact, str(value)).in_language(lang)


def line_words(tests: Iterable[FactTest], policy: PolicySet, lang: str) -> str:
    """The tests of one line, which all have to hold, joined with "and"."""
    return f" {AND.in_language(lang)} ".join(condition_words(test, policy, lang) for test in tests)


def alternatives_words(alternatives: Sequence[Sequence[FactTest]], policy: PolicySet, lang: str) -> tuple[str, ...]:
    """Each line of a `when` or `unless` in words; one of them has to hold."""
    return tuple(line_words(tests, policy, lang) for tests in alternatives)


def day_words(day: date, lang: str) -> str:
    """A day as people write it: 3 november 2026."""
    return format_date(day, "d MMMM y", locale="en" if Text("nl", "en").in_language(lang) == "en" else "nl")
