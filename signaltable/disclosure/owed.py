"""What is still owed after a disclosure, and by when."""

from collections.abc import Iterable, Iterator
from datetime import date, datetime, time, timedelta

from signaltable.disclosure.outcome import Duty
from signaltable.disclosure.request import Request
from signaltable.evidence import Met
from signaltable.grounds import Ground


def owed_after(request: Request, row: Ground, met: Iterable[Met]) -> Iterator[Duty]:
    told = next((result.evidence for result in met if result.code == "INFORM"), None)
    for owed in row.obligations:
        if owed.kind == "inform" and told is not None:
            if told["how"] != "informed":
                yield Duty("inform", _end_of(date.fromisoformat(told["on"]), request.now))
        elif owed.within_hours is not None:
            yield Duty(owed.kind, request.now + timedelta(hours=owed.within_hours))
        elif owed.within_days is not None:
            yield Duty(owed.kind, _end_of(request.on + timedelta(days=owed.within_days), request.now))
        else:
            yield Duty(owed.kind, None)
    until = destroy_on(row.retention, request.on)
    yield Duty("destroy", _end_of(until, request.now) if until else None)


def _end_of(day: date, now: datetime) -> datetime:
    return datetime.combine(day, time(23, 59, 59), tzinfo=now.tzinfo)


def destroy_on(retention: str, start: date) -> date | None:
    """The day on which a retention period (ISO 8601, or "case") that begins on `start` ends; None when the case decides."""
    if retention == "case":
        return None
    amounts = {"Y": 0, "M": 0, "W": 0, "D": 0}
    number = ""
    for letter in retention.removeprefix("P"):
        if letter.isdigit():
            number += letter
        else:
            amounts[letter], number = int(number), ""
    months = start.year * 12 + start.month - 1 + amounts["Y"] * 12 + amounts["M"]
    first = date(months // 12, months % 12 + 1, 1)
    # The 31st of a shorter month is its last day, as people count.
    following = date((months + 1) // 12, (months + 1) % 12 + 1, 1)
    moved = min(first + timedelta(days=start.day - 1), following - timedelta(days=1))
    return moved + timedelta(weeks=amounts["W"], days=amounts["D"])
