"""What could be opened of an installation: each part, or why not, so that one broken part hides no other."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, TypeVar

from sqlalchemy import Engine, make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlalchemy.orm import Session

from signaltable import row_level, shared_ring
from signaltable.db import refuse_writes
from signaltable.domain import SignaltableError
from signaltable.home_in_use import is_worked_in
from signaltable.keys import KeyProvider
from signaltable.keys.chosen import load_keys
from signaltable.policy import PolicySet
from signaltable.policy_errors import BrokenPolicy
from signaltable.program import load_policy, reachable
from signaltable.settings import Settings
from signaltable.storage_faults import broken_file

T = TypeVar("T")
# Whoever wrote anything within this time is at work.
LATELY: Final = timedelta(hours=1)
# What to do where keys or signed notes are there and their database is not: `init` and `migrate` would begin another one.
LOST: Final = "look at DATABASE_URL; a database that is lost: put a backup back (docs/backup.md)"


@dataclass(frozen=True)
class Patient:
    """An installation as far as it opens; where a part is None, the text beside it says why."""

    settings: Settings
    policy: PolicySet | None
    policy_problem: str
    keys: KeyProvider | None
    keys_problem: str
    engine: Engine | None
    database_problem: str
    at_work: bool

    @property
    def worked(self) -> bool:
        """Whether this home was made and used before: `signaltable init` refuses one with keys."""
        return has_worked(self.settings)

    @property
    def shared(self) -> bool:
        """Whether other machines may work on the same database."""
        return self.engine is not None and self.engine.dialect.name == "postgresql"

    def session(self) -> Session:
        """A session that changes nothing; where there are keys it sees all. Use only with an `engine`."""
        session = Session(self.engine)
        # With its pass a transaction of the program asks for keys of other machines, and takes them in: in a table that an
        # older database lacks, and a change of the ring.
        row_level.only_read(session)
        if self.keys is not None:
            row_level.bear(session, self.keys, row_level.PROGRAM)
        return session

    def is_used(self, session: Session) -> bool:
        """Whether somebody works with this installation: here, or on another machine."""
        if self.at_work:
            return True
        if not self.shared:
            return False
        now = datetime.now(UTC)
        return any(one.seen_at > now - LATELY for one in shared_ring.hosts(session.connection()))


def has_worked(settings: Settings) -> bool:
    """Whether keys or signed notes are here, so that a database that is not there was lost."""
    if settings.key_ring.exists():
        return True
    try:
        return any(settings.signed_notes.iterdir())
    except OSError:
        return False


def meet(settings: Settings) -> Patient:
    """Open what opens. Changes nothing, and makes no file that was not there."""
    policy, policy_problem = _tried(lambda: load_policy(settings))
    keys, keys_problem = _tried(lambda: load_keys(settings))
    engine, database_problem = _tried(lambda: _engine(settings))
    return Patient(
        settings,
        policy,
        policy_problem,
        keys,
        keys_problem,
        engine,
        database_problem,
        at_work=is_worked_in(settings.home),
    )


def _tried(make: Callable[[], T]) -> tuple[T | None, str]:
    try:
        return make(), ""
    except BrokenPolicy as error:
        first, more = error.findings[0], len(error.findings) - 1
        return None, f"{first}" + (f" (and {more} more)" if more else "")
    except SignaltableError as error:
        return None, " ".join(str(error).split())
    except OSError as error:
        return None, f"{Path(str(error.filename or '')).name or 'a file'}: {error.strerror}"
    except Exception as error:  # noqa: BLE001 -- whatever it is, the rest is looked at; its text may quote anything
        return None, f"unexpected {type(error).__name__}"


def _engine(settings: Settings) -> Engine:
    """The database, which takes no change from here. Raises `SignaltableError`; SQLite would make a file that is not there."""
    try:
        url = make_url(settings.database_url)
    except ArgumentError:
        raise SignaltableError("DATABASE_URL: expected an address of a database") from None
    if url.get_backend_name() == "sqlite" and url.database:
        _require_file(settings, Path(url.database))
    engine = reachable(settings)
    refuse_writes(engine)
    try:
        engine.connect().close()
    except SQLAlchemyError as error:
        told = f"the database cannot be opened ({type(error).__name__})"
        raise SignaltableError(broken_file(error) or told) from None
    return engine


def _require_file(settings: Settings, path: Path) -> None:
    """Raise `SignaltableError` where SQLite has no file with anything in it, with what to do behind "; "."""
    if path.is_dir():
        found = f"{path.name} is a folder, no database"
    elif not path.is_file():
        found = f"there is no database {path.name}"
    elif not path.stat().st_size and not _has_bytes(path.with_name(f"{path.name}-wal")):
        found = f"the database {path.name} is empty"
    else:
        return
    do = LOST if has_worked(settings) else "run `signaltable init` first"
    raise SignaltableError(f"{found}; {do}")


def _has_bytes(path: Path) -> bool:
    return path.is_file() and path.stat().st_size > 0
