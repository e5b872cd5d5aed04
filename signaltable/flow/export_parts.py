"""Where an export waits for whoever asked for it.

On SQLite it is a file in the home. PostgreSQL may serve several machines: there it stands in the database, in pieces, since
the machine that made it is hardly ever the one that hands it out.
"""

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, Final

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from signaltable.domain import Actor, NotFound
from signaltable.models import ExportPart
from signaltable.transaction import Program, Transaction, reading, transaction

# Bytes of one piece: so much of an export is in memory at once.
PIECE: Final = 1024 * 1024


def is_shared(session: Session) -> bool:
    """Whether exports go through the database."""
    return session.get_bind().dialect.name == "postgresql"


def keep(program: Program, actor: Actor, request: str, made: Path) -> None:
    """Put a finished export where every machine finds it; the file goes. Nothing happens on SQLite.

    Each piece is a commit of its own, so that a large export keeps nobody waiting.
    """
    with reading(program) as session:
        if not is_shared(session):
            return
    forget(program, actor, [request])
    with made.open("rb") as file:
        for number, piece in enumerate(iter(lambda: file.read(PIECE), b"")):
            with transaction(program, actor) as tx:
                tx.session.add(ExportPart(request=request, number=number, data=piece))
    made.unlink()


def size_of(session: Session, request: str, made: Path) -> int:
    """How many bytes wait; 0 for none."""
    if is_shared(session):
        query = select(func.sum(func.length(ExportPart.data))).where(ExportPart.request == request)
        return session.scalar(query) or 0
    return made.stat().st_size if made.exists() else 0


def opened(tx: Transaction, request: str, made: Path) -> BinaryIO:
    """The export as a file that was opened to read; of one that stands in the database, a copy without a name.

    Raises `NotFound` when it is gone.
    """
    try:
        return _collected(tx.session, request, made.parent) if is_shared(tx.session) else made.open("rb")
    except FileNotFoundError:
        raise NotFound("this export is gone") from None


def _collected(session: Session, request: str, folder: Path) -> BinaryIO:
    folder.mkdir(mode=0o700, exist_ok=True)
    file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 -- whoever hands it out closes it
    for piece in _pieces(session, request):
        file.write(piece)
    if not file.tell():
        file.close()
        raise NotFound("this export is gone")
    file.seek(0)
    return file


def _pieces(session: Session, request: str) -> Iterator[bytes]:
    numbers = session.scalars(
        select(ExportPart.number).where(ExportPart.request == request).order_by(ExportPart.number)
    )
    for number in numbers.all():
        piece = select(ExportPart.data).where(ExportPart.request == request, ExportPart.number == number)
        yield session.scalars(piece).one()


def forget(program: Program, actor: Actor, requests: Sequence[str]) -> None:
    """Remove what was kept of these."""
    with transaction(program, actor) as tx:
        tx.session.execute(delete(ExportPart).where(ExportPart.request.in_(requests)))
