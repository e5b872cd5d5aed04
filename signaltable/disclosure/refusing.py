"""A refusal that helps: the denies that stand, the rows that came near, and what they still want."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from signaltable.disclosure.case import Case, whereabouts
from signaltable.disclosure.instead import instead
from signaltable.disclosure.outcome import Reason, Refused
from signaltable.disclosure.weighing import hard_deny, judge, not_covered
from signaltable.disclosure.words import (
    CATEGORY_WORDS,
    MISSING_EVIDENCE,
    NO_DEFAULT,
    NOT_APPLICABLE,
    NOT_NAMED,
    NOT_REVIEWED,
)
from signaltable.evidence import Met, NotMet, limits
from signaltable.ground_index import beside
from signaltable.grounds import Ground
from signaltable.texts import Text


def refuse(case: Case, ground_id: str | None, candidates: Sequence[Ground], outcomes: Sequence[Refused]) -> Refused:
    nearest = min(outcomes, key=_distance, default=Refused(()))
    unmet = {missing.code for missing in nearest.missing}
    # A deny that the nearest row gets past with evidence already given is not what stands in the way.
    specific = case.index.listed(case.denies & case.index.specific)
    denies = [deny for deny in specific if not outcomes or unmet & set(deny.except_conditions)]
    reasons = [Reason("denied", deny.explanation, deny.id) for deny in denies]
    if not outcomes or any(reason.code == "nothing_left" for reason in nearest.reasons):
        reasons += _removed(case)
    reasons += [reason for reason in nearest.reasons if reason not in reasons]
    if ground_id is not None and not candidates:
        reasons.append(Reason("not_applicable", NOT_APPLICABLE))
    if not outcomes and not specific:
        reasons.append(_no_ground(case))
    near = tuple(row.id for row in candidates) or _nearly_fitting(case)
    return Refused(tuple(reasons), nearest.missing, near, tuple(instead(case, nearest.missing)), case.decides().row)


def _no_ground(case: Case) -> Reason:
    default = case.index.default_row
    return Reason("no_ground", default.explanation if default else NO_DEFAULT, default.id if default else "")


def _removed(case: Case) -> list[Reason]:
    """The hard denies that take something out of this request, each once."""
    removed = (hard_deny(case, name) for name in sorted(case.asked) if case.here & case.index.hard.get(name, 0))
    rows = {row.id: row for row in removed}
    return [Reason("denied_category", row.explanation, row.id) for row in rows.values()]


def _distance(outcome: Refused) -> tuple[bool, int, int]:
    codes = [reason.code for reason in outcome.reasons]
    return "denied" in codes or "nothing_left" in codes, len(outcome.missing), len(codes)


@dataclass(frozen=True, slots=True)
class _Near:
    """A permit that fits, seen from a request for everything at once: what it could carry and what it still wants."""

    row: Ground
    passable: frozenset[str]
    missing: tuple[NotMet, ...]
    reviewed: bool
    met: int = 0

    @property
    def distance(self) -> tuple[int, int, bool, int, int]:
        """How far off: most of all what it cannot carry, then what is missing, then the lawyer.

        Of equals the one for which most was shown comes first, and then the one that speaks about the fewest kinds of data.
        """
        return -len(self.passable), len(self.missing), not self.reviewed, -self.met, len(self.row.data)


def refuse_all(case: Case) -> Refused:
    near = sorted((_near(case, row) for row in case.candidates()), key=lambda found: found.distance)
    carrying_some = [found for found in near if found.passable]
    nearest = carrying_some[0] if carrying_some else None
    denies = _standing(case, nearest)
    reasons = [
        Reason("denied_category" if row.priority == "hard" else "denied", row.explanation, row.id) for row in denies
    ]
    reasons += _wanting(case, nearest) if nearest else ()
    if not reasons:
        reasons.append(_no_ground(case))
    missing = nearest.missing if nearest else ()
    ids = tuple(found.row.id for found in carrying_some or near) or _nearly_fitting(case)
    row = denies[0].id if denies else case.index.default.row
    return Refused(tuple(reasons), missing, ids, tuple(instead(case, missing)), row)


def _near(case: Case, row: Ground) -> _Near:
    request = case.request
    passable = case.passable(row)
    results = judge(request, row)
    missing = [result for result in results if isinstance(result, NotMet)]
    for result in results:
        limit = limits(result) if isinstance(result, Met) else None
        if limit is not None and not passable <= limit:
            missing.append(NotMet(result.code, (("categories", NOT_NAMED),)))
    met = sum(isinstance(result, Met) for result in results)
    return _Near(row, passable, tuple(missing), request.demo or row.reviewed_by_then(request.on), met)


def _standing(case: Case, nearest: _Near | None) -> tuple[Ground, ...]:
    """The denies that stand in the way, in the order in which they decide.

    Without a row that came near: all that speak about what was asked. Otherwise not those that the nearest row gets
    past with the evidence that is already there.
    """
    denies = case.index.preferred(case.denies)
    if nearest is None:
        return denies
    unmet = {missing.code for missing in nearest.missing}
    blocking = case.blocking(nearest.row)
    return tuple(
        deny
        for deny in denies
        if (_takes_out(case, deny, nearest) if deny.priority == "hard" else deny in blocking)
        or (unmet if deny.priority == "hard" else unmet & set(deny.except_conditions))
    )


def _takes_out(case: Case, deny: Ground, nearest: _Near) -> bool:
    """Whether a hard deny takes out a category that the nearest row does not name."""
    return any(deny.covers(name) and name not in nearest.row.names_special for name in case.asked)


def _wanting(case: Case, nearest: _Near) -> Iterator[Reason]:
    """What keeps the nearest row from carrying everything, and what to leave out so that it can carry the rest."""
    row = nearest.row
    uncovered = [name for name in case.asked if not row.covers(name)]
    if uncovered:
        yield Reason("not_covered", not_covered(uncovered), row.id)
    if nearest.missing:
        yield Reason("missing_evidence", MISSING_EVIDENCE, row.id)
    if not nearest.reviewed:
        yield Reason("not_reviewed", NOT_REVIEWED, row.id)
    too_much = case.asked - nearest.passable
    if too_much:
        words = [CATEGORY_WORDS[name] for name in sorted(too_much)]
        yield Reason(
            "leave_out",
            Text(
                f"Laat weg: {', '.join(word.nl for word in words)}. Voor de rest past grondslag {row.id}.",
                f"Leave out: {', '.join(word.en for word in words)}. For the rest ground {row.id} fits.",
            ),
            row.id,
        )


def _nearly_fitting(case: Case) -> tuple[str, ...]:
    """Permits that fit in all but one of provider, recipient, purpose and person."""
    return tuple(row.id for row in beside(case.index, *whereabouts(case.request)))
