"""A signed review of rights as a table for a spreadsheet and on paper.

Without names, as everything that leaves the program: an account stands there with its number, and who may know finds the
name in the program. Role titles and headings are in the language of the reader.
"""

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Final

from signaltable.domain import ZONE
from signaltable.flow.rights.lines import BREAK_GLASS, MACHINE, NO_FACTOR, NO_ROLE, UNUSED, Line
from signaltable.flow.rights.reviews import TAKE_AWAY, Judged, Signed
from signaltable.policy import PolicySet
from signaltable.reports.blocks import Block, Code, Facts, Grid, Heading, Words
from signaltable.reports.paper import paper
from signaltable.spreadsheets import table
from signaltable.texts import Text

HEADS: Final = (
    Text("Account", "Account"),
    Text("Soort", "Kind"),
    Text("Rollen", "Roles"),
    Text("Rollen voor een bepaalde tijd", "Roles for some time"),
    Text("Rechten van een systeem", "Rights of a system"),
    Text("Tweede factor", "Second factor"),
    Text("Laatst gebruikt", "Last used"),
    Text("Keren bij acuut gevaar", "Times in acute danger"),
    Text("Let op", "Note"),
    Text("Oordeel", "Verdict"),
    Text("Reden", "Reason"),
)
KINDS: Final = MappingProxyType({"person": Text("mens", "person"), MACHINE: Text("systeem", "system")})
FACTORS: Final[Mapping[str, Text]] = MappingProxyType(
    {
        "totp": Text("app met codes", "app with codes"),
        "passkey": Text("passkey", "passkey"),
        "provider": Text("login van de organisatie", "login of the organisation"),
        "secret": Text("geheim", "secret"),
        "certificate": Text("certificaat", "certificate"),
    }
)
MARKS: Final[Mapping[str, Text]] = MappingProxyType(
    {
        UNUSED: Text("lang niet gebruikt", "not used for long"),
        NO_ROLE: Text("geen rol", "no role"),
        NO_FACTOR: Text("geen tweede factor", "no second factor"),
        BREAK_GLASS: Text("noodaccount", "emergency account"),
    }
)
KEPT, TAKEN = Text("blijft", "keep"), Text("weghalen", "take away")
SETTLED = Text("weggehaald", "taken away")
UNTIL = Text("tot", "until")
NO_NAMES = Text(
    "Namen staan hier niet in. Wie dat mag, vindt bij elk account de naam in de signaaltafel.",
    "Names do not stand here. Whoever may, finds the name of each account in the signal table.",
)


def as_table(signed: Signed, policy: PolicySet, lang: str) -> str:
    """The lines for a spreadsheet (RFC 4180); no cell is a formula where it is opened."""
    heads = [one.in_language(lang) for one in HEADS]
    return table(heads, [_cells(one, policy, lang) for one in signed.lines])


def as_paper(signed: Signed, policy: PolicySet, lang: str) -> bytes:
    """The same as PDF, with who signed, when, and the digest that stands in the log."""

    def said(dutch: str, english: str) -> str:
        return Text(dutch, english).in_language(lang)

    title = said("Nazien van rechten", "Review of rights")
    blocks: list[Block] = [
        Facts(
            (
                (said("Organisatie", "Organisation"), signed.agency),
                (said("Getekend op", "Signed on"), _moment(signed.signed_at)),
                (said("Plaats aan tafel", "Seat at a table"), ", ".join(signed.tables) or "–"),
                (said("Accounts en systemen", "Accounts and systems"), str(len(signed.lines))),
                (said("Weg te halen", "To take away"), str(sum(one.verdict == TAKE_AWAY for one in signed.lines))),
            )
        ),
        Words(NO_NAMES.in_language(lang)),
        Heading(said("Wie wat mag", "Who can do what")),
        _grid(signed, policy, lang),
        Heading(said("Handtekening", "Signature")),
        Words(
            said(
                "Deze digest staat bij het tekenen in het logboek. Wie een regel verandert, krijgt een andere.",
                "This digest stands in the log where it was signed. Whoever changes a line gets another one.",
            )
        ),
        Code(signed.digest),
    ]
    return paper(title, blocks, foot=f"{title} · {signed.agency} · {_moment(signed.signed_at)}", lang=lang)


def _grid(signed: Signed, policy: PolicySet, lang: str) -> Grid:
    """On paper the columns that fit: the number, what one can do, how one comes in, and the verdict with its reason."""
    heads = (HEADS[0], HEADS[2], HEADS[5], HEADS[6], HEADS[8], HEADS[9])
    rows = []
    for one in signed.lines:
        cells = _cells(one, policy, lang)
        can = "\n".join(filter(None, (cells[2], cells[3], cells[4])))
        rows.append((cells[0], can, cells[5], cells[6], cells[8], "\n".join(filter(None, (cells[9], cells[10])))))
    return Grid(tuple(one.in_language(lang) for one in heads), tuple(rows), (0.2, 0.25, 0.13, 0.14, 0.12, 0.16))


def _cells(one: Judged, policy: PolicySet, lang: str) -> tuple[str, ...]:
    line = one.line
    verdict = SETTLED if one.settled else TAKEN if one.verdict == TAKE_AWAY else KEPT
    return (
        line.id,
        KINDS[line.kind].in_language(lang),
        ", ".join(_role(policy, role, lang) for role in line.roles),
        _for_a_time(line, policy, lang),
        ", ".join(line.permissions),
        _each(line.factors, FACTORS, lang),
        _moment(line.used_at) if line.used_at else "",
        str(line.emergencies),
        _each(line.marks, MARKS, lang),
        verdict.in_language(lang),
        one.reason,
    )


def _for_a_time(line: Line, policy: PolicySet, lang: str) -> str:
    until = UNTIL.in_language(lang)
    return ", ".join(f"{_role(policy, one.role, lang)} {until} {_moment(one.ends_at)}" for one in line.for_a_time)


def _role(policy: PolicySet, role: str, lang: str) -> str:
    return policy.roles[role].title.in_language(lang) if role in policy.roles else role


def _each(codes: tuple[str, ...], words: Mapping[str, Text], lang: str) -> str:
    return ", ".join(words[one].in_language(lang) if one in words else one for one in codes)


def _moment(value: datetime) -> str:
    return value.astimezone(ZONE).strftime("%Y-%m-%d %H:%M")
