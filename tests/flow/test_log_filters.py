"""The filters of the log: any combination gives what a reader who goes through all entries by hand would keep."""

import json
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from audit.entry import parse
from audit.vocabulary import ACTIONS
from signaltable.flow import auditing
from signaltable.flow.auditing import KINDS, Filters, kind_of
from signaltable.flow.auditing import filters as finding
from signaltable.flow.coming_in import actors
from signaltable.flow.fsck import as_bytes
from signaltable.models import LogDetail, LogEntry
from signaltable.transaction import reading, transaction
from tests.conftest import Clock, open_for_test
from tests.duty_steps import referred
from tests.factories import a_signal
from tests.table_steps import asked, submitted, triage_it


@pytest.fixture(scope="module")
def told(shared_settings):
    """A log with some of everything, and all its entries with their details as anybody could read them."""
    from signaltable.domain import Channel

    clock = Clock()
    opened = open_for_test(shared_settings, clock)
    program = next(opened)

    def actor(login):
        return replace(actors.actor_of_login(program, login), channel=Channel.WEB, strength="two_factors")

    for _turn in range(2):
        made = referred(program, actor("havendam"), actor("essm"))
        foreign = submitted(program, actor("delinde"), a_signal(capacity="care-wgbo"))
        triage_it(program, actor("coordinator"), foreign)
        asked(program, actor("coordinator"), foreign, "avim", "essm")
        clock.forward(days=1)
    with reading(program) as session:
        kept = dict(session.execute(select(LogDetail.seq, LogDetail.details)).all())
        rows = [
            (row.seq, parse(as_bytes(row.entry)), json.loads(kept[row.seq]), row.recorded_at)
            for row in session.scalars(select(LogEntry).order_by(LogEntry.seq.desc()))
        ]
    yield program, rows, made.reference, foreign
    opened.close()


def _fits(filters, entry, details, at):
    """The same by hand."""
    about = {entry.object, details.get("signal"), details.get("disclosure"), *details.get("signals", ())}
    listed = {
        "agency": [entry.agency],
        "kind": [kind_of(entry.action)],
        "action": [entry.action],
        "outcome": [entry.outcome],
        "ground": [details.get("ground")],
        "purpose": [details.get("purpose")],
        "category": details.get("categories", ()),
        "receiver": [details.get("recipient"), details.get("asked")],
        "case": about,
        "subject": details.get("subject_refs", ()),
        "object": [entry.object],
        "version": [details.get("policy_digest")],
        "person": [entry.actor],
        "channel": [entry.channel],
    }
    wanted = {name: getattr(filters, name) for name in listed if getattr(filters, name)}
    in_time = (not filters.since or at >= filters.since) and (not filters.until or at < filters.until)
    return in_time and all(value in listed[name] for name, value in wanted.items())


def _choices(told):
    """Filters out of what one entry says, so that combinations often find something, and some that find nothing."""
    _program, rows, _made, _foreign = told
    made = []
    for _seq, entry, details, at in rows:
        case = next((one for one in (details.get("disclosure"), details.get("signal")) if one), "")
        made.append(
            {
                "since": at,
                "agency": entry.agency,
                "kind": kind_of(entry.action),
                "action": entry.action,
                "outcome": entry.outcome,
                "ground": details.get("ground", "X9"),
                "purpose": details.get("purpose", "P9"),
                "category": next(iter(details.get("categories", ())), "bsn"),
                "receiver": details.get("recipient", details.get("asked", "riec")),
                "case": case,
                "subject": next(iter(details.get("subject_refs", ())), ""),
                "version": details.get("policy_digest", ""),
                "person": entry.actor,
                "channel": entry.channel,
            }
        )
    return made


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_combination_finds_what_a_reader_by_hand_finds(told, data):
    program, rows, _made, _foreign = told
    one = data.draw(st.sampled_from(_choices(told)))
    names = data.draw(st.sets(st.sampled_from(sorted(one)), max_size=5))
    filters = Filters(**{name: one[name] for name in names})
    expected = [seq for seq, entry, details, at in rows if _fits(filters, entry, details, at)]
    limit = data.draw(st.integers(1, 40))
    middle = data.draw(st.sampled_from(rows))[0]
    with reading(program) as session:
        assert list(finding.find(session, filters, "", limit=limit).seqs) == expected[:limit]
        older = [seq for seq in expected if seq < middle]
        assert list(finding.find(session, filters, "", before=middle, limit=limit).seqs) == older[:limit]
        newer = [seq for seq in expected if seq > middle]
        assert list(finding.find(session, filters, "", after=middle, limit=limit).seqs) == newer[-limit:]
        assert finding.count(session, filters, "") == (len(expected), False)
        assert finding.count(session, filters, "", 3) == (min(3, len(expected)), len(expected) > 3)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_reader_with_a_scope_finds_nothing_of_others(told, data):
    program, rows, _made, _foreign = told
    one = data.draw(st.sampled_from(_choices(told)))
    names = data.draw(st.sets(st.sampled_from(sorted(one)), max_size=4))
    filters = Filters(**{name: one[name] for name in names})
    own = {seq for seq, entry, details, at in rows if entry.agency == "avim" and _fits(filters, entry, details, at)}
    with reading(program) as session:
        assert set(finding.find(session, filters, "avim", limit=40).seqs) <= own


def test_an_empty_answer_says_which_filter_to_let_go(told):
    program, _rows, made, _foreign = told
    filters = Filters(case=made, action="table:decide", agency="havendam")
    with reading(program) as session:
        loosened = finding.loosened(session, filters, "")
        by_hand, _more = finding.count(session, filters.without("action"), "")
    assert loosened == {"action": by_hand}
    assert by_hand > 0


def test_every_action_has_one_kind_and_no_kind_is_empty():
    listed = [action for kind in KINDS for action in auditing.actions_of(kind)]
    assert sorted(listed) == sorted(ACTIONS)
    starts = {name for starts in KINDS.values() for name in starts}
    assert {action.partition(":")[0] for action in ACTIONS} <= starts, "a kind for every first word"


def test_consulting_says_which_filters_and_never_their_values(told):
    program, _rows, made, _foreign = told

    auditor = actors.actor_of_login(program, "auditor")
    with transaction(program, auditor) as tx:
        auditing.entries(tx, Filters(case=made, person="x" * 32))
    with reading(program) as session:
        last = session.scalars(select(LogDetail.details).order_by(LogDetail.seq.desc()).limit(1)).one()
    assert json.loads(last)["filters"] == ["case", "person"]
    assert made.encode() not in as_bytes(last)
