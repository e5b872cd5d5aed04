"""Reading the log: a page of it under filters, one entry with its proof, and what it says about one thing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import select

from audit import merkle
from signaltable import audit_trail
from signaltable.access import Denied, Permission, may, require
from signaltable.domain import NotFound, Resource
from signaltable.flow.auditing.filters import Filters, count, find, loosened
from signaltable.flow.auditing.lines import EntryLine, lines, may_name, scope
from signaltable.flow.auditing.proofs import EntryProof, proof_of
from signaltable.flow.fsck import as_bytes
from signaltable.models import Account, LogEntry, PolicyVersion
from signaltable.queries import PAGE
from signaltable.transaction import Transaction

# How many entries one object shows on its page; more of them stand behind a filter of the log.
MOST_OF_ONE_OBJECT: Final = 200
# How many people and sets of rules a filter offers.
MOST_OFFERED: Final = 200


@dataclass(frozen=True, slots=True)
class EntryPage:
    """A page of the log, newest first, with the numbers from which the pages beside it start.

    `count` is how many entries the filters leave, `more` that there are more than were counted. `loosened` says, when
    nothing was found, how many there would be without one of the filters.
    """

    lines: tuple[EntryLine, ...]
    newer: int | None
    older: int | None
    count: int
    more: bool
    loosened: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class EntryView:
    """One entry with its proof. `leaf_fits`: the stored bytes are what was hashed.

    `proof_withheld`: the bytes of the entry name something of another agency, so this reader gets no proof file of it.
    """

    line: EntryLine
    leaf: str
    leaf_fits: bool
    proof: EntryProof | None
    proof_withheld: bool
    newer: int | None
    older: int | None

    @property
    def details(self) -> Mapping[str, Any] | None:
        """What the reader may see of the details."""
        return self.line.details

    @property
    def details_fit(self) -> bool:
        """Whether the stored details are the ones that the entry was bound to."""
        return self.line.details_fit


@dataclass(frozen=True, slots=True)
class Offered:
    """What a filter can offer to this reader: sets of rules with the day they were loaded, and people of the own agency."""

    versions: tuple[tuple[str, Any], ...]
    people: tuple[str, ...]


def entries(tx: Transaction, filters: Filters, before: int | None = None, after: int | None = None) -> EntryPage:
    """A page of the log that the filters and the actor's role leave, newest first.

    `before` and `after` are numbers of entries: the page of those just older, or just newer. A privacy officer sees
    what the own agency did, the auditor all. Records that the log was consulted.
    """
    agency = scope(tx)
    looked = find(tx.lists, filters, agency, before=before, after=after, limit=PAGE + 1)
    found = looked.seqs
    further = len(found) > PAGE
    page = (found[1:] if after is not None else found[:PAGE]) if further else found
    counted, more = count(tx.lists, filters, agency) if page or looked.reached is not None else (0, False)
    shown = lines(tx, _rows(tx, page))
    _record_consulting(tx, "log", count=len(shown), filters=filters.used)
    more_newer, more_older = (further, True) if after is not None else (before is not None, further)
    newer, older = (shown[0].seq if shown and more_newer else None), (shown[-1].seq if shown and more_older else None)
    if looked.reached is not None:
        newer, older = (looked.reached, older) if after is not None else (newer, looked.reached)
    return EntryPage(
        shown,
        newer=newer,
        older=older,
        count=counted,
        more=more,
        loosened={} if shown or looked.reached is not None else loosened(tx.lists, filters, agency),
    )


def entries_of(tx: Transaction, references: Sequence[str]) -> tuple[EntryLine, ...]:
    """What the log says of these signals or disclosures, oldest first, at most `MOST_OF_ONE_OBJECT`."""
    require(tx.actor, Permission.LOG_CONSULT_ALL)
    found = {
        seq
        for reference in references
        for seq in find(tx.session, Filters(case=reference), "", limit=MOST_OF_ONE_OBJECT).seqs
    }
    newest = sorted(found, reverse=True)[:MOST_OF_ONE_OBJECT]
    return lines(tx, _rows(tx, newest))[::-1]


def entry(tx: Transaction, seq: int) -> EntryView:
    """One entry with its details, its hash and its proof. Raises `NotFound`, or `Refused` for another agency's."""
    row = _row(tx, seq)
    (line,) = lines(tx, [row])
    named = may_name(tx, row)
    shown = proof_of(tx.session, tx.program.settings, row) if named else None
    _record_consulting(tx, "entry", object_id=str(seq))
    newest = audit_trail.size(tx.session) - 1
    return EntryView(
        line=line,
        leaf=as_bytes(row.leaf).hex(),
        leaf_fits=merkle.leaf_hash(as_bytes(row.entry)) == as_bytes(row.leaf),
        proof=shown,
        proof_withheld=not named,
        newer=seq + 1 if seq < newest else None,
        older=seq - 1 if seq > 0 else None,
    )


def proof(tx: Transaction, seq: int) -> EntryProof:
    """The proof of one entry, to keep. Raises `NotFound` as long as no checkpoint covers the entry, or when it names others."""
    row = _row(tx, seq)
    made = proof_of(tx.session, tx.program.settings, row) if may_name(tx, row) else None
    if made is None:
        raise NotFound("no proof of this entry for this reader yet")
    _record_consulting(tx, "proof", object_id=str(seq))
    return made


def offered(tx: Transaction) -> Offered:
    """What the filters offer: every set of rules that was ever loaded, newest first, and for an agency its own people.

    The auditor types the opaque id of a person, since a list of everybody would tell who works where.
    """
    agency = scope(tx)
    loaded = tx.session.execute(
        select(PolicyVersion.digest, PolicyVersion.first_loaded_at)
        .order_by(PolicyVersion.first_loaded_at.desc(), PolicyVersion.digest)
        .limit(MOST_OFFERED)
    )
    people = select(Account.id).where(Account.agency_id == agency).order_by(Account.id).limit(MOST_OFFERED)
    return Offered(
        versions=tuple((row.digest, row.first_loaded_at) for row in loaded),
        people=tuple(tx.session.scalars(people)) if agency else (),
    )


def _rows(tx: Transaction, found: Sequence[int]) -> Sequence[LogEntry]:
    return tx.lists.scalars(select(LogEntry).where(LogEntry.seq.in_(found)).order_by(LogEntry.seq.desc())).all()


def _row(tx: Transaction, seq: int) -> LogEntry:
    row = tx.session.get(LogEntry, seq)
    if row is None:
        raise NotFound("no such entry")
    if isinstance(may(tx.actor, Permission.LOG_CONSULT_ALL), Denied):
        require(tx.actor, Permission.LOG_CONSULT_OWN, Resource("log", str(seq), owner_agency=row.agency))
    return row


def _record_consulting(
    tx: Transaction, view: str, *, object_id: str = "", count: int | None = None, filters: Sequence[str] = ()
) -> None:
    details: dict[str, Any] = {"view": view}
    if count is not None:
        details["count"] = count
    if filters:
        details["filters"] = list(filters)
    tx.record("log:consult", object_type="log", object_id=object_id, details=details)
