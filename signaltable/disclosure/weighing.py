"""One row weighed for one request: what it lets through, what stands in its way, and whether its conditions are met."""

from collections.abc import Iterable, Iterator

from signaltable.conditions.shape import Context
from signaltable.disclosure.case import Case
from signaltable.disclosure.outcome import Offer, Permit, Reason, Refused, Withheld
from signaltable.disclosure.owed import owed_after
from signaltable.disclosure.request import Request
from signaltable.disclosure.words import (
    CATEGORY_WORDS,
    MISSING_EVIDENCE,
    NOT_NAMED,
    NOT_REVIEWED,
    NOTHING_LEFT,
    UNDECLARED,
)
from signaltable.evidence import Met, NotMet, check_all, limits, needed
from signaltable.ground_index import carrying
from signaltable.grounds import CATEGORIES, Ground
from signaltable.texts import Text


def offer_of(case: Case, row: Ground) -> Offer:
    fields, withheld = _split(case, row)
    reasons = tuple(_obstacles(case, row))
    return Offer(
        ground=row,
        fields=fields,
        withheld=withheld,
        conditions=needed(row.conditions, case.request.person.age),
        usable=not reasons,
        why_not=reasons[0].text if reasons else None,
    )


def weigh(case: Case, row: Ground) -> Permit | Refused:
    request = case.request
    obstacles = tuple(_obstacles(case, row))
    fields, withheld = _split(case, row)
    if not fields:
        obstacles += (Reason("nothing_left", NOTHING_LEFT, row.id),)
    results = judge(request, row)
    met = tuple(result for result in results if isinstance(result, Met))
    missing = tuple(result for result in results if isinstance(result, NotMet))
    if missing:
        obstacles += (Reason("missing_evidence", MISSING_EVIDENCE, row.id),)
    if obstacles:
        return Refused(obstacles, missing)
    fields, left_out = _within_limits(request, fields, met)
    if not fields:
        return Refused((Reason("nothing_left", NOT_NAMED, row.id),))
    return Permit(
        ground=row,
        ground_digest=row.digest,
        fields=fields,
        withheld=withheld + left_out,
        conditions_met=met,
        obligations=tuple(owed_after(request, row, met)),
        legal_basis=row.legal_basis,
        categories=tuple(sorted(frozenset[str]().union(*(request.fields[name] for name in fields)))),
    )


def _obstacles(case: Case, row: Ground) -> Iterator[Reason]:
    for deny in case.blocking(row):
        yield Reason("denied", deny.explanation, deny.id)
    if not case.request.demo and not row.reviewed_by_then(case.request.on):
        yield Reason("not_reviewed", NOT_REVIEWED, row.id)


def _split(case: Case, row: Ground) -> tuple[tuple[str, ...], Withheld]:
    released: list[str] = []
    withheld: list[tuple[str, Text]] = []
    for name, categories in case.request.fields.items():
        reason = _why_withheld(case, row, categories)
        if reason is None:
            released.append(name)
        else:
            withheld.append((name, reason))
    return tuple(released), tuple(withheld)


def _why_withheld(case: Case, row: Ground, categories: frozenset[str]) -> Text | None:
    if not categories or not categories <= set(CATEGORIES):
        return UNDECLARED
    bit = case.index.bits[row.id]
    if carrying(case.index, case.here, categories) & bit:
        return None
    for name in sorted(categories):
        # A hard deny explains itself best, also where the row would not have covered the category.
        if case.here & case.index.hard[name] and not case.index.names[name] & bit:
            return hard_deny(case, name).explanation
    return not_covered(name for name in categories if not row.covers(name))


def hard_deny(case: Case, category: str) -> Ground:
    """The first hard deny that takes this category out."""
    return case.index.preferred(case.here & case.index.hard[category])[0]


def not_covered(categories: Iterable[str]) -> Text:
    words = [CATEGORY_WORDS[name] for name in sorted(categories)]
    return Text(
        f"Deze grondslag geldt niet voor: {', '.join(word.nl for word in words)}.",
        f"This ground does not cover: {', '.join(word.en for word in words)}.",
    )


def judge(request: Request, row: Ground) -> tuple[Met | NotMet, ...]:
    codes = needed(row.conditions, request.person.age)
    if request.judged is not None:
        before = request.judged.get(row.id, {})
        return tuple(before.get(code, NotMet(code, ())) for code in codes)
    return check_all(codes, request.conditions, _context(request), parameters=row.parameters)


def _context(request: Request) -> Context:
    return Context(
        now=request.now,
        today=request.on,
        recipient_agency=request.recipient_agency,
        person_age=request.person.age,
    )


def _within_limits(request: Request, fields: Iterable[str], met: Iterable[Met]) -> tuple[tuple[str, ...], Withheld]:
    """What a consent or a paper does not name stays, even where the ground would allow it."""
    allowed = frozenset(CATEGORIES)
    for result in met:
        limit = limits(result)
        if limit is not None:
            allowed &= limit
    kept = tuple(name for name in fields if request.fields[name] <= allowed)
    return kept, tuple((name, NOT_NAMED) for name in fields if not request.fields[name] <= allowed)
