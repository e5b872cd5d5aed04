"""Whether one agency may give these fields to one other, for one purpose, on one ground.

Pure and deterministic. Which rows match and in which order they decide stands in `ground_index`; here the evidence is
judged, the answer is given per field (`decide`) or for all that is asked (`decide_whole`), and a refusal says what can be
done instead.
"""

from signaltable.disclosure.case import case_of, says_unknown
from signaltable.disclosure.outcome import Offer, Permit, Reason, Refused
from signaltable.disclosure.refusing import refuse, refuse_all
from signaltable.disclosure.request import Request
from signaltable.disclosure.weighing import judge, offer_of, weigh
from signaltable.disclosure.words import ASK_PRIVACY_OFFICER, CALL_112, NO_FIELDS, UNKNOWN_WORD
from signaltable.evidence import Met, NotMet
from signaltable.ground_index import open_rows
from signaltable.grounds import CATEGORIES, GroundSet


def applicable(request: Request, grounds: GroundSet) -> tuple[Offer, ...]:
    """The grounds that could carry the request, before any evidence, in the order of their ids.

    Only rows that match provider, recipient, purpose and person, and would let at least one field through. An offer
    that is not `usable` says in `why_not` what stops it.
    """
    if says_unknown(request):
        return ()
    case = case_of(request, grounds)
    offers = (offer_of(case, row) for row in case.index.listed(case.here & case.index.permits))
    return tuple(offer for offer in offers if offer.fields)


def decide(request: Request, ground_id: str | None, grounds: GroundSet) -> Permit | Refused:
    """The decision on one ground, or (`ground_id` None) on the one that lets most fields through.

    Never raises for anything a request can say: an unknown word, a missing field or wrong evidence is a refusal.
    """
    unusable = _unusable(request)
    if unusable:
        return unusable
    case = case_of(request, grounds)
    candidates = case.candidates()
    if ground_id is not None:
        candidates = tuple(row for row in candidates if row.id == ground_id)
    outcomes = [weigh(case, row) for row in candidates]
    permits = [outcome for outcome in outcomes if isinstance(outcome, Permit)]
    if permits:
        return max(permits, key=lambda permit: len(permit.fields))
    return refuse(case, ground_id, candidates, [outcome for outcome in outcomes if isinstance(outcome, Refused)])


def decide_whole(request: Request, grounds: GroundSet) -> Permit | Refused:
    """The decision on all that is asked at once: a permit only when every category of every field may go.

    The request names exactly what it wants to disclose, so a category that one deny takes out, or that no row covers,
    refuses the whole; the reasons then say what to leave out. Of several permits the one that asks least is given.
    """
    unusable = _unusable(request)
    if unusable:
        return unusable
    case = case_of(request, grounds)
    if not all(request.fields.values()) or not case.asked <= set(CATEGORIES):
        return Refused((Reason("unknown_word", UNKNOWN_WORD),), instead=(CALL_112, ASK_PRIVACY_OFFICER))
    for row in case.index.preferred(open_rows(case.index, case.here, case.asked, demo=request.demo)):
        outcome = weigh(case, row)
        if isinstance(outcome, Permit) and not outcome.withheld:
            return outcome
    return refuse_all(case)


def judged_rows(request: Request, ground_id: str | None, grounds: GroundSet) -> dict[str, tuple[Met | NotMet, ...]]:
    """How the evidence is judged for each row that `decide` weighs; what a recorded decision keeps of the evidence."""
    if _unusable(request):
        return {}
    candidates = case_of(request, grounds).candidates()
    return {row.id: judge(request, row) for row in candidates if ground_id in (None, row.id)}


def _unusable(request: Request) -> Refused | None:
    """The refusal of a request that says nothing, or something nobody knows."""
    if says_unknown(request):
        return Refused((Reason("unknown_word", UNKNOWN_WORD),), instead=(CALL_112, ASK_PRIVACY_OFFICER))
    if not request.fields:
        return Refused((Reason("no_fields", NO_FIELDS),), instead=(CALL_112, ASK_PRIVACY_OFFICER))
    return None
