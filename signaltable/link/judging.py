"""From how alike two sketches are to a proposal: a sum of weights, and what may never be called a match."""

from collections.abc import Mapping
from typing import Final

from signaltable.link.likeness import OLDEST_PARENT, likeness, years_between
from signaltable.link.proposal import Likeness, Outcome, Proposal
from signaltable.link.sketch import Sketch
from signaltable.linking_rules import LinkingPolicy

# What people see for each level. City alone is a difference in address, and half a name is not the name.
_SHOWN: Final[Mapping[str, Likeness]] = {
    "same": "same",
    "form": "near", "sound": "near", "slip": "near", "initial": "near", "start": "near", "partly": "near", "swapped": "near",
    "month": "near", "year": "near", "rough": "near", "building": "near", "handle": "near",
    "different": "different", "unlike": "different", "generation": "different",
}  # fmt: skip
_NAMES: Final = ("given", "surname")
_OTHER_NAME: Final = frozenset({"different", "unlike", "partly"})
_ONE_NAME: Final = frozenset({"same", "form", "sound"})
_NEARLY: Final = frozenset({"slip", "start"})
_SAME_DATE: Final = frozenset({"same", "swapped"})
# What people in one house have each for themselves.
_OWN: Final = ("phone", "email", "document_number", "iban")
_YEAR_ONLY: Final = frozenset({"year", "rough"})
_NEAR_STREET: Final = frozenset({"same", "slip"})
_OTHER_DATE: Final = frozenset({"different", "generation"})
_ADDRESS: Final = frozenset({"street", "number", "place"})


def judge(one: Sketch, other: Sketch, policy: LinkingPolicy, muted: frozenset[str]) -> Proposal:
    """Weigh two sketches made under one key. `muted`: things of which the value counts as missing."""
    levels = likeness(one, other)
    for name in muted | (_ADDRESS if "address" in muted else frozenset()):
        levels.pop(name, None)
    bare = _bare(one, other)
    rare = bare and _rare(one, other)
    # Where there is nothing else to go by, a date further off than that of a parent is a date that was written wrong.
    if levels.get("birth_date") == "generation" and (rare or (bare and years_between(one, other) > OLDEST_PARENT)):
        levels["birth_date"] = "different"
    weights = policy.sketch.weights
    score = sum(weights[name][level] for name, level in levels.items()) - _commonness(one, other, levels, policy)
    if rare and levels.get("place") in {"same", "partly"}:
        score += policy.sketch.more_when_rare
    score = max(0, score)
    return Proposal(_outcome(score, levels, policy, bare=bare, rare=rare), score, _compared(levels, policy))


def _commonness(one: Sketch, other: Sketch, levels: Mapping[str, str], policy: LinkingPolicy) -> int:
    """What is taken off when the names agree and half a nation bears them."""
    off = 0
    for name, mine, yours in (("given", one.given, other.given), ("surname", one.family, other.family)):
        if levels.get(name, "different") not in _OTHER_NAME:
            rarest = min((word.common for word in mine + yours if not word.spare), default=0)
            off += rarest * policy.sketch.less_when_common
    return off


def _outcome(score: int, levels: Mapping[str, str], policy: LinkingPolicy, *, bare: bool, rare: bool) -> Outcome:
    rules = policy.sketch
    if score >= rules.match_from and _may_be_one(levels, rules.settles, bare=bare, rare=rare):
        return "match"
    if any(levels.get(name) == "same" for name in rules.leads):
        return "possible"
    return "possible" if score >= rules.possible_from and _somebody(levels) else "none"


def _somebody(levels: Mapping[str, str]) -> bool:
    """Whether something of the name agrees, and name and date do not both contradict."""
    named = any(levels.get(name, "different") not in _OTHER_NAME for name in _NAMES)
    return named and not (levels.get("given") in _OTHER_NAME and levels.get("birth_date") in _OTHER_DATE)


def _may_be_one(levels: Mapping[str, str], settles: tuple[str, ...], *, bare: bool, rare: bool) -> bool:
    """Whether nothing speaks against one person that no sum can outweigh.

    A date of another generation: father and son of one name. Another given name: twins, who share date, surname, address
    and phone; only a number that is one person's own makes two names believable. An initial stands for a whole family.
    Where no date is known nothing of their own may contradict: who shares a name and a house may be parent and child.
    `rare` lifts most of this: see `_rare`.
    """
    given, surname, born = (levels.get(name, "") for name in ("given", "surname", "birth_date"))
    settled = any(levels.get(name) == "same" for name in settles)
    dated = born in _SAME_DATE
    own = {levels[name] for name in _OWN if name in levels}
    if born == "generation" or not (rare or _date_allows(levels, settled=settled, bare=bare)):
        return False
    # Twins are given names that begin alike or differ by a letter; then the documents are not those of one person.
    if given in _NEARLY and levels.get("document_number") == "different":
        given = "unlike"
    # Whose document, date and phone agree bears two names, or one that nobody spells.
    numbered = settled and born not in _OTHER_DATE and levels.get("phone") == "same"
    if numbered and (dated or surname != "different"):
        return True
    if given in _OTHER_NAME:
        return (rare or (settled and surname != "different")) and dated
    if surname == "different":
        return rare or dated or (settled and given != "initial")
    if not given or not surname:
        return rare or dated or settled
    if given == "initial":
        return dated or settled or (bool(born) and "same" in own)
    return bool(born or rare or settled or "different" not in own)


def _date_allows(levels: Mapping[str, str], *, settled: bool, bare: bool) -> bool:
    """Whether dates that are not the same may still be those of one person.

    Relatives share name, house and phone, and namesakes a year; so another date needs a document, or the phone under the
    very same name. A date that is only near says little beside a document or phone that contradicts.
    """
    born, same = levels.get("birth_date", ""), {name for name in _OWN if levels.get(name) == "same"}
    given, surname = levels.get("given", ""), levels.get("surname", "")
    if born in _SAME_DATE or not born or settled:
        return True
    papers = levels.get("document_number") == "different"
    if born == "different":
        if bare and given == surname == levels.get("street") == "same":
            return True
        return not papers and bool(same - {"phone"} or (same and {given, surname} <= _ONE_NAME))
    if same or bare:
        return True
    at_home = levels.get("street") in _NEAR_STREET
    if born in _YEAR_ONLY:
        # Namesakes of one year live in one town.
        return at_home and not papers
    return not papers and (at_home or "different" not in {levels.get("street"), levels.get("phone")})


def _bare(one: Sketch, other: Sketch) -> bool:
    """Whether neither side says more than name, date and address."""
    return not any(side.phone or side.document or side.nationality or side.email or side.iban for side in (one, other))


def _rare(one: Sketch, other: Sketch) -> bool:
    """Whether a name is missing or in no list of given names, for two sides that say little else.

    Then there is nothing else to go by, and such a name is hardly passed on from parent to child or given to a twin.
    """
    whole = one.given and other.given and one.family and other.family
    return not whole or any(word.rare for side in (one, other) for word in side.given)


def _compared(levels: Mapping[str, str], policy: LinkingPolicy) -> tuple[tuple[str, Likeness], ...]:
    shown = {name: _SHOWN[level] for name, level in levels.items()}
    names: set[Likeness] = {shown[name] for name in _NAMES if name in shown}
    if names:
        shown["name"] = "same" if names == {"same"} else "different" if names == {"different"} else "near"
    if _ADDRESS & set(levels):
        shown["address"] = _address(levels)
    return tuple((thing.id, shown.get(thing.id, "missing")) for thing in policy.compared)


def _address(levels: Mapping[str, str]) -> Likeness:
    """One home, something of it, or another. To live in one town is another address."""
    home = [levels.get(name, "different") for name in ("street", "number")]
    if home == ["same", "same"]:
        return "same"
    return "different" if home == ["different", "different"] else "near"
