"""Which kinds of data an account holds, by the words in it (policies/text_categories.toml).

In doubt a kind is found: one too many only asks for more ground, one too few lets data out. A word list sees no meaning;
that is why the submitter is shown what was found and can add what was missed.
"""

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Final

from pydantic import StrictBool, StrictStr, ValidationError

from signaltable.grounds import CATEGORIES, Problem, Row, Sentence, canonical_digest, expectation
from signaltable.names import as_read, fold
from signaltable.policy_errors import BrokenPolicy, Finding, read_toml

FILE: Final = "text_categories.toml"
# What a word by itself can tell. Names and numbers are found by signaltable.text, a BSN is refused, and that an account
# is an account needs no finding.
FINDABLE: Final = tuple(
    name for name in CATEGORIES if name not in {"identity", "contact", "bsn", "narrative", "pseudonymous"}
)
_ADULT: Final = 18
_FIRST_TEEN: Final = 10
_NUMBERS: Final = (
    # "een" and "one" are articles and pronouns far more often than ages.
    "twee|drie|vier|vijf|zes|zeven|acht|negen|two|three|four|five|six|seven|eight|nine",
    "tien|elf|twaalf|dertien|veertien|vijftien|zestien|zeventien|ten|eleven|twelve|thirteen|fourteen|fifteen|sixteen|seventeen",
)
_TEEN: Final = f"(?:{'|'.join(map(str, range(_FIRST_TEEN, _ADULT)))}|{_NUMBERS[1]})"
_MINOR: Final = f"(?:{'|'.join(map(str, reversed(range(_ADULT))))}|{'|'.join(_NUMBERS)})"
_PLACEHOLDERS: Final = {"{teen}": _TEEN, "{minor}": _MINOR}
_PATTERN: Final = re.compile(r"(?:\*?[a-z0-9]+\*?|\{(?:teen|minor)\})(?:\|\*?[a-z0-9]+\*?)*")
_WORD: Final = re.compile(r"[^\W_]+")


@dataclass(frozen=True, slots=True, order=True)
class CategorySpan:
    """A piece of a text, from `start` up to but not including `end`, that tells a kind of data."""

    start: int
    end: int


class _CategoryRow(Row):
    id: Sentence
    source: Sentence
    why: Sentence
    mask: StrictBool = False
    find: tuple[StrictStr, ...]
    not_: tuple[StrictStr, ...] = ()
    found: tuple[StrictStr, ...]
    left: tuple[StrictStr, ...]


class _CategoryFile(Row):
    category: tuple[_CategoryRow, ...]


@dataclass(frozen=True, slots=True)
class TextPolicy:
    """What to look for per kind of data; the patterns run over words in plain letters with one space between them.

    `masked` are the kinds whose words are taken out of what others read.
    """

    patterns: Mapping[str, re.Pattern[str]]
    masked: frozenset[str]
    digest: str
    # Which kinds a word can have a part in telling: most words none, so that few patterns have to run over a text.
    told_by: Callable[[str], frozenset[str]] = field(repr=False, compare=False)

    @property
    def categories(self) -> tuple[str, ...]:
        """The kinds that can be found, in the order of the file."""
        return tuple(self.patterns)


def categories_in(text: str, policy: TextPolicy) -> dict[str, tuple[CategorySpan, ...]]:
    """The kinds of data that words of `text` tell, each with the places where; nothing found is an empty dict.

    Places are in order and do not overlap within a kind. Takes time in proportion to the text.
    """
    return _places(text, policy, policy.patterns.keys())


def _places(text: str, policy: TextPolicy, wanted: Collection[str]) -> dict[str, tuple[CategorySpan, ...]]:
    found = _found(text, policy, wanted)
    reading, places = as_read(text)
    if reading != text:  # Signs that nobody sees hide no word.
        for name, spans in _found(reading, policy, wanted).items():
            found.setdefault(name, []).extend(CategorySpan(places[span.start], places[span.end]) for span in spans)
    return {name: tuple(_joined(found[name])) for name in policy.patterns if found.get(name)}


def _found(text: str, policy: TextPolicy, wanted: Collection[str]) -> dict[str, list[CategorySpan]]:
    line, words = _flattened(text)
    told = frozenset[str]().union(*map(policy.told_by, line.split()))
    return {name: list(_spans(line, words, policy.patterns[name])) for name in wanted if name in told}


def _joined(spans: Iterable[CategorySpan]) -> Iterator[CategorySpan]:
    """Overlapping places become one."""
    last: CategorySpan | None = None
    for span in sorted(spans):
        if last and span.start < last.end:
            last = CategorySpan(last.start, max(last.end, span.end))
            continue
        if last:
            yield last
        last = span
    if last:
        yield last


def to_mask(text: str, policy: TextPolicy) -> tuple[CategorySpan, ...]:
    """The words of `text` that others may not read whatever the ground, in order; they may overlap."""
    return masked_among(_places(text, policy, policy.masked), policy)


def masked_among(found: Mapping[str, Iterable[CategorySpan]], policy: TextPolicy) -> tuple[CategorySpan, ...]:
    """The same, out of what `categories_in` found of all kinds."""
    return tuple(sorted(span for name, spans in found.items() if name in policy.masked for span in spans))


def _flattened(text: str) -> tuple[str, dict[int, tuple[int, int]]]:
    """The words in plain letters, each between spaces, and where each stands: place in the line -> place in the text."""
    words: dict[int, tuple[int, int]] = {}
    pieces: list[str] = []
    at = 1
    for found in _WORD.finditer(text):
        plain = _plain(found[0])
        if plain:
            words[at] = (found.start(), found.end())
            pieces.append(plain)
            at += len(plain) + 1
    return f" {' '.join(pieces)} ", words


@lru_cache(maxsize=8192)
def _plain(word: str) -> str:
    return re.sub(r"[^a-z0-9]", "", fold(word))


def _spans(line: str, words: Mapping[int, tuple[int, int]], pattern: re.Pattern[str]) -> Iterator[CategorySpan]:
    for found in pattern.finditer(line):
        if found.lastgroup == "yes":
            last = line.rfind(" ", found.start() - 1, found.end()) + 1
            yield CategorySpan(words[found.start()][0], words[last][1])


# -- reading the file ------------------------------------------------------------------------------------------------


def load_text_categories(path: Path) -> TextPolicy:
    """The words of policies/text_categories.toml.

    Raises BrokenPolicy for an unknown kind of data, a pattern that cannot be read, a kind or pattern twice, and an
    example that does not come out as it says.
    """
    raw = read_toml(path)
    try:
        content = _CategoryFile.model_validate(_renamed(raw))
    except ValidationError as error:
        raise BrokenPolicy(
            Finding(path.name, ".".join(str(part) for part in found["loc"]), expectation(found))
            for found in error.errors()
        ) from None
    findings = [Finding(path.name, key, message) for key, message in _problems(content)]
    if findings:
        raise BrokenPolicy(sorted(findings))
    patterns = {row.id: _compiled(row) for row in content.category}
    masked = frozenset(row.id for row in content.category if row.mask)
    policy = TextPolicy(MappingProxyType(patterns), masked, canonical_digest(raw), _tellers(content.category))
    wrong = [Finding(path.name, key, message) for row in content.category for key, message in _examples(row, policy)]
    if wrong:
        raise BrokenPolicy(sorted(wrong))
    return policy


def _renamed(raw: Mapping[str, object]) -> dict[str, object]:
    """`not` reads best in the file and cannot be a name in Python."""
    rows = raw.get("category")
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        return dict(raw)
    return {**raw, "category": [{"not_" if key == "not" else key: row[key] for key in row} for row in rows]}


def _problems(content: _CategoryFile) -> Iterator[Problem]:
    seen: set[str] = set()
    for row in content.category:
        if row.id not in FINDABLE:
            yield row.id, f"expected one of {', '.join(FINDABLE)}, found {row.id}"
        if row.id in seen:
            yield row.id, "expected each kind of data once"
        seen.add(row.id)
        yield from _pattern_problems(f"{row.id}.find", row.find)
        yield from _pattern_problems(f"{row.id}.not", row.not_)
        for key, values in (("find", row.find), ("found", row.found), ("left", row.left)):
            if not values:
                yield f"{row.id}.{key}", "expected at least one"


def _pattern_problems(key: str, patterns: Iterable[str]) -> Iterator[Problem]:
    seen: set[str] = set()
    for pattern in patterns:
        if not all(_PATTERN.fullmatch(word) for word in pattern.split(" ")):
            yield key, f"expected words in plain small letters with * at an end, found {pattern}"
        if pattern in seen:
            yield key, f"expected each pattern once, found {pattern} twice"
        seen.add(pattern)


def _compiled(row: _CategoryRow) -> re.Pattern[str]:
    """One expression per kind. What is excepted comes first, so that it is passed over before anything is found in it."""
    groups = [f"(?P<no>{_any_of(row.not_)})"] if row.not_ else []
    return re.compile(f"(?<= )(?:{'|'.join([*groups, f'(?P<yes>{_any_of(row.find)})'])})(?= )")


def _tellers(rows: Iterable[_CategoryRow]) -> Callable[[str], frozenset[str]]:
    """What `TextPolicy.told_by` answers: of each pattern one word, the rarest, without which it is found nowhere."""
    ways = {row.id: {max(pattern.split(" "), key=_rare) for pattern in row.find} for row in rows}
    telling = {name: re.compile("|".join(map(_word, sorted(words)))) for name, words in ways.items()}

    @lru_cache(maxsize=8192)  # Texts share most of their words.
    def told_by(word: str) -> frozenset[str]:
        return frozenset(name for name, words in telling.items() if words.fullmatch(word))

    return told_by


def _rare(word: str) -> int:
    """How rare what this word of a pattern finds is, about: by its signs; and few texts tell an age."""
    return min(len(word) if way in _PLACEHOLDERS else len(way.replace("*", "")) for way in word.split("|"))


def _any_of(patterns: Iterable[str]) -> str:
    # The longest first: "17 of 18" is marked whole.
    ordered = sorted(patterns, key=lambda pattern: (-pattern.count(" "), -len(pattern), pattern))
    return "|".join(" ".join(_word(word) for word in pattern.split(" ")) for pattern in ordered)


def _word(pattern: str) -> str:
    ways = [_PLACEHOLDERS.get(way) or way.replace("*", "[a-z0-9]*") for way in pattern.split("|")]
    return f"(?:{'|'.join(ways)})" if len(ways) > 1 else ways[0]


def _examples(row: _CategoryRow, policy: TextPolicy) -> Iterator[Problem]:
    for text in row.found:
        if row.id not in categories_in(text, policy):
            yield f"{row.id}.found", f"expected to be found in: {text}"
    for text in row.left:
        if row.id in categories_in(text, policy):
            yield f"{row.id}.left", f"expected not to be found in: {text}"
