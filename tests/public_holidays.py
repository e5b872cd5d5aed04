"""The list of public holidays, as the library `holidays` gives them: `python -m tests.public_holidays` writes it (`make holidays`)."""

from collections.abc import Iterator

import holidays

from signaltable.working_days import LIST

# The library knows Dutch holidays from 1966 on; gives none beyond 2099.
YEARS = range(1966, 2100)


def listed() -> Iterator[str]:
    """A line for each holiday: the day, and its Dutch names."""
    for year in YEARS:
        found = holidays.country_holidays("NL", years=year, categories=("public", "optional"), language="nl")
        yield from (f"{day.isoformat()} {names}" for day, names in sorted(found.items()))


if __name__ == "__main__":
    LIST.write_text("".join(f"{line}\n" for line in listed()))
