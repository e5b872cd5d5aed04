"""The facts of a signal that a partner can be asked about without a name: which there are, what they carry, how they read.

A fact is named by a code: a fact of policies/facts.toml ("forms"), or one sign ("indicators:debt") or one row of the
form ("form_rows:wages"), because a question about one sign tells less than a list of all of them. With it go the
municipality and the month, no more: a day and a fact together can point at somebody.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from signaltable.fields import FieldContext
from signaltable.models import Signal
from signaltable.policy import PolicySet
from signaltable.texts import Text

SIGNS: Final = "indicators"
ROWS: Final = "form_rows"
FORMS: Final = "forms"
SPLIT: Final = ":"
# Facts that stand in policies/facts.toml and are fields of their own (policies/fields.toml).
SINGLE: Final = ("acute_danger", "shelter_needed", "residence", "suspect_may_be_forced")
# What goes along with every fact, where the ground lets it through.
BESIDE: Final = ("signal.municipality", "signal.observed_on")
# What a fact says when there is nothing to ask a partner about.
NOTHING: Final = (None, "", "unknown", "no")
UNKNOWN: Final = "unknown"

_TITLES: Mapping[str, Text] = MappingProxyType(
    {SIGNS: Text("Een teken", "A sign"), ROWS: Text("Wat er is gezien", "What was seen")}
)


@dataclass(frozen=True, slots=True)
class AskedFact:
    """A fact as people read it: what kind of fact, and what the signal says of it (empty when it says nothing any more)."""

    code: str
    title: Text
    values: tuple[Text, ...]


def codes_of(signal: Signal) -> Iterator[str]:
    """The codes of the facts that this signal knows, in a fixed order."""
    if [one for one in signal.facts.get(FORMS, ()) if one != UNKNOWN]:
        yield FORMS
    yield from (name for name in SINGLE if signal.facts.get(name) not in NOTHING)
    yield from (f"{ROWS}{SPLIT}{row}" for row, code in sorted(signal.form_rows.items()) if code)
    yield from (f"{SIGNS}{SPLIT}{name}" for name in sorted(signal.indicators))


def field_of(code: str) -> str:
    """The field of policies/fields.toml that a fact belongs to."""
    return f"signal.{code.partition(SPLIT)[0]}"


def fields_of(signal: Signal, policy: PolicySet, code: str) -> dict[str, frozenset[str]]:
    """The fields that a question about this fact shows, with their categories; empty when the signal does not know it."""
    if code not in set(codes_of(signal)):
        return {}
    context, plain = _context(signal, policy, code), FieldContext(nameless=True)
    there = {"signal.municipality": bool(signal.municipality), "signal.observed_on": signal.observed_on is not None}
    beside = {name: policy.fields.categories_of(name, plain) for name in BESIDE if there[name]}
    return {field_of(code): policy.fields.categories_of(field_of(code), context), **beside}


def _context(signal: Signal, policy: PolicySet, code: str) -> FieldContext:
    """What decides about the categories of one fact: that fact alone, not what else stands in the signal."""
    kind, _, name = code.partition(SPLIT)
    sexual = name in policy.indicators and (
        policy.indicators[name].form_row in policy.fields.sexual_rows
        or "sex_life" in policy.fields.indicators.get(name, ())
    )
    return FieldContext(
        forms=frozenset(signal.facts.get(FORMS, ())) if kind == FORMS else frozenset(),
        rows={name: signal.form_rows.get(name, 0)} if kind == ROWS else {},
        indicators=frozenset({name}) if kind == SIGNS else frozenset(),
        sexual_indicators=frozenset({name}) if kind == SIGNS and sexual else frozenset(),
        nameless=True,
    )


def title_of(policy: PolicySet, code: str) -> Text:
    """What kind of fact a code names, without its value."""
    kind = code.partition(SPLIT)[0]
    return _TITLES.get(kind) or policy.facts[kind].title


def in_words(signal: Signal, policy: PolicySet, code: str) -> AskedFact:
    """A fact with what the signal says of it now."""
    known = code in set(codes_of(signal))
    return AskedFact(code, title_of(policy, code), tuple(_values(signal, policy, code)) if known else ())


def _values(signal: Signal, policy: PolicySet, code: str) -> Iterator[Text]:
    kind, _, name = code.partition(SPLIT)
    if kind == FORMS:
        yield from (policy.forms[one].title for one in signal.facts[FORMS] if one in policy.forms and one != UNKNOWN)
    elif kind == ROWS:
        yield policy.form_rows[name].title if name in policy.form_rows else Text(name, name)
    elif kind == SIGNS:
        yield policy.indicators[name].text if name in policy.indicators else Text(name, name)
    else:
        yield policy.value_label(kind, str(signal.facts[kind]))
