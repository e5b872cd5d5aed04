"""The region in which signals are generated: that of the demo, with more municipalities and care organisations in it."""

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from sqlalchemy import select

from signaltable.domain import SignaltableError
from signaltable.flow import setup
from signaltable.generate.people import PLACES
from signaltable.generate.repeating import Owner
from signaltable.models import Account, Agency
from signaltable.transaction import Program, reading

# Of four organisations that come on top, three are municipalities.
_KINDS: Final = ("municipality", "municipality", "municipality", "care")
_TITLES: Final = {"municipality": "Gemeente", "care": "Zorggroep"}
# Where the places are used up they begin again, as villages do that grew out of one another: 2,240 names.
_BEFORE: Final = ("", "Nieuw-", "Oud-", "Groot-", "Klein-", "Hoog-", "Laag-", "Midden-")


class TooFewAgencies(SignaltableError):
    """Fewer organisations than the worked cases need."""


def described(agencies: int) -> str:
    """The region as a file of the demo describes one, with so many organisations. Raises `TooFewAgencies`."""
    text = setup.REGION.read_text(encoding="utf-8")
    there = len(tomllib.loads(text)["agency"])
    if agencies < there:
        raise TooFewAgencies(f"expected at least {there} organisations, which the worked cases need")
    return text + "".join(_agency(number) for number in range(agencies - there))


def _agency(number: int) -> str:
    kind = _KINDS[number % len(_KINDS)]
    again, place = divmod(number, len(PLACES))
    name, login = _BEFORE[again] + PLACES[place], f"{kind[:8]}{number + 1:03d}"
    return (
        f'\n[[agency]]\nid = "{login}"\ntitle = "{_TITLES[kind]} {name}"\nkind = "{kind}"\ndestinations = []\n'
        f'\n[[account]]\nlogin = "{login}"\nname = "Functionaris {number + 1}"\nagency = "{login}"\n'
        f'roles = ["focal-officer"]\n'
    )


def seed(program: Program, agencies: int, password: str, folder: Path) -> list[dict[str, Any]]:
    """Make the region in a program without one. Returns what `signaltable accounts --json` tells."""
    file = folder / "region.toml"
    file.write_text(described(agencies), encoding="utf-8")
    try:
        return setup.seed_region(program, password, file)
    finally:
        file.unlink()


def owners(program: Program, accounts: Sequence[Mapping[str, Any]], wanted: Sequence[str]) -> dict[str, list[Owner]]:
    """By agency that reports in a life: the focal officers of all agencies of the same kind, itself first."""
    officers = {one["login"] for one in accounts if "focal-officer" in one["roles"]}
    query = select(Account.login, Account.id, Agency.id, Agency.title, Agency.kind).join(
        Agency, Account.agency_id == Agency.id
    )
    with reading(program, whole="the generator looks for what it made") as session:
        rows = session.execute(query.order_by(Account.login)).all()
    kinds = {agency: kind for _login, _account, agency, _title, kind in rows}
    return {
        of: [
            Owner(agency, account, title)
            for login, account, agency, title, kind in rows
            if login in officers and kind == kinds[of]
        ]
        for of in wanted
    }
