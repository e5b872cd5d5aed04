"""Each entry of the log as one sentence that a jurist can read; codes stand apart.

"Zorggroep Delinde (rol: aandachtsfunctionaris) verstrekte D-... over signaal S-... aan AVIM; doel: ...; grondslag: ...".
A detail without words is left out here: the page of the entry shows it with its code.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from flask_babel import format_decimal
from flask_babel import gettext as _

from signaltable.flow.auditing import EntryLine
from signaltable.web.filters import day, moment
from signaltable.web.log_codes import in_plain_words
from signaltable.web.log_heads import CLAUSES, FLAGS, HEADS, NOT_FLAGS
from signaltable.web.log_words import agency_of, role_titles, why
from signaltable.web.wording import lower_first

_HOLE = re.compile(r"%\((\w+)\)s")
# What the entry itself says of its object fills a head when the details are gone.
_OF_OBJECT = {"signal": "signal", "disclosure": "disclosure", "agency": "agency"}
# These actions are refusals in themselves; of any other a refusal means that it did not happen.
_REFUSALS = frozenset({"access:refuse", "request:refuse", "disclosure:refuse", "login:fail"})
# Shown as a number, however many there are: their names are for the page of the entry.
_COUNTED = frozenset({"subjects", "indicators", "questions", "grounds", "unreviewed", "findings"})
# Details that say again what another one says: a ground comes with its articles, fields fall under categories of data.
_REPEATS = {"legal_basis": "ground", "fields": "categories", "consent": "conditions"}
_COUNTED_LISTS = frozenset({"indicators", "questions", "findings"})


def sentence(line: EntryLine, titles: Mapping[str, str]) -> str:
    """What the entry says. `titles`: agency id -> how people call it."""
    details = line.details or {}
    values = {**_of_object(line, titles), **_for_heads(details, titles), "who": who(line)}
    if details.get("provider") == line.agency_id:
        values.pop("provider")  # Who acted says it.
    head, used = _head(line, values)
    return "; ".join([head, *_clauses(line, details, used, titles)]) + "." + _about_details(line)


def who(line: EntryLine) -> str:
    """Who acted, as a phrase: the organisation with the role; never a name and never an id."""
    if line.agency_id == "system" or line.roles == ("system",):
        at_server = line.channel == "cli"
        return _("Somebody at the command line of the server") if at_server else _("The program by itself")
    if not line.agency_id:
        return _("Somebody who was not signed in")
    roles = ", ".join(lower_first(one) for one in role_titles(line.roles).split(", "))
    if line.acting_for:
        return _("%(agency)s (role: %(role)s, on behalf of somebody else)", agency=agency_of(line), role=roles)
    return _("%(agency)s (role: %(role)s)", agency=agency_of(line), role=roles)


# -- the head -----------------------------------------------------------------------------------------------------


def _head(line: EntryLine, values: Mapping[str, str]) -> tuple[str, frozenset[str]]:
    """The first template for which everything is known, filled in, and which values it used."""
    templates = HEADS.get(line.action, ())
    if line.outcome == "ok" or line.action in _REFUSALS:
        for template in map(str, templates):
            holes = frozenset(_HOLE.findall(template))
            if all(values.get(hole) for hole in holes):
                return template % {hole: values[hole] for hole in holes}, holes
    what = lower_first(_summary(line))
    told = {
        "refused": _("%(who)s was refused this: “%(what)s”", who=values["who"], what=what),
        "error": _("%(who)s did not succeed in this: “%(what)s”", who=values["who"], what=what),
    }
    return told.get(line.outcome, _("%(who)s: %(what)s", who=values["who"], what=what)), frozenset()


def _summary(line: EntryLine) -> str:
    from_policy = in_plain_words("action", line.action, {})
    return from_policy or _("an act that this version of the program does not know")


def _of_object(line: EntryLine, titles: Mapping[str, str]) -> dict[str, str]:
    name = _OF_OBJECT.get(line.object_type, "")
    if not name or not line.object:
        return {}
    return {name: titles.get(line.object, "") if name == "agency" else line.object}


def _for_heads(details: Mapping[str, Any], titles: Mapping[str, str]) -> dict[str, str]:
    values = {
        name: in_plain_words(name, details[name], titles)
        for name in ("agency", "asked", "recipient", "provider", "view", "job", "sent_to")
        if name in details
    }
    references = {name: str(details[name]) for name in ("signal", "disclosure") if details.get(name)}
    signals = details.get("signals") or []
    joined = {"signals": _(" and ").join(map(str, signals))} if len(signals) > 1 else {}
    return {**values, **references, **joined}


# -- what follows it ----------------------------------------------------------------------------------------------


def _clauses(
    line: EntryLine, details: Mapping[str, Any], used: frozenset[str], titles: Mapping[str, str]
) -> Iterator[str]:
    for key, template in CLAUSES.items():
        told_already = _REPEATS.get(key, "") in details
        other = key == "size" and line.action.startswith("draft:")  # Of a draft it is the number of bytes.
        if key in details and key not in used and not told_already and not other:
            words = _clause_words(line, key, details[key], titles)
            if words:
                yield str(template) % {"value": words}
    yield from (str(words) for key, words in FLAGS.items() if details.get(key))
    yield from (str(words) for key, words in NOT_FLAGS.items() if details.get(key) is False)
    if line.outcome != "ok" and (reason := why(line)):
        yield _("reason: %(reason)s", reason=lower_first(reason.rstrip(".")))


def _clause_words(line: EntryLine, key: str, value: Any, titles: Mapping[str, str]) -> str:
    if key in _COUNTED_LISTS and isinstance(value, list):
        value = len(value)
    if isinstance(value, int) and not isinstance(value, bool) and not key.endswith(("_at", "_until")):
        return format_decimal(value)
    if key in _COUNTED:
        return ""
    return in_plain_words(key, value, titles, action=line.action)


def _about_details(line: EntryLine) -> str:
    """That the details are not all there, and why."""
    if line.details_state == "erased":
        when = day(line.erased_at) if line.erased_at else moment(line.recorded_at)
        return " " + _(
            "The details were destroyed on %(day)s, as entry %(seq)s says; who acted, when and what stays.",
            day=when,
            seq=line.erased_by,
        )
    return {
        "gone": " " + _("The details are gone and no entry says why."),
        "broken": " " + _("The details were changed afterwards and are not shown."),
        "masked": " " + _("What tells of another organisation is left out."),
    }.get(line.details_state, "")
