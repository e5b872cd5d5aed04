"""How many cases a test tries: as many as show a mistake, or with `make thorough` as many as there is time for."""

import os

THOROUGH = os.environ.get("SIGNALTABLE_THOROUGH", "") == "1"


def many(usual: int, thorough: int) -> int:
    """The number of cases for this run."""
    return thorough if THOROUGH else usual
