"""Finding entries: what any combination of filters gives, beside a plain walk over the whole log; and destroying details."""

import itertools
import json
import random
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select

from audit.entry import parse
from signaltable import audit_trail
from signaltable.audit_trail import Wanted, terms
from signaltable.domain import Channel
from signaltable.flow.coming_in.actors import SYSTEM
from signaltable.models import LogDetail, LogEntry, LogErased, LogTerm
from signaltable.transaction import Program, transaction

AGENCIES = ("havendam", "essm", "delinde")
GROUNDS = ("G-1", "G-2")
PURPOSES = ("P1", "P3")
CATEGORIES = ("name", "health", "work")


def _fill(program: Program, clock, count: int) -> None:
    """A log in which every filter has something, some of it rare."""
    chance = random.Random(20261122)
    for number in range(count // 4):
        clock.forward(minutes=chance.choice([0, 1, 30]))
        who = replace(SYSTEM, agency_id=chance.choice(AGENCIES), account_id=chance.choice("abc"), channel=Channel.WEB)
        with transaction(program, who) as tx:
            for _ in range(4):
                _note(tx, chance, number)


def _note(tx, chance: random.Random, number: int) -> None:
    signal, refused = f"S-{chance.randrange(9):04d}-XX", chance.random() < 0.2
    details = {
        "signal": signal,
        "recipient": chance.choice(AGENCIES),
        "purpose": chance.choice(PURPOSES),
        "categories": chance.sample(CATEGORIES, chance.randint(0, 3)),
        "fields": [],
        "ground": chance.choice(GROUNDS),
        "policy_digest": f"{number // 20:064x}",
        "subject_refs": [f"{signal}.{one}" for one in range(chance.randint(0, 2))],
    }
    if refused:
        more = {"reasons": [], "missing": []}
        tx.record(
            "disclosure:refuse",
            object_type="signal",
            object_id=signal,
            outcome="refused",
            reason="no",
            details={**details, **more},
        )
    elif chance.random() < 0.5:
        tx.record("disclosure:prepare", object_type="signal", object_id=signal, details={**details, "permitted": True})
    else:
        tx.record("signal:consult", object_type="signal", object_id=signal, details={"signal": signal})


def _whole(session) -> list[tuple[LogEntry, set[terms.Term]]]:
    """Every entry with what it says, from its own details and not from the stored terms."""
    rows = session.execute(select(LogEntry, LogDetail).join(LogDetail, LogDetail.seq == LogEntry.seq))
    return [(row, set(terms.of(row.object, json.loads(kept.details)))) for row, kept in rows]


def _walked(whole: list[tuple[LogEntry, set[terms.Term]]], wanted: Wanted) -> list[int]:
    """The oracle: every entry looked at, one after another."""
    names = ("agency", "action", "outcome", "actor", "object")
    found = [
        row.seq
        for row, told in whole
        if all(getattr(wanted, name) in {"", getattr(row, name)} for name in names)
        and wanted.scope in {"", row.agency}
        and (wanted.since is None or row.recorded_at >= wanted.since)
        and (wanted.until is None or row.recorded_at < wanted.until)
        and set(wanted.terms) <= told
    ]
    return sorted(found, reverse=True)


def test_any_combination_of_filters_gives_what_a_walk_gives(program, clock):
    _fill(program, clock, 400)
    start = clock.now
    chance = random.Random(1)
    choices = {
        "scope": ["", "", "essm"],
        "agency": ["", "", "", "essm", "havendam"],
        "action": ["", "", "signal:consult", "disclosure:prepare", "disclosure:refuse", "login:fail"],
        "outcome": ["", "", "", "ok", "refused", "error"],
        "actor": ["", "", "", "a"],
        "object": ["", "", "", "S-0003-XX"],
        "since": [None, None, start - timedelta(hours=9), start + timedelta(days=9)],
        "until": [None, None, start - timedelta(hours=3), start - timedelta(days=99)],
    }
    known = [
        ("ground", "G-1"),
        ("purpose", "P3"),
        ("category", "health"),
        ("recipient", "essm"),
        ("signal", "S-0004-XX"),
        ("subject", "S-0004-XX.0"),
        ("policy", f"{2:064x}"),
        ("ground", "G-9"),
    ]
    with program.read_sessions() as session:
        whole, found = _whole(session), 0
        for _ in range(150):
            wanted = Wanted(
                **{name: chance.choice(values) for name, values in choices.items()},
                terms=tuple(chance.sample(known, chance.choice([0, 0, 1, 1, 2, 3]))),
            )
            expected = _walked(whole, wanted)
            assert audit_trail.find_seqs(session, wanted, limit=1000) == expected, wanted
            found += bool(expected)
        assert found > 25


def test_pages_join_without_gap_or_repeat_in_both_directions(program, clock):
    _fill(program, clock, 200)
    wanted = Wanted(terms=(("purpose", "P1"),))
    with program.read_sessions() as session:
        whole = audit_trail.find_seqs(session, wanted, limit=1000)
        assert len(whole) > 20
        pages, before = [], None
        while page := audit_trail.find(session, wanted, before=before, limit=7):
            pages.append([row.seq for row in page])
            before = page[-1].seq
        assert list(itertools.chain(*pages)) == whole
        back = audit_trail.find(session, wanted, after=pages[2][0], limit=7)
        assert [row.seq for row in back] == pages[1]


@pytest.mark.parametrize(
    ("object_id", "details", "expected"),
    [
        ("S-1", {}, {("signal", "S-1")}),
        ("D-1", {"signal": "S-2"}, {("disclosure", "D-1"), ("signal", "S-2")}),
        ("", {"categories": ["a", "b", 3, ""], "count": 4}, {("category", "a"), ("category", "b")}),
        ("", {"ground": "g" * 129, "purpose": None, "asked": "essm"}, {("recipient", "essm")}),
        ("S-1", {"signal": "S-1", "signals": ["S-2"]}, {("signal", "S-1"), ("linked", "S-2")}),
    ],
)
def test_terms_of_an_entry(object_id, details, expected):
    assert terms.of(object_id, details) == expected


def test_destroyed_details_leave_the_entry_its_proof_and_the_terms_of_its_object(program, clock):
    _fill(program, clock, 40)
    with program.read_sessions() as session:
        seq = audit_trail.find_seqs(session, Wanted(action="disclosure:prepare"), limit=1)[0]
        reference = session.get_one(LogEntry, seq).object
    with transaction(program, SYSTEM) as tx:
        tx.record("retention:erase", details={"rule": "log", "count": 1})
        tx.append_now()
        by_seq = audit_trail.size(tx.session) - 1
        assert audit_trail.destroy(tx.session, [seq, seq], by_seq) == 1
        assert audit_trail.destroy(tx.session, [seq], by_seq) == 0
    with program.read_sessions() as session:
        assert session.get(LogDetail, seq) is None
        assert session.get_one(LogErased, seq).by_seq == by_seq
        left = session.execute(select(LogTerm.name, LogTerm.value).where(LogTerm.seq == seq)).all()
        assert [tuple(row) for row in left] == [("signal", reference)]
        assert parse(session.get_one(LogEntry, seq).entry).seq == seq
        assert seq in audit_trail.find_seqs(session, Wanted(terms=(("signal", reference),)), limit=1000)
