"""Files with a draft and a signal: sealed in pieces that fit only where they were put, opened by the owner alone, destroyed whole."""

import json
import socket
import struct
import threading
from dataclasses import replace

import pytest
from sqlalchemy import delete, func, select, text, update

from signaltable import jobs
from signaltable.attached.cleaning import clean
from signaltable.attached.unfit import Unfit
from signaltable.domain import NotFound, Refused
from signaltable.flow import attachment_rows, attachments, drafts, retention, signals
from signaltable.flow.fsck import inspect
from signaltable.flow.virus_scan import CLEAN, INFECTED, NOT_SCANNED, scan
from signaltable.keys import CannotOpen
from signaltable.models import Attachment, AttachmentPart, SignalKey
from signaltable.transaction import reading
from tests.attached_files import CANARY, RULES, a_docx, a_pdf, a_picture, noise
from tests.factories import a_signal
from tests.table_steps import log, use

NAME = "Kanarinda thuis.jpg"
# Larger than two pieces, and clean, so that it is kept as it is.
LONG = clean(noise(), RULES).data


@pytest.fixture
def owner(sqlite_program, actor):
    return actor(sqlite_program, "havendam")


@pytest.fixture
def reference(sqlite_program, owner):
    return use(sqlite_program, owner, signals.submit, a_signal()).reference


def add(program, who, reference, data, name=NAME, *, looked=True):
    prepared = attachments.prepare(program, who, data, name)
    return use(program, who, attachments.add_to_signal, reference, prepared, looked=looked)


def content(program, who, reference, number=1):
    found = use(program, who, attachments.download, reference, number)
    return b"".join(attachments.pieces(program, found))


def everything_stored(program):
    with reading(program) as session:
        return b"".join(
            repr(tuple(row)).encode()
            for table in ("attachments", "attachment_parts", "signal_keys", "drafts", "log_details", "log_entries")
            for row in session.execute(text(f"SELECT * FROM {table}"))
        )


def test_a_file_comes_back_as_it_was_cleaned_and_nothing_of_it_is_readable_in_the_database(
    sqlite_program, owner, reference
):
    kept = add(sqlite_program, owner, reference, LONG)
    assert kept.size == len(LONG)
    assert content(sqlite_program, owner, reference) == LONG
    with reading(sqlite_program) as session:
        pieces = session.scalar(select(func.count()).select_from(AttachmentPart))
    assert pieces == attachment_rows.pieces_of(len(LONG)) == 3
    stored = everything_stored(sqlite_program)
    assert LONG[5000:5032] not in stored
    assert LONG[5000:5032].hex().encode() not in stored
    assert b"Kanarinda" not in stored


def test_the_name_of_its_maker_shows_only_where_identity_is_open(sqlite_program, owner, reference):
    add(sqlite_program, owner, reference, a_picture())
    closed = use(sqlite_program, owner, signals.consult, reference).attachments
    opened = use(sqlite_program, owner, signals.consult, reference, with_identity=True).attachments
    assert [(one.name, one.file_name(reference)) for one in closed] == [("", f"{reference}-bijlage-1.jpg")]
    assert [one.name for one in opened] == [NAME]


def test_the_log_tells_sizes_and_kinds_and_no_names(sqlite_program, owner, reference):
    add(sqlite_program, owner, reference, b"Mevrouw Zorinka Proefveld belt met 06-12345678.")
    content(sqlite_program, owner, reference)
    (_entry, recorded), (_other, downloaded) = (
        *log(sqlite_program, "attachment:record"),
        *log(sqlite_program, "attachment:download"),
    )
    assert recorded["kinds"] == ["name", "phone"]
    assert recorded["media_type"] == downloaded["media_type"] == "text/plain"
    assert recorded["virus_check"] == NOT_SCANNED
    assert "Zorinka" not in json.dumps(recorded) + json.dumps(downloaded)


@pytest.mark.parametrize("login", ["delinde", "coordinator", "voorzitter", "avim", "auditor", "beheer", "fg.delinde"])
def test_nobody_but_the_owner_lists_opens_adds_or_removes(sqlite_program, actor, owner, reference, login):
    add(sqlite_program, owner, reference, a_picture())
    other = actor(sqlite_program, login)
    prepared = attachments.prepare(sqlite_program, owner, b"gewone tekst", "a.txt")
    for case, rest in (
        (attachments.listing, ()),
        (attachments.download, (1,)),
        (attachments.remove, (1, "other")),
    ):
        with pytest.raises(Refused):
            use(sqlite_program, other, case, reference, *rest)
    with pytest.raises(Refused):
        use(sqlite_program, other, attachments.add_to_signal, reference, prepared, looked=True)


def _pieces(program):
    with reading(program) as session:
        query = select(AttachmentPart.attachment_id, AttachmentPart.number, AttachmentPart.sealed)
        return list(session.execute(query.order_by(AttachmentPart.attachment_id, AttachmentPart.number)))


def _write(program, *statements):
    with program.write_sessions() as session:
        for statement in statements:
            session.execute(statement)
        session.commit()


def _sealed(of, number, value):
    return (
        update(AttachmentPart)
        .where(AttachmentPart.attachment_id == of, AttachmentPart.number == number)
        .values(sealed=value)
    )


@pytest.mark.parametrize(
    "how", ["swapped", "dropped", "doubled", "cut", "changed", "of another file", "shorter", "longer"]
)
def test_pieces_that_are_not_as_they_were_put_do_not_open(sqlite_program, owner, reference, how):
    one = add(sqlite_program, owner, reference, LONG)
    other = add(sqlite_program, owner, reference, LONG)
    mine = {row.number: row.sealed for row in _pieces(sqlite_program) if row.attachment_id == one.id}
    theirs = {row.number: row.sealed for row in _pieces(sqlite_program) if row.attachment_id == other.id}
    assert len(mine) > 2
    last = max(mine)
    changes = {
        "swapped": [_sealed(one.id, 1, mine[2]), _sealed(one.id, 2, mine[1])],
        "dropped": [
            delete(AttachmentPart).where(AttachmentPart.attachment_id == one.id, AttachmentPart.number == last)
        ],
        "doubled": [_sealed(one.id, 2, mine[1])],
        "cut": [_sealed(one.id, last, mine[last][:-1])],
        "changed": [_sealed(one.id, 1, mine[1][:-1] + bytes([mine[1][-1] ^ 1]))],
        "of another file": [_sealed(one.id, 1, theirs[1])],
        "shorter": [
            delete(AttachmentPart).where(AttachmentPart.attachment_id == one.id, AttachmentPart.number > 1),
            update(Attachment).where(Attachment.id == one.id).values(size=attachment_rows.PIECE),
        ],
        "longer": [update(Attachment).where(Attachment.id == one.id).values(size=one.size + 1)],
    }[how]
    _write(sqlite_program, *changes)
    with pytest.raises(CannotOpen):
        content(sqlite_program, owner, reference)
    assert content(sqlite_program, owner, reference, 2) == LONG
    if how == "changed":  # That the check of all rows sees it is tested once: it takes a while.
        assert inspect(sqlite_program).findings


def test_files_of_a_draft_go_along_when_it_is_submitted(program, actor):
    owner = actor(program, "havendam")
    draft = use(program, owner, drafts.start, a_signal())
    prepared = attachments.prepare(program, owner, LONG, "thuis.png")
    use(program, owner, attachments.add_to_draft, draft.id, prepared, looked=True)
    use(program, owner, drafts.save, draft.id, {"reachable": "kamer 3"}, step=4, version=draft.version)
    assert [one.name for one in use(program, owner, attachments.of_draft, draft.id)] == ["thuis.png"]
    reference = use(program, owner, signals.submit, a_signal(), draft.id).reference
    assert content(program, owner, reference) == LONG
    assert not inspect(program).findings
    with reading(program) as session:
        assert session.scalars(select(Attachment.draft_id)).all() == [None]


def test_somebody_else_cannot_reach_the_files_of_a_draft(sqlite_program, actor, owner):
    draft = use(sqlite_program, owner, drafts.start, a_signal())
    prepared = attachments.prepare(sqlite_program, owner, a_pdf(canary=""), "a.pdf")
    use(sqlite_program, owner, attachments.add_to_draft, draft.id, prepared, looked=True)
    for case, rest in (
        (attachments.of_draft, ()),
        (attachments.download_of_draft, (1,)),
        (attachments.remove_from_draft, (1,)),
    ):
        with pytest.raises(NotFound):
            use(sqlite_program, actor(sqlite_program, "delinde"), case, draft.id, *rest)


@pytest.mark.parametrize("how", ["thrown away", "expired"])
def test_a_draft_that_goes_takes_its_files_along(sqlite_program, clock, owner, how):
    draft = use(sqlite_program, owner, drafts.start, a_signal())
    prepared = attachments.prepare(sqlite_program, owner, LONG, "a.txt")
    use(sqlite_program, owner, attachments.add_to_draft, draft.id, prepared, looked=True)
    program = sqlite_program
    if how == "thrown away":
        use(program, owner, drafts.discard, draft.id)
    else:
        clock.forward(days=40)
        retention.sweep(program, jobs.JOBS)
    assert _left(program) == (0, 0, 0)
    assert {one.kind for one in inspect(program).findings} <= {"signing-stopped"}  # Nobody signed for a year here.


def test_an_erased_signal_leaves_no_file_no_piece_and_no_key(sqlite_program, clock, owner, reference):
    add(sqlite_program, owner, reference, LONG)
    program = sqlite_program
    clock.forward(days=400)
    retention.sweep(program, jobs.JOBS)
    assert _left(program) == (0, 0, 0)
    assert {one.kind for one in inspect(program).findings} <= {"signing-stopped"}  # Nobody signed for a year here.


def _left(program):
    with reading(program) as session:
        return tuple(
            session.scalar(select(func.count()).select_from(table)) for table in (Attachment, AttachmentPart, SignalKey)
        )


def test_a_file_that_was_taken_away_is_gone_and_its_number_is_not_used_again(sqlite_program, owner, reference):
    add(sqlite_program, owner, reference, b"eerste")
    add(sqlite_program, owner, reference, b"tweede")
    use(sqlite_program, owner, attachments.remove, reference, 1, "too_much")
    with pytest.raises(NotFound):
        content(sqlite_program, owner, reference, 1)
    assert content(sqlite_program, owner, reference, 2) == b"tweede"
    assert add(sqlite_program, owner, reference, b"derde").number == 3
    ((_entry, told),) = log(sqlite_program, "attachment:erase")
    assert (told["attachment"], told["cause"]) == (1, "too_much")


def test_a_bsn_in_a_document_is_refused_and_a_scan_needs_a_look(sqlite_program, owner, reference):
    for data, looked, cause in (
        (b"nummer 111222333 gezien", True, "bsn"),
        (a_docx("<w:p><w:r><w:t>111222333</w:t></w:r></w:p>"), True, "bsn"),
        (a_pdf("bsn 111222333", canary=""), True, "bsn"),
        (a_picture(), False, "not_looked"),
    ):
        with pytest.raises(Unfit) as refused:
            add(sqlite_program, owner, reference, data, looked=looked)
        assert refused.value.cause == cause
    assert _left(sqlite_program) == (0, 0, 0)


def test_no_more_files_and_no_more_bytes_than_the_rules_allow(sqlite_program, owner, reference):
    said = sqlite_program.policy.attachments.model_copy(update={"per_signal": 2, "total_kib": 2000})
    program = replace(sqlite_program, policy=replace(sqlite_program.policy, attachments=said))
    add(program, owner, reference, LONG)
    with pytest.raises(Unfit, match="total"):
        add(program, owner, reference, LONG)
    add(program, owner, reference, b"klein")
    with pytest.raises(Unfit, match="too_many"):
        add(program, owner, reference, b"klein")


def test_what_is_taken_in_is_cleaned(sqlite_program, owner, reference):
    add(sqlite_program, owner, reference, a_picture())
    assert CANARY.encode() not in content(sqlite_program, owner, reference)


# -- the virus scanner ---------------------------------------------------------------------------------------------


def a_scanner(answer, *, family=socket.AF_INET, address=("127.0.0.1", 0)):
    """A server that speaks the protocol of clamd once: reads the whole stream, and answers about what it got."""
    served = socket.socket(family, socket.SOCK_STREAM)
    served.bind(address)
    served.listen(1)

    def serve():
        asked, _from = served.accept()
        with asked, asked.makefile("rb") as stream:
            assert stream.read(10) == b"zINSTREAM\0"
            got = b""
            while size := struct.unpack(">I", stream.read(4))[0]:
                got += stream.read(size)
            asked.sendall(answer(got))
        served.close()

    threading.Thread(target=serve, daemon=True).start()
    return served.getsockname()


def eicar_only(data):
    return b"stream: Eicar-Test-Signature FOUND\0" if b"EICAR" in data else b"stream: OK\0"


@pytest.mark.parametrize(
    ("answer", "data", "expected"),
    [
        (eicar_only, b"a" * 200_000, CLEAN),
        (eicar_only, b"a" * 70_000 + b"EICAR", INFECTED),
        (lambda _data: b"INSTREAM size limit exceeded. ERROR\0", b"a", NOT_SCANNED),
        (lambda _data: b"", b"a", NOT_SCANNED),
    ],
)
def test_clamd_is_asked_piece_by_piece_and_believed_when_it_is_clear(sqlite_program, answer, data, expected):
    host, port = a_scanner(answer)
    assert scan(replace(sqlite_program.settings, clamd=f"{host}:{port}"), data) == expected


def test_clamd_can_listen_at_a_path(sqlite_program, tmp_path):
    path = str(tmp_path / "clamd.sock")
    a_scanner(eicar_only, family=socket.AF_UNIX, address=path)
    assert scan(replace(sqlite_program.settings, clamd=path), b"EICAR") == INFECTED


@pytest.mark.parametrize("clamd", ["", "/nowhere/clamd.sock", "127.0.0.1:1"])
def test_without_clamd_a_file_is_not_scanned_and_that_is_said(sqlite_program, owner, reference, clamd):
    program = replace(sqlite_program, settings=replace(sqlite_program.settings, clamd=clamd))
    assert add(program, owner, reference, b"tekst").virus_check == NOT_SCANNED


def test_an_infected_file_is_refused(sqlite_program, owner, reference):
    host, port = a_scanner(eicar_only)
    program = replace(sqlite_program, settings=replace(sqlite_program.settings, clamd=f"{host}:{port}"))
    with pytest.raises(Unfit) as refused:
        add(program, owner, reference, b"X5O EICAR")
    assert refused.value.cause == "virus"
