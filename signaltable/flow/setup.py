"""Making a home for the program: keys, tables, and in the demo the region with its people."""

import json
import os
import secrets
import tomllib
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

from sqlalchemy import exists, inspect, make_url, select
from sqlalchemy.exc import SQLAlchemyError

from audit.key_chain import PURPOSE
from audit.note import Signer
from signaltable import VERSION, home_in_use
from signaltable.access import Permission
from signaltable.db import make_engine
from signaltable.domain import Actor, Channel, SignaltableError
from signaltable.flow import linking, log_keys, policy_versions
from signaltable.flow.accounts import record_account
from signaltable.flow.agencies import record_agency
from signaltable.flow.coming_in import activating, app_codes
from signaltable.flow.coming_in.activating import Invitation
from signaltable.flow.coming_in.actors import SYSTEM
from signaltable.keys import PURPOSES
from signaltable.keys.chosen import create_keys
from signaltable.models import Account, Agency, LogEntry, RegionalTable
from signaltable.settings import Settings
from signaltable.transaction import Program, Transaction, transaction

REGION = Path(__file__).resolve().parent.parent / "demo" / "region.toml"
DEMO_ACCOUNTS = "demo-accounts.json"
UNFINISHED = home_in_use.UNFINISHED

# Words for a password that a person can read aloud in a training; made anew for every demo home.
_WORDS = (
    "anker appel baken berk boter brug dijk duin eik fiets gans haven helm hout kaas kade klok kust lamp linde "
    "maan mast meer molen oever peer rots schip sloot tulp vlag wilg"
).split()

# Whoever may run `init` owns the machine; the permissions are those of an administrator and no more.
INSTALLER = Actor(
    "installer",
    "system",
    "",
    frozenset({"administrator"}),
    frozenset(
        {
            Permission.ACCOUNT_CHANGE_ALL,
            Permission.AGENCY_CHANGE_ALL,
            Permission.KEY_CONSULT_ALL,
            Permission.JOB_CONSULT_ALL,
            Permission.MACHINE_CHANGE_ALL,
            Permission.GRANT_CHANGE_ALL,
            Permission.RIGHTS_CONSULT_ALL,
        }
    ),
    Channel.CLI,
    "machine",
)


class HasInstallation(SignaltableError):
    """A database that holds an installation already, whose keys are elsewhere."""


def require_new(settings: Settings) -> None:
    """Raises `HasInstallation` when the database holds a log: with the keys of a new home the fence of PostgreSQL would shut out
    the program whose database it is. What cannot be opened is told by who goes on with it.
    """
    url = make_url(settings.owner_url or settings.database_url)
    if url.get_backend_name() == "sqlite" and not Path(url.database or "").is_file():
        return
    engine = make_engine(settings.owner_url or settings.database_url)
    try:
        with engine.connect() as connection:
            used = inspect(connection).has_table("log_entries") and connection.scalar(select(exists(LogEntry.seq)))
    except SQLAlchemyError:
        return
    finally:
        engine.dispose()
    if used:
        raise HasInstallation(
            "this database holds an installation already; let DATABASE_URL name an empty one, or SIGNALTABLE_HOME its home"
        )


def make_keys(settings: Settings, on: date | None = None) -> None:
    """The key ring and the signing key of the log, each in a file that only the owner reads. Keeps what exists.

    The keys but that of the log may be in a token instead (SIGNALTABLE_KEY_PROVIDER). `on` is the day. Raises
    `HasInstallation` where the database is one for other keys.
    """
    if not settings.key_ring.exists():
        require_new(settings)
    settings.key_ring.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not settings.key_ring.exists():
        create_keys(settings, on=on)
    if not settings.log_key.exists():
        settings.log_key.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        made = Signer.generate(origin(settings))
        log_keys.write_signers(settings.log_key, [made])
        log_keys.list_keys(settings, [made.verifier()])


def origin(settings: Settings) -> str:
    """The name of this log in its checkpoints; random, so that two installations never share one."""
    if settings.log_public_key.exists():
        return settings.log_public_key.read_text().split("+", 1)[0]
    return f"signaltable.{'demo' if settings.demo else 'log'}.{os.urandom(6).hex()}"


def signer(settings: Settings) -> Signer:
    """The Ed25519 signing key of the log."""
    return log_keys.signers(settings.log_key)[0]


def _write_private(path: Path, text: str) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)


def start_log(program: Program) -> None:
    """The first entries: the log begins, and these are the rules it begins with."""
    with transaction(program, INSTALLER) as tx:
        tx.record(
            "system:init",
            object_type="system",
            details={"origin": origin(program.settings), "version": VERSION, "mode": program.settings.mode},
        )
        for key in log_keys.public_keys(program.settings):
            details = {"purpose": PURPOSE, "key_fingerprint": key.fingerprint}
            tx.record("key:make", object_type="log", details=details)
        for purpose in PURPOSES:
            made = {"purpose": purpose, "key_version": program.keys.version(purpose)}
            tx.record("key:make", object_type="key", details=made)
        policy_versions.note(tx)


def seed_region(program: Program, password: str, region: Path = REGION) -> list[dict[str, Any]]:
    """The demo region through the administrator's own use cases. Returns what `signaltable accounts --json` tells."""
    described = tomllib.loads(region.read_text(encoding="utf-8"))
    with transaction(program, INSTALLER) as tx:
        table_id = _table(tx, described["table"])
        for agency in described["agency"]:
            record_agency(
                tx,
                agency_id=agency["id"],
                title=agency["title"],
                kind=agency["kind"],
                destinations=agency["destinations"],
                table_id=table_id,
            )
        for account in described["account"]:
            made = record_account(
                tx,
                login=account["login"],
                name=account["name"],
                agency_id=account["agency"],
                roles=account["roles"],
                password=password,
            )
            app_codes.add_shown(tx, made, account["agency"])
        titles = dict(tx.session.execute(select(Agency.id, Agency.title)).all())
    return [_told(account, titles, password) for account in described["account"]]


def _table(tx: Transaction, title: str) -> str:
    table = RegionalTable(id=tx.new_id(), title=title, created_at=tx.now)
    tx.session.add(table)
    tx.session.flush()
    return table.id


def _told(account: Mapping[str, Any], titles: Mapping[str, str], password: str) -> dict[str, Any]:
    return {
        "login": account["login"],
        "password": password,
        "name": account["name"],
        "agency": titles[account["agency"]],
        "roles": account["roles"],
    }


def new_demo_password() -> str:
    """Three words and four digits: about 28 bits, enough for invented people behind 127.0.0.1."""
    return "-".join([*(secrets.choice(_WORDS) for _ in range(3)), f"{secrets.randbelow(10_000):04d}"])


def first_administrator(program: Program, login: str) -> Invitation:
    """A table, the agency that runs it and its administrator, so that a real home can be filled from the screen.

    Returns the code with which the administrator comes in once. Raises `UnusableInput` for an unusable login name.
    """
    with transaction(program, INSTALLER) as tx:
        agency = record_agency(
            tx,
            title="Beheer van de tafel",
            kind="table",
            destinations=(),
            table_id=_table(tx, "Regionale tafel"),
        )
        made = record_account(tx, login=login, name=login, agency_id=agency, roles=["administrator"])
        # Who installs comes in by themselves, whatever identity provider this agency gets later.
        tx.session.get_one(Account, made).break_glass = True
        return activating.invite(tx, made)


def note_policy(program: Program) -> None:
    """Keep and record the rules that count from now on, when they are others than the log knows (GDPR art. 5(2))."""
    with transaction(program, SYSTEM) as tx:
        policy_versions.note(tx)


def note_migration(program: Program, before: str, after: str) -> None:
    """Record that the tables were brought from one version to another."""
    with transaction(program, INSTALLER) as tx:
        details = {"previous_version": before, "version": after}
        tx.record("system:migrate", object_type="system", details=details)


def finish_upgrade(program: Program) -> None:
    """Make what a newer version keeps of what is there already, and what bringing the tables up to date cannot make."""
    with transaction(program, SYSTEM) as tx:
        linking.group_links_of_before(tx)


def remember_demo_accounts(settings: Settings, accounts: list[dict[str, Any]]) -> None:
    """Keep the demo accounts where `signaltable accounts` finds them; never outside the demo."""
    _write_private(settings.home / DEMO_ACCOUNTS, json.dumps(accounts, ensure_ascii=False, indent=1))


def demo_accounts(settings: Settings) -> list[dict[str, Any]]:
    """The demo accounts of this home. Raises `SignaltableError` when their file was damaged."""
    try:
        found: list[dict[str, Any]] = json.loads((settings.home / DEMO_ACCOUNTS).read_text(encoding="utf-8"))
    except ValueError:
        raise SignaltableError(f"{DEMO_ACCOUNTS}: expected what `signaltable init --demo` wrote") from None
    return found
