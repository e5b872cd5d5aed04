"""The accounts of systems of partners: who they stand for, what they may, until when; the work of an administrator.

A system proves itself with a secret that is shown once, with a certificate, or with both (flow/coming_in/machines.py). What
it may be given at all stands in policies/machines.toml.
"""

import base64
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from sqlalchemy import func, select, update

from signaltable.access import Permission, require
from signaltable.domain import ZONE, Conflict, NotFound, UnusableInput, day_of
from signaltable.machine_rules import MachinesFile
from signaltable.models import Agency, MachineAccount, MachineToken
from signaltable.queries import PAGE
from signaltable.transaction import Transaction

TITLE_LIMIT: Final = 120
SECRET_BYTES: Final = 32
# By these first signs a scanner for secrets knows what somebody put in a file by mistake.
BEGINS: Final = "stm_"
# A certificate is a few kB; more is something else.
MOST_PEM: Final = 40_000
_THUMBPRINT_SIGNS: Final = 64

# What the state of an account is called in a list.
OPEN, OVER, ENDED = "open", "over", "ended"


@dataclass(frozen=True, slots=True)
class MachineLine:
    """One account as the administrator sees it; `state` is "open", "over" (its last day is gone) or "ended"."""

    id: str
    title: str
    agency_id: str
    agency: str
    permissions: tuple[str, ...]
    purposes: tuple[str, ...]
    has_secret: bool
    previous_until: datetime | None
    certificate: str
    expires_on: date
    made_at: datetime
    used_at: datetime | None
    state: str
    version: int


@dataclass(frozen=True, slots=True)
class MachineTerms:
    """What an account is to be: its name, what it may and for what, its last day and its certificate ("": none)."""

    title: str
    permissions: Sequence[str]
    purposes: Sequence[str]
    expires_on: date | None
    certificate: str = ""


@dataclass(frozen=True, slots=True)
class NewSecret:
    """A secret that is shown this once; only its digest is kept. "" for an account without one."""

    machine_id: str
    secret: str = field(repr=False)


def rules(tx: Transaction) -> MachinesFile:
    """The rules about systems. Raises `Conflict` for a set of rules that was kept before there were any."""
    found = tx.program.policy.machines
    if found is None:
        raise Conflict("no_rules", "expected policies/machines.toml")
    return found


def last_day(tx: Transaction) -> date:
    """The furthest day at which an account may end."""
    return tx.today + timedelta(days=rules(tx).account.longest_days)


def machines_page(tx: Transaction, after: str = "") -> tuple[list[MachineLine], str]:
    """A page of accounts, the newest first, and the id after which the next page starts ("": no more).

    Raises `NotFound` for a place in the list that is not there.
    """
    require(tx.actor, Permission.MACHINE_CHANGE_ALL)
    query = select(MachineAccount, Agency.title).join(Agency, Agency.id == MachineAccount.agency_id)
    if after:
        last = tx.session.get(MachineAccount, after)
        if last is None:
            raise NotFound("no such page")
        query = query.where(
            (MachineAccount.made_at < last.made_at)
            | ((MachineAccount.made_at == last.made_at) & (MachineAccount.id < last.id))
        )
    order = (MachineAccount.made_at.desc(), MachineAccount.id.desc())
    found = tx.session.execute(query.order_by(*order).limit(PAGE + 1)).all()
    lines = [_line(tx, machine, title) for machine, title in found[:PAGE]]
    tx.record("machine:consult", object_type="machine", details={"view": "list", "count": len(lines)})
    return lines, lines[-1].id if len(found) > PAGE else ""


def machine_of(tx: Transaction, machine_id: str) -> MachineLine:
    """One account, for the page that changes it. Raises `NotFound`."""
    require(tx.actor, Permission.MACHINE_CHANGE_ALL)
    machine = _found(tx, machine_id)
    title = tx.session.get_one(Agency, machine.agency_id).title
    details = {"view": "one", "machine": machine_id, "agency": machine.agency_id}
    tx.record("machine:consult", object_type="machine", object_id=machine_id, details=details)
    return _line(tx, machine, title)


def agencies_with_room(tx: Transaction) -> list[tuple[str, str]]:
    """(id, title) of every active agency, for a list to choose from."""
    require(tx.actor, Permission.MACHINE_CHANGE_ALL)
    rows = tx.session.execute(select(Agency.id, Agency.title).where(Agency.active).order_by(Agency.title))
    return [(row.id, row.title) for row in rows]


def record_machine(tx: Transaction, agency_id: str, terms: MachineTerms, *, secret: bool) -> NewSecret:
    """Make an account for an agency; with a secret, with the certificate of `terms`, or with both.

    Raises `UnusableInput` per field, `Conflict` (too_many) when the agency has as many as it may have.
    """
    require(tx.actor, Permission.MACHINE_CHANGE_ALL)
    agency = tx.session.get(Agency, agency_id, with_for_update=True)
    problems = _problems(tx, terms, "")
    if agency is None or not agency.active:
        problems["agency"] = "expected an active agency"
    if not secret and not terms.certificate:
        problems["certificate"] = "expected a secret or a certificate"
    if problems or agency is None:
        raise UnusableInput(problems)
    if _open_ones(tx, agency_id) >= rules(tx).account.per_agency:
        raise Conflict("too_many", "the agency has as many accounts of systems as it may have")
    given = _secret(tx) if secret else ""
    machine = MachineAccount(
        id=tx.new_id(),
        agency_id=agency_id,
        title=terms.title.strip(),
        secret_digest=secret_digest(given) if given else "",
        previous_until=None,
        certificate=terms.certificate or None,
        permissions=sorted(set(terms.permissions)),
        purposes=sorted(set(terms.purposes)),
        made_by=tx.actor.account_id,
        made_at=tx.now,
        expires_at=_end_of(terms.expires_on or tx.today),
        ended_at=None,
        used_at=None,
    )
    tx.session.add(machine)
    _record(tx, machine, ["made", *(["secret"] if secret else [])])
    return NewSecret(machine.id, given)


def change_machine(tx: Transaction, machine_id: str, terms: MachineTerms, *, version: int) -> None:
    """Change an account and end its tokens, so that what was taken away is gone at once (ASVS 8.3.2).

    `version` is that of the account as the form showed it. Raises `NotFound`, `UnusableInput`, `Conflict` (version, ended).
    """
    require(tx.actor, Permission.MACHINE_CHANGE_ALL)
    machine = _locked(tx, machine_id, version)
    problems = _problems(tx, terms, machine_id)
    if not machine.secret_digest and not terms.certificate:
        problems["certificate"] = "expected a secret or a certificate"
    if problems:
        raise UnusableInput(problems)
    wanted = {
        "title": terms.title.strip(),
        "permissions": sorted(set(terms.permissions)),
        "purposes": sorted(set(terms.purposes)),
        "expires_at": _end_of(terms.expires_on or tx.today),
        "certificate": terms.certificate or None,
    }
    changed = [name for name, value in wanted.items() if getattr(machine, name) != value]
    for name in changed:
        setattr(machine, name, wanted[name])
    machine.version += 1
    _end_tokens(tx, machine_id)
    _record(tx, machine, changed)


def renew_secret(tx: Transaction, machine_id: str, *, version: int, at_once: bool = False) -> NewSecret:
    """A new secret; the one of before counts for as long as the rules say, or not at all (`at_once`: it leaked).

    Raises `NotFound`, `Conflict` (version, ended).
    """
    require(tx.actor, Permission.MACHINE_CHANGE_ALL)
    machine = _locked(tx, machine_id, version)
    given, days = _secret(tx), rules(tx).secret.previous_days
    keep = bool(days) and not at_once and bool(machine.secret_digest)
    machine.previous_digest = machine.secret_digest if keep else ""
    machine.previous_until = tx.now + timedelta(days=days) if keep else None
    machine.secret_digest = secret_digest(given)
    machine.version += 1
    if at_once:
        _end_tokens(tx, machine_id)
    _record(tx, machine, ["secret"])
    return NewSecret(machine_id, given)


def end_machine(tx: Transaction, machine_id: str, *, version: int) -> None:
    """End an account for good, with all that it has. Raises `NotFound`, `Conflict` (version, ended)."""
    require(tx.actor, Permission.MACHINE_CHANGE_ALL)
    machine = _locked(tx, machine_id, version)
    machine.ended_at, machine.version = tx.now, machine.version + 1
    # What nobody may use is not kept either; a certificate may serve another account from now on.
    machine.secret_digest, machine.previous_digest, machine.previous_until, machine.certificate = "", "", None, None
    _end_tokens(tx, machine_id)
    _record(tx, machine, ["ended"])


# -- secrets and certificates ------------------------------------------------------------------------------------------


def secret_digest(secret: str) -> str:
    """What is kept of a secret: SHA-256. It has 256 random bits, so nobody finds it by trying (ASVS 11.4.2, 11.5.1)."""
    return hashlib.sha256(secret.encode()).hexdigest()


def thumbprint(given: str | bytes) -> str:
    """The SHA-256 thumbprint (RFC 8705) that an administrator typed, or that of a certificate in PEM or DER.

    As 64 small hex digits. Raises `UnusableInput` at `certificate` as `certificate_digest` does.
    """
    text = given.decode("ascii", errors="replace") if isinstance(given, bytes) else given
    typed = text.replace(":", "").replace(" ", "").strip().lower()
    if len(typed) == _THUMBPRINT_SIGNS and set(typed) <= set("0123456789abcdef"):
        return typed
    return certificate_digest(text.encode() if isinstance(given, str) else given)


def certificate_digest(content: bytes) -> str:
    """The SHA-256 thumbprint of one certificate in PEM or DER, as 64 small hex digits.

    Raises `UnusableInput` at `certificate` for everything else: several certificates, a private key, other text.
    """
    try:
        if len(content) > MOST_PEM or b"PRIVATE KEY" in content:
            raise ValueError("no certificate")
        if content.lstrip().startswith(b"-----"):
            (found,) = x509.load_pem_x509_certificates(content)
        else:
            found = x509.load_der_x509_certificate(content)
        return hashlib.sha256(found.public_bytes(Encoding.DER)).hexdigest()
    except ValueError:
        raise UnusableInput({"certificate": "expected one certificate in PEM, or its SHA-256 thumbprint"}) from None


def _secret(tx: Transaction) -> str:
    return BEGINS + base64.urlsafe_b64encode(tx.program.randomness(SECRET_BYTES)).decode().rstrip("=")


# -- what all of them do -----------------------------------------------------------------------------------------------


def _problems(tx: Transaction, terms: MachineTerms, machine_id: str) -> dict[str, str]:
    problems = {}
    if not terms.title.strip() or len(terms.title) > TITLE_LIMIT:
        problems["title"] = f"expected a name of at most {TITLE_LIMIT} signs"
    if not terms.permissions or set(terms.permissions) - rules(tx).permissions:
        problems["permissions"] = "expected one or more permissions from policies/machines.toml"
    if not terms.purposes or set(terms.purposes) - set(tx.program.policy.purposes):
        problems["purposes"] = "expected one or more purposes from policies/purposes.toml"
    if terms.expires_on is None or not tx.today <= terms.expires_on <= last_day(tx):
        problems["expires_on"] = "expected a day that is not over and not further ahead than the rules allow"
    if terms.certificate and _is_taken(tx, terms.certificate, machine_id):
        problems["certificate"] = "expected a certificate that no other account has"
    return problems


def _is_taken(tx: Transaction, certificate: str, machine_id: str) -> bool:
    query = select(MachineAccount.id).where(MachineAccount.certificate == certificate, MachineAccount.id != machine_id)
    return tx.session.scalar(query) is not None


def _open_ones(tx: Transaction, agency_id: str) -> int:
    query = select(func.count()).where(
        MachineAccount.agency_id == agency_id, MachineAccount.ended_at.is_(None), MachineAccount.expires_at > tx.now
    )
    return tx.session.scalar(query) or 0


def _found(tx: Transaction, machine_id: str) -> MachineAccount:
    machine = tx.session.get(MachineAccount, machine_id)
    if machine is None:
        raise NotFound("no such account")
    return machine


def _locked(tx: Transaction, machine_id: str, version: int) -> MachineAccount:
    machine = _found(tx, machine_id)
    tx.session.refresh(machine, with_for_update=True)
    if machine.ended_at is not None:
        raise Conflict("ended", "the account has ended")
    if machine.version != version:
        raise Conflict("version", "somebody else changed the account meanwhile")
    return machine


def _end_tokens(tx: Transaction, machine_id: str) -> None:
    alive = (MachineToken.machine_id == machine_id, MachineToken.ended_at.is_(None))
    tx.session.execute(update(MachineToken).where(*alive).values(ended_at=tx.now))


def _end_of(day: date) -> datetime:
    """The moment at which a day is over in the Netherlands: the last day counts whole."""
    return datetime.combine(day + timedelta(days=1), time(), ZONE).astimezone(UTC)


def _state(machine: MachineAccount, now: datetime) -> str:
    if machine.ended_at is not None:
        return ENDED
    return OPEN if machine.expires_at > now else OVER


def _record(tx: Transaction, machine: MachineAccount, changed: Iterable[str]) -> None:
    """Tell the log what an account is now; never a secret or a thumbprint."""
    tx.record(
        "machine:record",
        object_type="machine",
        object_id=machine.id,
        details={
            "machine": machine.id,
            "agency": machine.agency_id,
            "changed": sorted(changed),
            "permissions": list(machine.permissions),
            "purposes": list(machine.purposes),
            "active": machine.ended_at is None,
            "expires_at": machine.expires_at.isoformat(),
        },
    )


def _line(tx: Transaction, machine: MachineAccount, agency: str) -> MachineLine:
    replaced = machine.previous_until is not None and machine.previous_until > tx.now
    return MachineLine(
        id=machine.id,
        title=machine.title,
        agency_id=machine.agency_id,
        agency=agency,
        permissions=tuple(machine.permissions),
        purposes=tuple(machine.purposes),
        has_secret=bool(machine.secret_digest),
        previous_until=machine.previous_until if replaced else None,
        certificate=machine.certificate or "",
        expires_on=day_of(machine.expires_at - timedelta(seconds=1)),
        made_at=machine.made_at,
        used_at=machine.used_at,
        state=_state(machine, tx.now),
        version=machine.version,
    )
