"""What a set of rules holds and how two differ, read from their files, without asking whether they still load."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import Any

from signaltable.policy import EXAMPLES, GROUNDS, MELDROUTES
from signaltable.policy_errors import parse_toml
from signaltable.region import FILE as REGION

_ONE_PER_FILE = (MELDROUTES, GROUNDS)
# How a text (with its path, for the message) becomes content.
Read = Callable[[str, str], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Reviewed:
    """Who signed for a rule, and when."""

    id: str
    by: str
    on: date


@dataclass(frozen=True, slots=True)
class Contents:
    """What a set of rules holds, read from its files: how many, who signed, and how many permits nobody signed for."""

    routes: int
    grounds: int
    unreviewed: int
    reviewed: tuple[Reviewed, ...]


@dataclass(frozen=True, slots=True)
class ChangedIds:
    """The rules that are new, gone, or say something else; a meldroute or ground by its id, the rest as file:id."""

    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()

    @property
    def all(self) -> tuple[str, ...]:
        """Every rule that differs, sorted."""
        return tuple(sorted({*self.added, *self.removed, *self.changed}))


def reading_once() -> Read:
    """A way to read that remembers, for a walk through versions: those share most of their files. Keep it for one walk."""
    return cache(parse_toml)


def contents_of(texts: Mapping[str, str], read: Read = parse_toml) -> Contents:
    """What stands in the files of a set of rules (path -> text). Raises BrokenPolicy for a text that is no TOML."""
    rules = [(path, read(text, path)) for path, text in texts.items() if _folder(path) in _ONE_PER_FILE]
    signed = [rule for _, rule in rules if "reviewed_by" in rule]
    off = set(read(texts[REGION], REGION).get("off", ())) if REGION in texts else set()
    grounds = [rule for path, rule in rules if _folder(path) == GROUNDS]
    return Contents(
        routes=len({rule["id"] for path, rule in rules if _folder(path) == MELDROUTES} - off),
        grounds=len({rule["id"] for rule in grounds}),
        unreviewed=sum("reviewed_by" not in rule and rule["effect"] != "deny" for rule in grounds),
        reviewed=tuple(
            sorted(
                (Reviewed(rule["id"], rule["reviewed_by"], rule["reviewed_on"]) for rule in signed),
                key=lambda one: (one.on, one.id),
            )
        ),
    )


def changed_ids(old: Mapping[str, str], new: Mapping[str, str], read: Read = parse_toml) -> ChangedIds:
    """Which rules differ between two sets of files (path -> text)."""
    before, after = _rules_in(old, read), _rules_in(new, read)
    return ChangedIds(
        added=tuple(sorted(after.keys() - before.keys())),
        removed=tuple(sorted(before.keys() - after.keys())),
        changed=tuple(sorted(name for name in before.keys() & after.keys() if before[name] != after[name])),
    )


def by_file(texts: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """What each file says (path -> content). Raises BrokenPolicy for a text that is no TOML."""
    return {path: parse_toml(text, path) for path, text in texts.items()}


def is_ground(path: str) -> bool:
    """Whether a file of a set of rules is a legal ground, of the nation or of the region."""
    return _folder(path) == GROUNDS


def _folder(path: str) -> str:
    """The folder of a file, that of the region taken for the national one."""
    return path.removeprefix("region/").rpartition("/")[0]


def _rules_in(texts: Mapping[str, str], read: Read) -> dict[str, list[Any]]:
    """Name of a rule -> what its versions say, each with its file."""
    found: dict[str, list[Any]] = {}
    for path, text in sorted(texts.items()):
        content = read(text, path)
        for name, said in _named(path, content):
            found.setdefault(name, []).append((path, said))
    return found


def _named(path: str, content: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    if _folder(path) in _ONE_PER_FILE:
        yield str(content["id"]), content
    elif _folder(path) == EXAMPLES:
        yield path, content
    else:
        for key, value in content.items():
            rows: Iterable[Any] = value if isinstance(value, list) else ()
            by_id = {str(row["id"]): row for row in rows if isinstance(row, dict) and "id" in row}
            yield from ((f"{path}:{name}", row) for name, row in by_id.items()) if by_id else [(f"{path}:{key}", value)]
