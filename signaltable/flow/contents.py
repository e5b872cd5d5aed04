"""What a signal holds: which fields of policies/fields.toml have a value, of which categories, and the values themselves.

Field names and categories are known without opening anything; values are read only for fields that a ground releases.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from sqlalchemy import select

from signaltable.fields import FieldContext
from signaltable.flow import naming, sealing
from signaltable.flow.masking import found_in, kinds_in, without_protected
from signaltable.models import Signal, Subject, SubjectField
from signaltable.payload import SentField, SentSubject, SentValue, typed
from signaltable.policy import PolicySet
from signaltable.queries import subjects_of
from signaltable.text import TOKENS, Span, find_typed, mask, merged
from signaltable.text_categories import categories_in
from signaltable.texts import Text
from signaltable.transaction import Transaction

SIGNAL, SUBJECT = "signal.", "subject."
NARRATIVE: Final = "signal.narrative"
MASKED: Final = "signal.narrative_masked"
# Facts that are fields of their own.
FACT_FIELDS: Final = ("acute_danger", "residence", "shelter_needed", "suspect_may_be_forced")
# What is known of a subject without opening its identity.
OPEN_FIELDS: Final = ("kind", "role", "age_band", "gender")
ACCUSED: Final = frozenset({"possible_perpetrator", "facilitator"})


@dataclass(frozen=True, slots=True)
class Holder:
    """One subject of a signal, as far as deciding needs it: no value, only which fields there are."""

    number: int
    id: str
    kind: str
    role: str
    age: str
    fields: Mapping[str, frozenset[str]]
    unsure: frozenset[str]


@dataclass(frozen=True, slots=True)
class Contents:
    """The fields of a signal and of each of its subjects, with their categories."""

    fields: Mapping[str, frozenset[str]]
    holders: tuple[Holder, ...]

    def holder(self, number: int) -> Holder:
        """The subject with this number. Raises KeyError."""
        return {holder.number: holder for holder in self.holders}[number]


def contents_of(tx: Transaction, signal: Signal, *, nameless: bool = False) -> Contents:
    """What there is to disclose. Opens nothing. `nameless`: whoever reads it gets nobody's name with it."""
    subjects = subjects_of(tx, signal.id)
    named = _identity_fields(tx, [subject.id for subject in subjects])
    return contents_from(signal, subjects, named, tx.program.policy, nameless=nameless)


def contents_from(
    signal: Signal,
    subjects: Sequence[Subject],
    named: Mapping[str, Mapping[str, bool]],
    policy: PolicySet,
    *,
    nameless: bool = False,
) -> Contents:
    """The same from rows in hand; `named` tells per subject id its identity fields and whether the reporter is sure."""
    context = replace(
        _context(signal, policy),
        accused=any(subject.role in ACCUSED for subject in subjects),
        found=found_in_account(signal, policy),
        nameless=nameless,
    )
    masked = replace(context, found=_found_in_masked(signal, policy))
    categories = policy.fields.categories_of
    return Contents(
        fields={name: categories(name, masked if name == MASKED else context) for name in _signal_fields(signal)},
        holders=tuple(
            _holder(policy, signal, subject, named.get(subject.id, {}), context)
            for subject in subjects
            if subject.erased_at is None
        ),
    )


def found_in_account(signal: Signal, policy: PolicySet) -> frozenset[str]:
    """The kinds of data that the account holds: what was found and ticked when it was submitted, and what the words of
    today find in the masked text. So a word that is added later counts for earlier signals too, unopened.
    """
    return frozenset(signal.found) | kinds_in(signal.narrative_masked, policy)


def account_for_others(signal: Signal, policy: PolicySet) -> str:
    """The masked account as others read it; words that are masked for everybody since it was stored are masked now."""
    return without_protected(signal.narrative_masked, policy)


def account_told(signal: Signal, policy: PolicySet, *, accused: bool) -> tuple[str, frozenset[str]]:
    """The masked account as others read it, and the kinds of data that it tells a reader without a name.

    What `account_for_others` and `contents_of` say, out of one look through the text: for lists, of which every line asks
    it. `accused`: one of its subjects is.
    """
    # Under the rules by which it came in nothing more is found than was found then, and nothing more is masked.
    same = signal.policy_digest == policy.digest
    found = {} if same else categories_in(signal.narrative_masked, policy.text_categories)
    hidden = merged(
        Span(one.start, one.end, "protected")
        for name in policy.text_categories.masked & found.keys()
        for one in found[name]
    )
    text = mask(signal.narrative_masked, hidden)
    kinds = frozenset(signal.found).union(found)
    if TOKENS["protected"] in text:
        kinds -= policy.text_categories.masked
    context = replace(_context(signal, policy), accused=accused, found=kinds, nameless=True)
    return text, policy.fields.categories_of(MASKED, context)


def _found_in_masked(signal: Signal, policy: PolicySet) -> frozenset[str]:
    """Without the kinds whose words were taken out. One that was ticked and has no word taken out may still be in it."""
    text, found = account_for_others(signal, policy), found_in_account(signal, policy)
    return found - policy.text_categories.masked if TOKENS["protected"] in text else found


def text_categories(signal: Signal, policy: PolicySet, field: str, text: str) -> frozenset[str]:
    """The categories of a text that somebody typed about the signal for readers without a name; `field` says which."""
    context = replace(
        _context(signal, policy),
        # Known without its subjects: a subject that is accused makes this fact.
        accused=signal.facts.get("perpetrator") == "yes",
        found=kinds_in(text, policy) - policy.text_categories.masked,
        nameless=True,
    )
    return policy.fields.categories_of(field, context)


def _identity_fields(tx: Transaction, subject_ids: Sequence[str]) -> dict[str, dict[str, bool]]:
    """Subject id -> its sealed fields and whether the reporter is sure of them."""
    found: dict[str, dict[str, bool]] = {}
    columns = select(SubjectField.subject_id, SubjectField.name, SubjectField.sure)
    for row in tx.session.execute(columns.where(SubjectField.subject_id.in_(subject_ids))):
        found.setdefault(row.subject_id, {})[row.name] = row.sure
    return found


def _holder(
    policy: PolicySet, signal: Signal, subject: Subject, named: Mapping[str, bool], about: FieldContext
) -> Holder:
    context = replace(about, role=subject.role, kind=subject.kind)
    names = [f"{SUBJECT}{name}" for name in (*OPEN_FIELDS, *named) if name in named or _known(subject, name)]
    age = subject.age_band
    if subject.kind == "person" and age == "unknown" and "minor" in signal.flags:
        age = "minor"
    return Holder(
        number=subject.number,
        id=subject.id,
        kind=subject.kind,
        role=subject.role,
        age=age,
        fields={name: policy.fields.categories_of(name, context) for name in policy.fields.fields if name in names},
        unsure=frozenset(f"{SUBJECT}{name}" for name, sure in named.items() if not sure),
    )


def _known(subject: Subject, name: str) -> bool:
    return getattr(subject, name) not in ("", "unknown")


def _context(signal: Signal, policy: PolicySet) -> FieldContext:
    fields = policy.fields
    return FieldContext(
        forms=frozenset(signal.facts.get("forms", ())),
        rows=signal.form_rows,
        indicators=frozenset(signal.indicators),
        # An indicator tells of sex life by its words, or because it is a sign of the sexual row.
        sexual_indicators=frozenset(
            name
            for name, indicator in policy.indicators.items()
            if indicator.form_row in fields.sexual_rows or "sex_life" in fields.indicators.get(name, ())
        ),
        flags=frozenset(signal.flags),
    )


def _signal_fields(signal: Signal) -> list[str]:
    present = {
        "reference": True,
        "urgency": bool(signal.urgency),
        "forms": bool(signal.facts.get("forms")),
        "form_rows": any(signal.form_rows.values()),
        "indicators": bool(signal.indicators),
        "narrative": bool(signal.narrative_masked),
        "narrative_masked": bool(signal.narrative_masked),
        "observed_on": signal.observed_on is not None,
        "municipality": bool(signal.municipality),
        "source_quality": bool(signal.source_quality),
        "flags": bool(signal.flags),
        "consent": bool(signal.consent.get("status")),
        **{name: name in signal.facts for name in FACT_FIELDS},
    }
    return [f"{SIGNAL}{name}" for name, there in present.items() if there]


# -- values ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Readable:
    """Identity values beside an account: those that go along as fields, and those that stay."""

    going: tuple[str, ...] = ()
    staying: tuple[str, ...] = ()


def signal_part(
    tx: Transaction, signal: Signal, names: Iterable[str], recipient: str, readable: Readable
) -> tuple[SentField, ...]:
    """The released fields of the signal with their values, in the order of policies/fields.toml.

    The masked text is left out where the text itself goes along.
    """
    wanted = set(names)
    own: dict[str, Any] = {}
    if NARRATIVE in wanted:
        wanted.discard(MASKED)
        kept = sealing.owner_part(tx, signal)
        own = {"narrative": account_for(tx, kept["narrative"], readable, kept.get("marked", ()))}
    values = _signal_values(tx, signal, own, recipient)
    return tuple(
        SentField(name, tuple(values[name.removeprefix(SIGNAL)]()))
        for name in tx.program.policy.fields.fields
        if name in wanted
    )


def account_for(tx: Transaction, text: str, readable: Readable, marked: Iterable[str]) -> str:
    """The reporter's own text as it goes: a name, number or address stays readable only when it goes as a field as well.

    So the account gives away neither whom the ground leaves out, nor somebody about whom nobody decided. What its
    submitter `marked` to be masked stays masked in the same way.
    """
    going = find_typed(text, readable.going)
    found = (*found_in(tx, text), *find_typed(text, marked))
    strangers = [rest for span in found for rest in _without(span, going)]
    return mask(text, merged([*find_typed(text, readable.staying), *strangers]))


def _without(span: Span, holes: Iterable[Span]) -> Iterator[Span]:
    """What is left of a span beside the holes."""
    at = span.start
    for hole in holes:
        if hole.end <= at or hole.start >= span.end:
            continue
        if at < hole.start:
            yield Span(at, hole.start, span.kind)
        at = hole.end
    if at < span.end:
        yield Span(at, span.end, span.kind)


def _signal_values(
    tx: Transaction, signal: Signal, own: Mapping[str, Any], recipient: str
) -> dict[str, Callable[[], Iterable[SentValue]]]:
    policy, facts = tx.program.policy, signal.facts
    known = policy.how_known
    return {
        # Two receivers that lay their papers side by side must not find the same reference on both.
        "reference": lambda: [typed(naming.signal_name(tx, recipient, signal))],
        "urgency": lambda: [SentValue(policy.urgencies[signal.urgency].title, signal.urgency)],
        "forms": lambda: [SentValue(policy.forms[form].title, form) for form in facts["forms"]],
        "form_rows": lambda: [
            SentValue(_pair(policy.form_rows[row].title, _code_title(policy, code)), f"{row}:{code}")
            for row, code in signal.form_rows.items()
            if code
        ],
        "indicators": lambda: [
            SentValue(_pair(policy.indicators[name].text, known[how].title), f"{name}:{how}")
            for name, how in signal.indicators.items()
        ],
        "narrative": lambda: [typed(own["narrative"])],
        "narrative_masked": lambda: [typed(account_for_others(signal, policy))],
        "observed_on": lambda: [typed(signal.observed_on.isoformat() if signal.observed_on else "")],
        "municipality": lambda: [typed(signal.municipality)],
        "source_quality": lambda: [
            SentValue(policy.source_quality[signal.source_quality].title, signal.source_quality),
        ],
        "flags": lambda: [SentValue(policy.flags[flag].title, flag) for flag in signal.flags],
        "consent": lambda: [
            SentValue(policy.value_label("victim_consent", signal.consent["status"]), signal.consent["status"]),
        ],
        **{name: _fact(policy, name, facts.get(name)) for name in FACT_FIELDS},
    }


def _fact(policy: PolicySet, name: str, value: Any) -> Callable[[], Iterable[SentValue]]:
    return lambda: [SentValue(policy.value_label(name, value), value)]


def _code_title(policy: PolicySet, code: int) -> Text:
    return next(found.title for found in policy.codes.values() if found.code == code)


def _pair(what: Text, how: Text) -> Text:
    return Text(f"{what.nl} ({how.nl})", f"{what.en} ({how.en})")


def subject_part(
    tx: Transaction, holder: Holder, subject: Subject, names: Iterable[str], identity: Mapping[str, str], recipient: str
) -> SentSubject:
    """The released fields of one subject, under the pseudonym that only this recipient knows it by."""
    wanted = set(names)
    values = {**_open_values(tx.program.policy, subject), **{name: typed(value) for name, value in identity.items()}}
    return SentSubject(
        naming.subject_name(tx, recipient, subject.id),
        tuple(
            SentField(name, (values[name.removeprefix(SUBJECT)],), unsure=name in holder.unsure)
            for name in tx.program.policy.fields.fields
            if name in wanted
        ),
    )


def _open_values(policy: PolicySet, subject: Subject) -> dict[str, SentValue]:
    values = {
        "kind": SentValue(policy.identifiers.kind_of(subject.kind).label, subject.kind),
        "role": SentValue(_role_title(policy, subject.role), subject.role),
    }
    if _known(subject, "age_band"):
        values["age_band"] = SentValue(policy.value_label("age", subject.age_band), subject.age_band)
    if _known(subject, "gender"):
        values["gender"] = SentValue(policy.value_label("gender", subject.gender), subject.gender)
    return values


def _role_title(policy: PolicySet, role: str) -> Text:
    return next(value.title for value in policy.scales["subject-role"].value if value.id == role)


def needs_identity(names: Iterable[str]) -> bool:
    """Whether one of these subject fields is sealed."""
    return any(name.removeprefix(SUBJECT) not in OPEN_FIELDS for name in names)
