"""The filters of the auditor's lists: read from an address, checked, offered as choices, shown as links that take one away.

An address holds days, codes, references and opaque ids only, so that it can be shared; a value that is none of these
comes back in its field with what was expected, and goes no further.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final

from flask import request, url_for
from flask_babel import gettext as _
from flask_babel import to_utc

from audit.entry import CHANNELS, OUTCOMES
from signaltable.domain import DisclosureState, day_of
from signaltable.flow import auditing
from signaltable.flow.auditing import DisclosureFilters, Filters, Offered
from signaltable.grounds import CATEGORIES
from signaltable.pseudonymise import check_reference
from signaltable.web.filters import in_words, moment, state_label
from signaltable.web.guards import program
from signaltable.web.log_words import actions, channel_label, kind_title, outcome_label
from signaltable.web.wording import category_label, lower_first

# No log is older than time on this kind of machine.
EARLIEST: Final = date(1970, 1, 1)
LONGEST: Final = 64
# A kind of act stands in the same list as the actions.
KIND: Final = "soort."
_OPAQUE: Final = re.compile(r"[A-Za-z0-9_.:/-]{1,64}")
_SUBJECT: Final = re.compile(r"(.+)\.(\d{1,4})")

Option = tuple[str, str]
# A choice of a select: a pair, or a group of pairs under a title.
Options = Sequence[Option | Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Chip:
    """A filter in use: what it is, what it asks for, and the address without it."""

    name: str
    label: str
    value: str
    url: str


@dataclass(slots=True)
class Asked:
    """What an address asks for. `typed` fills the form, `kept` are the values that hold, `problems` what was expected."""

    typed: dict[str, str] = field(default_factory=dict)
    kept: dict[str, str] = field(default_factory=dict)
    problems: dict[str, str] = field(default_factory=dict)
    values: dict[str, Any] = field(default_factory=dict)

    def text(self, name: str) -> str:
        """What was typed, noted for the form; cut to what a reference can be."""
        typed = request.args.get(name, "").strip()[:LONGEST]
        if typed:
            self.typed[name] = typed
        return typed

    def keep(self, name: str, filter_name: str, value: Any) -> None:
        """The value holds: it counts, and goes along in every link."""
        self.values[filter_name] = value
        self.kept[name] = self.typed[name]


# -- the log ------------------------------------------------------------------------------------------------------

# Name in the address -> filter, for the selects.
_CHOICES: Final[Mapping[str, str]] = {
    "organisatie": "agency",
    "uitkomst": "outcome",
    "grondslag": "ground",
    "doel": "purpose",
    "categorie": "category",
    "ontvanger": "receiver",
    "regels": "version",
    "kanaal": "channel",
}


def read_log_filters(choices: Mapping[str, Options]) -> tuple[Filters, Asked]:
    """The filters of the log in the address of this request."""
    asked = Asked()
    _read_period(asked)
    for name, filter_name in _CHOICES.items():
        _read_choice(asked, name, filter_name, choices)
    _read_action(asked, choices)
    _read_reference(asked)
    _read_subject(asked)
    _read_person(asked)
    return Filters(**asked.values), asked


def log_choices(titles: Mapping[str, str], offered: Offered, *, sees_all: bool) -> dict[str, Options]:
    """What each select of the log offers. Rules, purposes and categories are those of everybody, not those in use."""
    agencies = _by_label(titles.items())
    everything: dict[str, Sequence[Option | Mapping[str, Any]]] = {
        "organisatie": [*agencies, ("system", _("The program"))] if sees_all else [],
        "actie": list(_action_groups()),
        "uitkomst": [(one, outcome_label(one)) for one in ("ok", "refused", "error") if one in OUTCOMES],
        "grondslag": _grounds(),
        "doel": _purposes(),
        "categorie": _by_label((one, category_label(one)) for one in CATEGORIES),
        "ontvanger": agencies,
        "regels": [(digest, _version(digest, at)) for digest, at in offered.versions],
        "kanaal": [(one, channel_label(one)) for one in ("web", "cli", "job", "api") if one in CHANNELS],
        "persoon": [(one, one[:8]) for one in offered.people],
    }
    everybody: Option = ("", _("All"))
    return {name: [everybody, *options] for name, options in everything.items() if options}


def chips(asked: Asked, endpoint: str, choices: Mapping[str, Options], labels: Mapping[str, str]) -> list[Chip]:
    """The filters in use, each with the address of the list without it."""
    return [
        Chip(
            name,
            labels[name],
            _shown(name, text, choices),
            address(endpoint, {other: kept for other, kept in asked.kept.items() if other != name}),
        )
        for name, text in asked.kept.items()
    ]


def address(endpoint: str, values: Mapping[str, Any]) -> str:
    """The address of a list with these filters."""
    return url_for(endpoint, **dict(values))


def log_labels() -> dict[str, str]:
    """What each filter of the log is called."""
    return {
        "van": _("From (day)"),
        "tot": _("Up to and including (day)"),
        "organisatie": _("Organisation that acted"),
        "actie": _("What happened"),
        "uitkomst": _("Outcome"),
        "grondslag": _("Legal ground"),
        "doel": _("Purpose"),
        "categorie": _("Data category"),
        "ontvanger": _("Receiver of data"),
        "kenmerk": _("Reference"),
        "betrokkene": _("Pseudonym of a person"),
        "regels": _("Version of the rules"),
        "persoon": _("Person (account)"),
        "kanaal": _("Way in"),
    }


# The filter of the flow behind each name in an address, to say what to loosen.
NAME_OF: Final[Mapping[str, str]] = {
    "since": "van",
    "until": "tot",
    "kind": "actie",
    "action": "actie",
    "case": "kenmerk",
    "object": "kenmerk",
    "subject": "betrokkene",
    "person": "persoon",
    **{filter_name: name for name, filter_name in _CHOICES.items()},
}


@dataclass(frozen=True, slots=True)
class Question:
    """A question that people often have, as an address of the list."""

    text: str
    url: str


def questions(*, sees_all: bool) -> list[Question]:
    """The questions that are asked most, each a link that anybody may share."""
    today = day_of(program().clock())
    month = {"van": f"{today.replace(day=1):%d-%m-%Y}"}
    week = {"van": f"{today - timedelta(days=7):%d-%m-%Y}"}
    asked: list[tuple[str, dict[str, str]]] = [
        (_("All refusals this month"), {"uitkomst": "refused", **month}),
        (_("What was disclosed this month"), {"actie": "signal:disclose", **month}),
        (_("Disclosures that were refused this month"), {"actie": "disclosure:refuse", **month}),
        (_("Who looked at an identity this month"), {"actie": "identity:consult", **month}),
        (_("Failed attempts to log in, past seven days"), {"actie": "login:fail", **week}),
        (_("Changes of accounts and roles this month"), {"actie": f"{KIND}accounts", **month}),
        (_("Consents that were withdrawn"), {"actie": "consent:withdraw"}),
    ]
    if sees_all:
        asked += [
            (_("Changes of the rules"), {"actie": "policy:load"}),
            (_("What was erased"), {"actie": f"{KIND}erasing"}),
            (_("Exports of the log"), {"actie": "log:export"}),
            (_("Work at the command line of the server"), {"kanaal": "cli"}),
            (_("What failed, past seven days"), {"uitkomst": "error", **week}),
        ]
    return [Question(text, address("auditor.listing", values)) for text, values in asked]


# -- the disclosures ----------------------------------------------------------------------------------------------

_DISCLOSURE_CHOICES: Final[Mapping[str, str]] = {
    "verstrekker": "provider",
    "ontvanger": "receiver",
    "grondslag": "ground",
    "doel": "purpose",
    "stand": "state",
    "bijzonder": "mark",
}


def read_disclosure_filters(choices: Mapping[str, Options]) -> tuple[DisclosureFilters, Asked]:
    """The filters of the disclosures in the address of this request."""
    asked = Asked()
    _read_period(asked)
    for name, filter_name in _DISCLOSURE_CHOICES.items():
        _read_choice(asked, name, filter_name, choices)
    return DisclosureFilters(**asked.values), asked


def disclosure_choices(titles: Mapping[str, str]) -> dict[str, Options]:
    """What each select of the disclosures offers."""
    agencies = _by_label(titles.items())
    everything: dict[str, list[Option]] = {
        "verstrekker": agencies,
        "ontvanger": agencies,
        "grondslag": _grounds(),
        "doel": _purposes(),
        "stand": [(str(one), state_label(str(one))) for one in DisclosureState],
        "bijzonder": list(marks().items()),
    }
    return {name: [("", _("All")), *options] for name, options in everything.items()}


def disclosure_labels() -> dict[str, str]:
    """What each filter of the disclosures is called."""
    return {
        "van": _("Asked from (day)"),
        "tot": _("Asked up to and including (day)"),
        "verstrekker": _("Provider"),
        "ontvanger": _("Receiver"),
        "grondslag": _("Legal ground"),
        "doel": _("Purpose"),
        "stand": _("State"),
        "bijzonder": _("What stands out"),
    }


def marks() -> dict[str, str]:
    """What can stand out about a disclosure."""
    return {
        "unreviewed": _("On a ground that no lawyer had reviewed"),
        "emergency": _("In an emergency"),
        "without_receipt": _("No receipt yet"),
        "passed_on": _("Passed on by a receiver"),
        "revoked": _("Recalled"),
    }


# -- reading ------------------------------------------------------------------------------------------------------


def _read_period(asked: Asked) -> None:
    since, until = _read_day(asked, "van"), _read_day(asked, "tot")
    if since and until and until < since:
        asked.problems["tot"] = _("Up to and including: fill in a day on or after the first day")
        return
    if since:
        asked.keep("van", "since", _midnight(since))
    if until:
        asked.keep("tot", "until", _midnight(until + timedelta(days=1)))


def as_iso_day(typed: str) -> str:
    """A day as people type it, as 2026-11-03; what is none comes back as it was, for whoever judges it."""
    found = _day_in(typed)
    return found.isoformat() if found else typed


def export_problem(name: str) -> str:
    """What was expected of a field of the export form."""
    return {
        "from": _("From: fill in a day, for example 3-11-2026"),
        "to": _("Up to and including: fill in a day on or after the first day, for example 30-11-2026"),
    }.get(name, _("Choose one of the values of this list"))


def _day_in(typed: str) -> date | None:
    for shape in ("%Y-%m-%d", "%d-%m-%Y"):
        try:
            found = datetime.strptime(typed, shape).date()  # noqa: DTZ007 -- only the day counts
        except ValueError:
            continue
        if EARLIEST.year <= found.year < date.max.year:  # At the ends of the calendar there is no day before or after.
            return found
    return None


def _read_day(asked: Asked, name: str) -> date | None:
    typed = asked.text(name)
    if not typed:
        return None
    if found := _day_in(typed):
        return found
    asked.problems[name] = {
        "van": _("From: fill in a day, for example 3-11-2026"),
        "tot": _("Up to and including: fill in a day, for example 3-11-2026"),
    }[name]
    return None


def _midnight(of: date) -> datetime:
    return to_utc(datetime.combine(of, time.min)).replace(tzinfo=UTC)


def _read_choice(asked: Asked, name: str, filter_name: str, choices: Mapping[str, Options]) -> None:
    typed = asked.text(name)
    if not typed:
        return
    if typed in _values(choices.get(name, ())):
        asked.keep(name, filter_name, typed)
    else:
        asked.problems[name] = _("Choose one of the values of this list")


def _read_action(asked: Asked, choices: Mapping[str, Options]) -> None:
    typed = asked.text("actie")
    is_kind = typed.startswith(KIND)
    _read_choice(asked, "actie", "kind" if is_kind else "action", choices)
    if is_kind and "kind" in asked.values:
        asked.values["kind"] = typed.removeprefix(KIND)


def _read_reference(asked: Asked) -> None:
    typed = asked.text("kenmerk")
    if not typed:
        return
    if _SUBJECT.fullmatch(typed) and (subject := _subject(typed)):
        asked.keep("kenmerk", "subject", subject)
    elif (found := check_reference(typed)) and found[0] in "SD":
        asked.keep("kenmerk", "case", found)
    elif typed[:2].upper() in {"S-", "D-"} or not _OPAQUE.fullmatch(typed):
        asked.problems["kenmerk"] = _("Reference: fill in one such as S-7F3K-Q2 or D-9C4M-T8, without a mistake in it")
    else:
        asked.keep("kenmerk", "object", typed)


def _read_subject(asked: Asked) -> None:
    typed = asked.text("betrokkene")
    if not typed:
        return
    if subject := _subject(typed):
        asked.keep("betrokkene", "subject", subject)
    else:
        asked.problems["betrokkene"] = _(
            "Pseudonym: fill in the reference of the signal with the number of the person, for example S-7F3K-Q2.1"
        )


def _subject(typed: str) -> str:
    """A pseudonym in its one spelling; nothing when it is none."""
    parts = _SUBJECT.fullmatch(typed)
    reference = check_reference(parts[1]) if parts else None
    return f"{reference}.{int(parts[2])}" if parts and reference and reference.startswith("S") else ""


def _read_person(asked: Asked) -> None:
    typed = asked.text("persoon")
    if not typed:
        return
    if _OPAQUE.fullmatch(typed) and " " not in typed:
        asked.keep("persoon", "person", typed)
    else:
        asked.problems["persoon"] = _("Person: fill in the number of an account as it stands with an entry, not a name")


# -- offering -----------------------------------------------------------------------------------------------------


def _action_groups() -> Iterator[Mapping[str, Any]]:
    """The actions by kind of act, each group led by the kind as a whole."""
    titles = dict(actions())
    for kind in auditing.KINDS:
        listed = _by_label((one, titles[one]) for one in auditing.actions_of(kind))
        whole = (f"{KIND}{kind}", _("All of: %(kind)s", kind=lower_first(kind_title(kind))))
        if listed:
            yield {"label": kind_title(kind), "options": [whole, *listed] if len(listed) > 1 else listed}


def _values(options: Options) -> set[str]:
    return {value for value, _label in _pairs(options)}


def _pairs(options: Options) -> Iterator[Option]:
    for one in options:
        if isinstance(one, Mapping):
            yield from one["options"]
        else:
            yield one


def _shown(name: str, text: str, choices: Mapping[str, Options]) -> str:
    return dict(_pairs(choices.get(name, ()))).get(text, text)


def _by_label(pairs: Any) -> list[Option]:
    return sorted(pairs, key=_second)


def _second(pair: Option) -> str:
    return pair[1].casefold()


def _grounds() -> list[Option]:
    rows = {row.id: in_words(row.title) for row in program().policy.grounds.rows}
    return [(ground, f"{ground}: {title}") for ground, title in rows.items()]


def _purposes() -> list[Option]:
    return [(one.id, in_words(one.title)) for one in program().policy.purposes.values()]


def _version(digest: str, at: datetime) -> str:
    now = _(" (now)") if digest == program().policy.digest else ""
    return f"{moment(at)}, {digest[:8]}{now}"
