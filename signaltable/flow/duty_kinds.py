"""What can be owed after a disclosure, how it can be fulfilled, and what can be wrong with an answer."""

from collections.abc import Mapping
from typing import Final

INFORM, REVIEW, RECORD, DESTROY = "inform", "review", "record", "destroy"
INFORM_MUNICIPALITY = "inform-municipality"
# What arises later: consent was taken back, a review found a disclosure not right, and the receiver is asked to erase.
WITHDRAWN, PUT_RIGHT, RECALL = "consent-withdrawn", "put-right", "recall"
# A person in it was erased on request, and whoever got the data is told (GDPR art. 19).
ERASED = "erased-on-request"
# Whoever passed something on and keeps no copy erases its own.
PASSED_ON = "passed-on"
OF_RECEIVER: Final = (DESTROY, WITHDRAWN, RECALL, ERASED, PASSED_ON)
# With one of these open, its receiver is about to erase what it got, and passes nothing on.
ASKS_TO_ERASE: Final = (WITHDRAWN, RECALL, ERASED, PASSED_ON)

# How a duty can be fulfilled. Closed lists, so that figures can be made without reading what people wrote.
DESTROYED, KEPT = "destroyed", "kept_own_ground"
RECALLED, REPORTED, LEFT = "recalled", "recalled_reported", "left"
OTHER = "other"
RESULTS: Final[Mapping[str, tuple[str, ...]]] = {
    INFORM: ("in_person", "interpreter", "phone", "letter", "through_coordinator", OTHER),
    INFORM_MUNICIPALITY: ("informed",),
    DESTROY: (DESTROYED,),
    WITHDRAWN: (DESTROYED, KEPT),
    RECALL: (DESTROYED, KEPT),
    ERASED: (DESTROYED, KEPT),
    PASSED_ON: (DESTROYED,),
    PUT_RIGHT: (RECALLED, REPORTED, LEFT),
}

# These say nothing without an explanation.
EXPLAINED: Final = frozenset({KEPT, LEFT, OTHER})

# What the program itself writes down as a result.
LOGGED, RETURNED, ENDED, BY_PROGRAM = "logged", "returned", "ended", "by_program"
RIGHT, NOT_RIGHT = "right", "not_right"

NOTE_LIMIT: Final = 2000

# What is wrong with an answer; pages have words for each.
TOO_SHORT = "expected a reason of at least so many characters"
NO_DAY = "expected a day"
TOO_EARLY = "expected a day that is later"
TOO_LATE = "expected a day that is earlier"
