"""How much of the marked accounts a reader finds, and how much it finds that is nothing: per kind, on either half.

`python -m tests.texts.quality [tuning|held_out]` prints the table, `--show` the misses too (all invented);
`python -m tests.texts.with_deduce` does the same for deduce and for both together.
"""

import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Final

import click

from signaltable.identity import load_identifiers
from signaltable.text import Span, merged, scan
from tests.texts.marked import HALVES, Marked, marked

ORGANISATIONS: Final = load_identifiers(Path(__file__).parents[2] / "policies").text.organisations
NUMBERS: Final = frozenset({"phone", "iban", "kvk", "document", "plate", "bsn", "email", "date"})

Reader = Callable[[str], Sequence[Span]]


@dataclass(slots=True)
class Quality:
    """Of each kind how many were marked and how many of those were found; and how many finds hit something marked."""

    marked: Counter[str] = field(default_factory=Counter)
    found: Counter[str] = field(default_factory=Counter)
    finds: Counter[str] = field(default_factory=Counter)
    right: Counter[str] = field(default_factory=Counter)
    misses: list[tuple[str, str, str]] = field(default_factory=list)
    extra: list[tuple[str, str, str]] = field(default_factory=list)

    def recall(self, *kinds: str) -> float:
        """The share of what was marked that was found whole; of everything without `kinds`."""
        names = kinds or tuple(self.marked)
        return sum(self.found[one] for one in names) / max(1, sum(self.marked[one] for one in names))

    def precision(self) -> float:
        """The share of the finds that overlap something marked."""
        return self.right.total() / max(1, self.finds.total())


def own(text: str) -> tuple[Span, ...]:
    """The scan of this program, with nothing typed."""
    return scan(text, (), organisations=ORGANISATIONS)


def both(other: Reader) -> Reader:
    """The own scan and another reader together, as the program joins them."""
    return lambda text: merged([*own(text), *other(text)])


def measure(accounts: Iterable[Marked], reader: Reader) -> Quality:
    """Read every account and compare with what was marked.

    A marked piece is found when every letter and digit of it lies inside finds, whatever their kind.
    """
    quality = Quality()
    for account in accounts:
        finds = merged(reader(account.text))
        covered = {at for span in finds for at in range(span.start, span.end)}
        for span in account.spans:
            quality.marked[span.kind] += 1
            signs = [at for at in range(span.start, span.end) if account.text[at].isalnum()]
            if covered.issuperset(signs):
                quality.found[span.kind] += 1
            else:
                quality.misses.append((span.kind, account.text[span.start : span.end], account.text))
        for span in finds:
            quality.finds[span.kind] += 1
            if any(span.start < other.end and other.start < span.end for other in account.spans):
                quality.right[span.kind] += 1
            else:
                quality.extra.append((span.kind, account.text[span.start : span.end], account.text))
    return quality


def table(quality: Quality) -> Iterator[str]:
    """The table as lines: kind, how many were marked, recall, how many finds, precision."""
    yield f"{'kind':<12}{'marked':>7}{'recall':>8}{'finds':>7}{'precision':>11}"
    for kind in sorted(set(quality.marked) | set(quality.finds)):
        right = quality.right[kind] / max(1, quality.finds[kind])
        yield f"{kind:<12}{quality.marked[kind]:>7}{quality.recall(kind):>8.3f}{quality.finds[kind]:>7}{right:>11.3f}"
    yield f"{'all':<12}{quality.marked.total():>7}{quality.recall():>8.3f}{quality.finds.total():>7}{quality.precision():>11.3f}"


def main(arguments: Sequence[str], others: Mapping[str, Reader] = MappingProxyType({})) -> None:
    """Print the table of each half that is named, or of both: for the own scan and for `others`."""
    for half in [one for one in HALVES if one in arguments] or HALVES:
        for name, reader in {"own scan": own, **others}.items():
            quality = measure(marked(half), reader)
            click.echo(f"{half}, {name}: {len(marked(half))} texts")
            click.echo("\n".join(table(quality)))
            if "--show" in arguments:
                for kind, value, text in quality.misses + [("EXTRA " + one[0], *one[1:]) for one in quality.extra]:
                    click.echo(f"{kind:<14} {value!r}   <- {text[:110]!r}")


if __name__ == "__main__":
    main(sys.argv[1:])
