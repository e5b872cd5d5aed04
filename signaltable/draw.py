"""Drawing a sample that anybody can draw again: by hashes over a seed, never by a random generator.

Every disclosure of the population gets a rank, SHA-256 over a fixed text, the seed and its reference; the smallest ranks
are drawn. Whoever has the references and the seed gets the same sample, in any language, with ten lines of program.
"""

import hashlib
import unicodedata
from collections.abc import Iterable, Mapping
from typing import Final

DOMAIN: Final = b"signaltable/sample/v1\n"


def rank(seed: str, reference: str) -> bytes:
    """Where a disclosure stands: SHA-256(DOMAIN || seed in NFC as UTF-8 || newline || reference), 32 bytes."""
    text = unicodedata.normalize("NFC", seed).encode()
    return hashlib.sha256(DOMAIN + text + b"\n" + reference.encode()).digest()


def draw(population: Mapping[str, str], seed: str, size: int) -> tuple[str, ...]:
    """The `size` references with the smallest ranks, in the order of their ranks; all when there are fewer.

    `population` maps a reference to its group. With more than one group the first of each group is drawn before the
    rest, so that none is left out; every group "" is no groups at all. Raises ValueError when there are more groups than
    places.
    """
    ordered = sorted(population, key=lambda reference: rank(seed, reference))
    firsts: dict[str, str] = {}
    for reference in ordered:
        firsts.setdefault(population[reference], reference)
    chosen = set(firsts.values()) if len(firsts) > 1 else set()
    if len(chosen) > size:
        raise ValueError(f"expected at least {len(chosen)} places, one for each group, found {size}")
    rest = (reference for reference in ordered if reference not in chosen)
    for reference in rest:
        if len(chosen) == size:
            break
        chosen.add(reference)
    return tuple(reference for reference in ordered if reference in chosen)


def population_hash(references: Iterable[str]) -> str:
    """SHA-256 in hex over the references in alphabetical order, each with a newline: which population it was."""
    return hashlib.sha256("".join(f"{one}\n" for one in sorted(set(references))).encode()).hexdigest()
