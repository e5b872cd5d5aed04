"""Proofs from stored nodes: the same hashes as from all leaves, on both databases; and the nodes of older logs."""

import random

import pytest
from sqlalchemy import delete, event, insert, select

from audit import merkle
from audit.canonical import canonical_bytes
from audit.entry import commit, parse
from audit.errors import BadProof
from signaltable import audit_trail
from signaltable.flow.coming_in.actors import SYSTEM
from signaltable.migrating import migrate
from signaltable.models import LogDetail, LogEntry, LogHead, LogNode, LogTerm
from signaltable.transaction import Program, transaction
from tests.conftest import Clock, open_for_test
from tests.log_tools import go_back, without_fence


def _grow(program: Program, size: int) -> None:
    """Let the log grow to `size` entries, in transactions of several sizes."""
    chance = random.Random(size)
    while (missing := size - _size(program)) > 0:
        with transaction(program, SYSTEM) as tx:
            for _ in range(min(missing, chance.choice([1, 2, 15, 16, 17, 90]))):
                tx.record("login:end", details={"cause": "test"})


def _size(program: Program) -> int:
    with program.read_sessions() as session:
        return audit_trail.size(session)


def test_proofs_from_stored_nodes_are_those_from_all_leaves(program):
    _grow(program, 560)
    chance = random.Random(20261122)
    with program.read_sessions() as session:
        leaves = audit_trail.leaf_hashes(session)
        sizes = [1, 2, 15, 16, 17, 255, 256, 257, 272, 559, 560, *(chance.randint(1, 560) for _ in range(25))]
        for size in sizes:
            assert audit_trail.root(session, size) == merkle.root(leaves[:size])
            seq, earlier = chance.randrange(size), chance.randint(1, size)
            assert audit_trail.inclusion(session, seq, size) == merkle.inclusion_proof(leaves[:size], seq)
            assert audit_trail.consistency(session, earlier, size) == merkle.consistency_proof(leaves[:size], earlier)


def test_only_every_fourth_level_is_stored_and_each_subtree_once(sqlite_program):
    _grow(sqlite_program, 300)
    with sqlite_program.read_sessions() as session:
        stored = session.execute(
            select(LogNode.level, LogNode.position).order_by(LogNode.level, LogNode.position)
        ).all()
    assert [tuple(row) for row in stored] == [*((4, position) for position in range(18)), (8, 0)]


@pytest.mark.parametrize("read", [(5, 4), (0, 0), (-1, 4), (0, 10_000)])
def test_no_proof_of_what_is_not_in_the_log(sqlite_program, read):
    seq, size = read
    with sqlite_program.read_sessions() as session, pytest.raises(BadProof):
        audit_trail.inclusion(session, seq, size)


@pytest.mark.sqlite_only(reason="asks SQLite for its plan in its own words")
def test_a_proof_reads_a_handful_of_rows_by_their_keys(sqlite_program):
    _grow(sqlite_program, 300)
    with sqlite_program.read_sessions() as session:
        connection = session.connection()
        plans: list[str] = []

        def explain(_conn, cursor, statement, parameters, _context, _many):
            told = cursor.connection.execute(f"EXPLAIN QUERY PLAN {statement}", parameters)
            plans.extend(row[3] for row in told)

        event.listen(connection, "before_cursor_execute", explain)
        audit_trail.inclusion(session, 17, 299)
    assert [plan for plan in plans if "SCAN" in plan] == []


def _as_format_1(seq: int, before: bytes) -> tuple[bytes, bytes, bytes]:
    """An entry as the program wrote it before, its details and their salt."""
    details, salt = canonical_bytes({"signal": "S-OLDE-R1", "view": "page"}), bytes([seq % 256]) * 32
    values = {
        "format": 1,
        "seq": seq,
        "recorded_at": parse(before).recorded_at,
        "occurred_at": parse(before).recorded_at,
        "action": "signal:consult",
        "outcome": "ok",
        "channel": "web",
        "object": "S-OLDE-R1",
        "details_commitment": commit(details, salt),
    }
    empty = dict.fromkeys("reason actor agency role strength object_type trace_id".split(), "")
    raw = canonical_bytes(values | empty)
    assert parse(raw).format == 1
    return raw, details, salt


def _append_as_before(program: Program, count: int) -> None:
    """Entries of format 1 at the end of the log, without nodes and terms, as the program kept them before 0005."""
    with without_fence(program) as connection:
        head = connection.execute(select(LogHead)).one()
        last = connection.execute(select(LogEntry).order_by(LogEntry.seq.desc()).limit(1)).one()
        tree = merkle.CompactRange.from_bytes(head.frontier)
        for seq in range(head.size, head.size + count):
            raw, details, salt = _as_format_1(seq, last.entry)
            tree.append(merkle.leaf_hash(raw))
            row = {
                **last._mapping,
                "seq": seq,
                "entry": raw,
                "leaf": merkle.leaf_hash(raw),
                "action": "signal:consult",
                "object": "S-OLDE-R1",
            }
            connection.execute(insert(LogEntry), [row])
            connection.execute(insert(LogDetail), [{"seq": seq, "salt": salt, "details": details}])
        connection.execute(LogHead.__table__.update().values(size=tree.size, frontier=tree.to_bytes()))


def test_a_log_from_before_gets_its_nodes_and_terms_and_grows_on(settings):
    begun, grown = 128, 328  # More than the making of a region leaves.
    for program in open_for_test(settings, Clock()):
        _grow(program, begun)
        assert _size(program) == begun
        _append_as_before(program, grown - begun)
        with program.read_sessions() as session:
            nodes, terms = _derived(session)
    go_back(settings, "0004")
    migrate(settings)
    for program in open_for_test(settings, Clock()):
        with program.read_sessions() as session:
            new_nodes, new_terms = _derived(session)
            leaves = audit_trail.leaf_hashes(session)
            assert audit_trail.root(session, grown) == merkle.root(leaves)
        assert nodes < new_nodes
        assert {node[:2] for node in new_nodes} == {*((4, at) for at in range(20)), (8, 0)}
        assert new_terms - terms == {("signal", "S-OLDE-R1", seq) for seq in range(begun, grown)}
        assert terms < new_terms
        _grow(program, 600)
        with program.read_sessions() as session:
            leaves = audit_trail.leaf_hashes(session)
            assert audit_trail.consistency(session, 265, 600) == merkle.consistency_proof(leaves, 265)


def _derived(session) -> tuple[set, set]:
    nodes = session.execute(select(LogNode.level, LogNode.position, LogNode.hash)).all()
    terms = session.execute(select(LogTerm.name, LogTerm.value, LogTerm.seq)).all()
    return {tuple(row) for row in nodes}, {tuple(row) for row in terms}


def test_broken_rows_do_not_stop_the_upgrade_and_break_no_other_proof(settings):
    for program in open_for_test(settings, Clock()):
        _grow(program, 600)
        with program.read_sessions() as session:
            leaves = audit_trail.leaf_hashes(session)
        with without_fence(program) as connection:
            if connection.dialect.name == "sqlite":
                connection.exec_driver_sql("UPDATE log_entries SET leaf = 'text', object = x'ff00' WHERE seq = 20")
                connection.exec_driver_sql("UPDATE log_details SET details = 'no json' WHERE seq = 21")
            connection.execute(LogEntry.__table__.update().where(LogEntry.seq == 40).values(leaf=b"short"))
            for number, raw in enumerate(
                (b"\xff\xfe", b"[1]", b"[" * 5000, b'{"signal":{"a":1},"ground":[1,"g"],"purpose":""}')
            ):
                changed = LogDetail.__table__.update().where(LogDetail.seq == 50 + number)
                connection.execute(changed.values(details=raw))
            connection.execute(delete(LogDetail).where(LogDetail.seq == 300))
            connection.execute(delete(LogEntry).where(LogEntry.seq == 300))
    go_back(settings, "0004")
    migrate(settings)
    for program in open_for_test(settings, Clock()):
        with program.read_sessions() as session:
            assert session.execute(select(LogTerm.name, LogTerm.value).where(LogTerm.seq == 53)).all() == [
                ("ground", "g")
            ]
            # What is whole proves on: the first 16 leaves have no broken one beside them in that tree.
            assert audit_trail.inclusion(session, 3, 16) == merkle.inclusion_proof(leaves[:16], 3)
            with pytest.raises(BadProof):
                audit_trail.root(session, 600)
