"""What the submitter of a signal confirms: which words of the texts others will not read, and how the texts then read.

Everything that is found is masked unless it is freed with a reason; numbers, values that were typed as identity and the
words of protected kinds cannot be freed. A name that is masked in one place is masked in every place and spelling that the
scan knows. `token` names exactly what was shown: submitting takes that or nothing.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from signaltable.flow.masking import organisations_of, protected_among, read
from signaltable.flow.shelters import tells_place
from signaltable.identity import Identity, identity_from, typed_values
from signaltable.intake import SignalDraft
from signaltable.names import WORDS_OF_SENTENCES, as_read
from signaltable.policy import PolicySet
from signaltable.text import Looked, Span, find_typed, look, mask, merged
from signaltable.text_categories import CategorySpan, categories_in
from signaltable.transaction import Transaction

# The texts of a signal that others read. All other answers are choices, or stay sealed with the owner.
NARRATIVE, MUNICIPALITY, LANGUAGE = "narrative", "municipality", "language"
# What a person can judge better than the program: whether a word is somebody's name, a business, a place, a description.
FREEABLE: Final = frozenset({"name", "company", "address", "combination"})

# What a shelter has in common with the people in it.
SHARED: Final = frozenset({"postcode", "street", "phone", "email"})

# Why a word stays masked whatever anybody says.
NUMBER, TYPED, MARKED, PROTECTED, PART = "number", "typed", "marked", "protected", "part"


@dataclass(frozen=True, slots=True)
class FoundWord:
    """A word that was found, wherever it stands. `locked`: why it cannot be freed, "" when it can."""

    key: str
    kind: str
    word: str
    count: int
    locked: str
    freed: bool
    reason: str


@dataclass(frozen=True, slots=True)
class MaskedText:
    """A text that others read: as it was written, what is masked in it, and how it then reads."""

    place: str
    text: str
    spans: tuple[Span, ...]
    masked: str


@dataclass(frozen=True, slots=True)
class Masks:
    """All of it together. `unknown` are words to mask that stand in none of the texts: probably mistyped."""

    texts: tuple[MaskedText, ...]
    words: tuple[FoundWord, ...]
    unknown: tuple[str, ...]
    tells_shelter: bool
    token: str
    # Not when the text reader is away: the texts then stay with the owner until it read them (flow/text_checks.py).
    complete: bool = True
    # The kinds of data that the account tells, each with the places where.
    told: Mapping[str, tuple[CategorySpan, ...]] = field(default_factory=dict)

    def masked(self, place: str) -> str:
        """How others read the text at a place; "" when nothing was written there."""
        return next((one.masked for one in self.texts if one.place == place), "")

    def spans(self, place: str) -> tuple[Span, ...]:
        """What is masked in the text at a place."""
        return next((one.spans for one in self.texts if one.place == place), ())

    @property
    def kept_words(self) -> tuple[str, ...]:
        """Every word that was masked, as it was written."""
        return tuple(sorted({one.word for one in self.words if not one.freed}))


def _identity_values(draft: SignalDraft, policy: PolicySet) -> list[str]:
    typed = typed_values([Identity(kind=one.kind, **one.identity) for one in draft.subjects], policy.identifiers)
    return [*typed, draft.consent.asked_by, draft.reachable]


def masks_of(tx: Transaction, draft: SignalDraft) -> Masks:
    """What is masked in the texts of this draft, with what its submitter chose."""
    texts = _texts(draft)
    policy = tx.program.policy
    values = _identity_values(draft, policy)
    # What must not stand in what others read: typed as identity, about colleagues, or named to be masked.
    typed = [value for value in (*values, *draft.mask_words) if value.strip()]
    looked = {place: look(text) for place, text in texts.items()}
    readable = organisations_of(tx)
    told = {place: categories_in(text, policy.text_categories) for place, text in texts.items()}
    protected = {place: protected_among(one, policy) for place, one in told.items()}
    readings = {
        place: read(tx, one, typed, readable=readable, protected=protected[place]) for place, one in looked.items()
    }
    found = {place: one.spans for place, one in readings.items()}
    # Only what was found can be locked.
    locks = {place: _locks(one, draft, values, protected[place]) for place, one in looked.items() if found[place]}
    words = _words(texts, found, locks, draft)
    final = _final(looked, found, words)
    words = tuple(_settled(words, texts, final))
    shown = tuple(MaskedText(place, text, final[place], mask(text, final[place])) for place, text in texts.items())
    whole = [text for text in texts.values() if text]
    unknown = tuple(word for word in draft.mask_words if not any(find_typed(text, [word]) for text in whole))
    identities = [identity_from(one.kind, one.identity) for one in draft.subjects if set(one.identity) & SHARED]
    shelter = tells_place(tx, whole, identities, found=[(texts[place], spans) for place, spans in found.items()])
    complete = all(one.complete for one in readings.values())
    token = _token(shown, words, draft.mask_words, shelter)
    return Masks(shown, words, unknown, shelter, token, complete, told.get(NARRATIVE, {}))


def _texts(draft: SignalDraft) -> Mapping[str, str]:
    texts = {
        NARRATIVE: draft.narrative,
        MUNICIPALITY: draft.observed.municipality,
        LANGUAGE: draft.consent.language,
    }
    return MappingProxyType({place: text for place, text in texts.items() if text.strip()})


# -- words ---------------------------------------------------------------------------------------------------------

Locks = Mapping[str, tuple[Span, ...]]


def _locks(looked: Looked, draft: SignalDraft, values: Sequence[str], protected: tuple[Span, ...]) -> Locks:
    """Where words stand that cannot be freed, by the reason."""
    return {
        PROTECTED: protected,
        TYPED: find_typed(looked, values),
        MARKED: find_typed(looked, draft.mask_words),
    }


def _words(
    texts: Mapping[str, str], found: Mapping[str, Sequence[Span]], locks: Mapping[str, Locks], draft: SignalDraft
) -> tuple[FoundWord, ...]:
    """Each word once, in the order of the texts; a word that is locked anywhere is locked everywhere."""
    chosen = {(one.kind, _plain(one.word)): one.reason for one in draft.freed}
    first: dict[tuple[str, str], str] = {}
    reasons: dict[tuple[str, str], str] = {}
    counts: Counter[tuple[str, str]] = Counter()
    for place, spans in found.items():
        for span in spans:
            word = texts[place][span.start : span.end]
            key = (span.kind, _plain(word))
            first.setdefault(key, word)
            counts[key] += 1
            reasons[key] = reasons.get(key) or _lock(span, word, locks[place])
    return tuple(
        FoundWord(
            key=_key(*key),
            kind=key[0],
            word=word,
            count=counts[key],
            locked=reasons[key],
            freed=key in chosen and not reasons[key],
            reason=chosen.get(key, ""),
        )
        for key, word in first.items()
    )


def _lock(span: Span, word: str, locks: Locks) -> str:
    for reason, spans in locks.items():
        if any(one.start < span.end and span.start < one.end for one in spans):
            return reason
    if span.kind == "protected":
        return PROTECTED
    is_numbered = span.kind == "address" and any(sign.isdigit() for sign in word)
    return "" if span.kind in FREEABLE and not is_numbered else NUMBER


def _plain(word: str) -> str:
    return " ".join(as_read(word)[0].casefold().split())


def _word_key(text: str, span: Span) -> str:
    return _key(span.kind, _plain(text[span.start : span.end]))


def _key(kind: str, plain: str) -> str:
    return hashlib.sha256(f"{kind}|{plain}".encode()).hexdigest()[:16]


def _final(
    texts: Mapping[str, Looked], found: Mapping[str, Sequence[Span]], words: Sequence[FoundWord]
) -> dict[str, tuple[Span, ...]]:
    """What is masked in the end: what was found and not freed, and every other spelling of a name that stays masked."""
    freed = {one.key for one in words if one.freed}
    # What is an article or a preposition elsewhere is masked where it is a name, and nowhere else.
    names = [one.word for one in words if one.kind == "name" and not one.freed and not _is_in_every_sentence(one.word)]
    final = {}
    for place, looked in texts.items():
        text = looked.text
        kept = [span for span in found[place] if not freed or _word_key(text, span) not in freed]
        # What is looked for is a name, also where its last part could be a street: Roos van Dijk.
        again = [Span(span.start, span.end, "name") for span in find_typed(looked, names)]
        final[place] = merged([*kept, *again])
    return final


def _is_in_every_sentence(word: str) -> bool:
    return all(part in WORDS_OF_SENTENCES for part in _plain(word).split())


def _settled(
    words: Sequence[FoundWord], texts: Mapping[str, str], final: Mapping[str, Sequence[Span]]
) -> Iterator[FoundWord]:
    """A word that was freed and still stands in another that is masked stays masked, and says so."""
    readable = {place: _plain(mask(text, final[place])) for place, text in texts.items()}
    for one in words:
        if one.freed and not any(_plain(one.word) in text for text in readable.values()):
            yield FoundWord(one.key, one.kind, one.word, one.count, PART, freed=False, reason=one.reason)
        else:
            yield one


def _token(shown: Iterable[MaskedText], words: Iterable[FoundWord], marked: Sequence[str], shelter: bool) -> str:
    said = [
        [[one.place, one.text, one.masked] for one in shown],
        [[one.key, one.freed, one.locked, one.reason] for one in words],
        list(marked),
        shelter,
    ]
    return hashlib.sha256(json.dumps(said, ensure_ascii=False).encode()).hexdigest()[:32]
