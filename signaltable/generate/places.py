"""Values with places in them: what stays the same for everybody, and where somebody else's ids, names and days go."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, Final

from signaltable.keys import DataKey, KeyProvider

_ONE_DAY: Final = timedelta(days=1)
_DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}")
# Milliseconds since 1970 between 2001 and 2096: no count of anything else in details is as large.
_MOMENTS: Final = range(10**12, 4 * 10**12)


@dataclass(frozen=True, slots=True)
class Spot:
    """Somebody for whom a life is repeated: what goes into each place, and how many days and milliseconds later."""

    values: list[str]
    later: timedelta
    ring: KeyProvider
    # The data keys of the subjects, by the ids that they get here.
    keys: dict[str, DataKey]

    @property
    def days(self) -> timedelta:
        """How much later a day is that has no hour: whole days, whatever the minutes are."""
        return timedelta(days=round(self.later / _ONE_DAY))


Maker = Callable[[Spot], Any]


@dataclass(slots=True)
class Places:
    """Which texts of a life are somebody else's in another: text -> place in `Spot.values`."""

    of: dict[str, int] = field(default_factory=dict)
    # What was typed, for which the whole text has to be equal: a surname can be part of a word.
    whole: dict[str, int] = field(default_factory=dict)
    # Names of agencies, which are words that can be part of others.
    words: dict[str, int] = field(default_factory=dict)
    size: int = 0
    pattern: re.Pattern[str] | None = None

    def add(self, text: str) -> int:
        """The place of an id, a reference or another text that stands by itself."""
        return self._put(self.of, text)

    def add_word(self, text: str) -> int:
        """The place of a word that may not be part of another one."""
        return self._put(self.words, text)

    def add_whole(self, text: str) -> int:
        """The place of a text that counts only where nothing stands around it."""
        return self._put(self.whole, text)

    def nowhere(self) -> int:
        """A place that no text leads to: what goes there is made by hand."""
        self.size += 1
        return self.size - 1

    def _put(self, known: dict[str, int], text: str) -> int:
        if text not in known:
            known[text] = self.nowhere()
        return known[text]

    def close(self) -> None:
        """From here on texts are taken apart."""
        ids, words = ("|".join(map(re.escape, sorted(one, key=len, reverse=True))) for one in (self.of, self.words))
        self.pattern = re.compile(rf"((?<!\w)(?:{ids})(?!\w)|(?<![\w.-])(?:{words})(?![\w.-]))")

    def text(self, value: str) -> Maker | None:
        """How a text is made for somebody else; None when it stays the same."""
        assert self.pattern is not None
        if value in self.whole:
            at = self.whole[value]
            return lambda spot: spot.values[at]
        if _DAY.fullmatch(value):
            day = date.fromisoformat(value)
            return lambda spot: (day + spot.days).isoformat()
        parts = self.pattern.split(value)
        if len(parts) == 1:
            return None
        places = [self.of[part] if part in self.of else self.words[part] for part in parts[1::2]]
        if len(parts) == 3 and not parts[0] and not parts[2]:
            at = places[0]
            return lambda spot: spot.values[at]
        around = parts[::2]

        def joined(spot: Spot) -> str:
            return "".join(a + spot.values[b] for a, b in zip(around, places, strict=False)) + around[-1]

        return joined

    def value(self, value: Any) -> Maker | None:
        """The same for any value of a row or of JSON."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, datetime):
            return lambda spot: value + spot.later
        if isinstance(value, date):
            return lambda spot: value + spot.days
        if isinstance(value, int) and not isinstance(value, bool) and value in _MOMENTS:
            return lambda spot: value + int(spot.later.total_seconds() * 1000)
        if isinstance(value, dict):
            return self._mapping(value)
        if isinstance(value, list):
            return self._list(value)
        return None

    def _mapping(self, value: Mapping[str, Any]) -> Maker | None:
        keys = [(name, self.text(name), one, self.value(one)) for name, one in value.items()]
        if all(key is None and made is None for _name, key, _one, made in keys):
            return None
        same = {name: one for name, key, one, made in keys if key is None and made is None}
        varied = [(name, key, one, made) for name, key, one, made in keys if key is not None or made is not None]

        def mapping(spot: Spot) -> dict[str, Any]:
            changed = {(key(spot) if key else name): (made(spot) if made else one) for name, key, one, made in varied}
            return {**same, **changed}

        return mapping

    def _list(self, value: Sequence[Any]) -> Maker | None:
        parts = [(one, self.value(one)) for one in value]
        if all(made is None for _one, made in parts):
            return None
        return lambda spot: [made(spot) if made else one for one, made in parts]


def always(places: Places, value: Any) -> Maker:
    """How a value is made, also when it is always the same."""
    made = places.value(value)
    return made or (lambda _spot: value)
