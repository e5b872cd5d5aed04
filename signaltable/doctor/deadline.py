"""An answer within a time limit, whatever the other side does: a limit for each read lets who drips bytes go on for minutes."""

import threading
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def within(seconds: float, ask: Callable[[], T]) -> T | None:
    """What `ask` gives; None when it takes longer, also over looking up a name. Raises what it raises in time.

    A question that goes on is left behind and keeps nobody from ending: nothing else can break off the look-up of a name.
    """
    answers: list[T] = []
    errors: list[Exception] = []

    def run() -> None:
        try:
            answers.append(ask())
        except Exception as error:  # noqa: BLE001 -- raised where it was asked
            errors.append(error)

    asking = threading.Thread(target=run, daemon=True)
    asking.start()
    asking.join(seconds)
    if errors:
        raise errors[0]
    return answers[0] if answers else None
