"""What an agency may see of the log: what its own people did, and of that nothing which tells of another agency.

Deny by default: a reference, a person or a disclosure in the details of an own entry is shown when it belongs to the
agency itself. A signal of another is shown only of acts in which people saw it under that reference, on a screen of the
table. Everything else names own things, rules that everybody may read, or numbers.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from signaltable.models import Account, Disclosure, Signal

# Acts of people who had the signal before them under its own reference, whoever owns it: at the table, or typed by them.
SEEN_BY_REFERENCE = frozenset(
    {
        "access:refuse",
        "disclosure:refuse",
        "enrich:ask",
        "signal:close",
        "signal:consult",
        "signal:route",
        "signal:triage",
        "table:consult",
        "table:decide",
        "table:note",
        "table:schedule",
    },
)
# What an entry about a disclosure between two others may tell: a second person of the table decided about it.
OF_A_FOREIGN_DISCLOSURE = frozenset({"disclosure", "view", "session_hash", "network_hash", "device", "activity"})
SIGNALS = ("signal", "signals")
PARENT = "parent"
SUBJECTS = "subject_refs"
CLASSES = "subject_classes"
PEOPLE = ("approver", "requester", "account")
# Any list of references, of whatever object.
OBJECTS = "objects"

# Table -> row -> digest, of whatever row was written; and the keys with which something was opened.
ROWS, KEYS, _AGENCY = "rows", "keys", "agency:"

Act = tuple[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class OwnPart:
    """What of all that some entries name belongs to one agency. Ask `own_part` for it."""

    agency: str
    signals: frozenset[str]
    disclosures: frozenset[str]
    people: frozenset[str]

    def of(self, action: str, details: Mapping[str, Any]) -> dict[str, Any]:
        """The details without what belongs to another agency."""
        details = self._technical(details)
        if "disclosure" in details and details["disclosure"] not in self.disclosures:
            return self._people(_only(details, OF_A_FOREIGN_DISCLOSURE | frozenset(PEOPLE)))
        shown = self._people(dict(details))
        # Whoever passes on what it received never saw the signal under its own reference.
        if action not in SEEN_BY_REFERENCE or PARENT in details:
            shown = self._references(shown)
        return shown

    def shows(self, action: str, object_type: str, object_id: str) -> bool:
        """Whether the thing that an entry is about may be named. An account of another agency may not."""
        if object_type == "account":
            return object_id in self.people
        if object_type == "signal":
            return action in SEEN_BY_REFERENCE or object_id in self.signals
        return True

    def _technical(self, details: Mapping[str, Any]) -> dict[str, Any]:
        """Without the digests of rows, which only the check reads, and without the keys of other agencies."""
        shown = {name: value for name, value in details.items() if name != ROWS}
        if KEYS in shown:
            own = f"{_AGENCY}{self.agency}:"
            shown[KEYS] = [
                one for one in _listed(shown[KEYS]) if not str(one).startswith(_AGENCY) or str(one).startswith(own)
            ]
        return shown

    def _people(self, details: dict[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in details.items() if name not in PEOPLE or value in self.people}

    def _references(self, details: dict[str, Any]) -> dict[str, Any]:
        shown = {name: value for name, value in details.items() if name != "signal" or value in self.signals}
        if "signals" in shown:
            shown["signals"] = [one for one in _listed(shown["signals"]) if one in self.signals]
        if OBJECTS in shown:
            own = self.signals | self.disclosures | self.people
            shown[OBJECTS] = [one for one in _listed(shown[OBJECTS]) if one in own]
        if SUBJECTS in shown:
            return self._subjects(shown)
        return shown

    def _subjects(self, details: dict[str, Any]) -> dict[str, Any]:
        """Subjects of own signals, and their classes, which stand in the same order."""
        refs = _listed(details[SUBJECTS])
        kept = [place for place, ref in enumerate(refs) if signal_of(str(ref)) in self.signals]
        shown = {**details, SUBJECTS: [refs[place] for place in kept]}
        if CLASSES in shown:
            classes = _listed(shown[CLASSES])
            shown[CLASSES] = [classes[place] for place in kept if place < len(classes)]
        return shown


def own_part(session: Session, agency: str, acts: Iterable[Act], objects: Iterable[str] = ()) -> OwnPart:
    """What belongs to `agency` of all that these acts (action, details) and objects name, in three queries."""
    told = [details for _action, details in acts]
    references = {*objects, *(one for details in told for one in _references_in(details))}
    people = {*objects, *(str(details[name]) for details in told for name in PEOPLE if name in details)}
    return OwnPart(
        agency=agency,
        signals=_found(
            session, references, select(Signal.reference).where(Signal.owner_agency == agency), Signal.reference
        ),
        disclosures=_found(
            session,
            references,
            select(Disclosure.reference).where(
                or_(Disclosure.provider_agency == agency, Disclosure.recipient_agency == agency)
            ),
            Disclosure.reference,
        ),
        people=_found(session, people, select(Account.id).where(Account.agency_id == agency), Account.id),
    )


def signal_of(subject: str) -> str:
    """The reference of the signal in the pseudonym of one of its subjects: S-7F3K-Q2 of S-7F3K-Q2.1."""
    return subject.partition(".")[0]


def _only(details: Mapping[str, Any], kept: frozenset[str]) -> dict[str, Any]:
    return {name: value for name, value in details.items() if name in kept}


def _listed(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list | tuple) else [value]


def _references_in(details: Mapping[str, Any]) -> Iterable[str]:
    for name in (*SIGNALS, "disclosure", OBJECTS):
        yield from (str(one) for one in _listed(details.get(name, ())))
    yield from (signal_of(str(one)) for one in _listed(details.get(SUBJECTS, ())))


def _found(session: Session, wanted: Iterable[str], query: Any, column: Any) -> frozenset[str]:
    asked = sorted(one for one in wanted if one)
    return frozenset(session.scalars(query.where(column.in_(asked)))) if asked else frozenset()
