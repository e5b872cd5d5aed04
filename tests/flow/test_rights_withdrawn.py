"""A right that is withdrawn while somebody is at work, and two people who must not be one (ASVS 2.3.3, 2.3.5, 8.3.2, 15.4.2).

What was begun with a right that ended is not stored, on both databases; the refusal is.
"""

import json
import threading

import pytest
from sqlalchemy import func, select

from signaltable.domain import Refused
from signaltable.flow import setup, triage
from signaltable.flow.accounts import change_account
from signaltable.models import Account, LogEntry, Signal
from signaltable.transaction import reading, transaction
from tests.table_steps import log, row, submitted


def change(program, who, **changes):
    """An administrator changes this account; everything that is not named stays."""
    with transaction(program, setup.INSTALLER) as tx:
        account = tx.session.get_one(Account, who.account_id)
        told = {"name": account.name, "roles": sorted(who.roles), "active": True} | changes
        change_account(tx, who.account_id, **told)


def refused(program, who, act, reason="right_withdrawn"):
    """The act comes to nothing, and the log tells that it was tried."""
    before = len(log(program, "access:refuse"))
    with pytest.raises(Refused) as raised:
        act()
    assert raised.value.reason == reason
    assert len(log(program, "access:refuse")) == before + 1


WITHDRAWN = {
    "a role": {"roles": ["partner-member"]},
    "every role": {"roles": ["auditor"]},
    "the account": {"active": False},
}


@pytest.mark.parametrize("what", WITHDRAWN)
def test_what_was_begun_with_a_right_that_ended_is_not_stored(program, actor, what):
    owner = actor(program, "havendam")
    change(program, owner, **WITHDRAWN[what])
    # The request came in before; its transaction begins after
    refused(program, owner, lambda: submitted(program, owner))
    with reading(program) as session:
        assert session.scalar(select(func.count()).select_from(Signal)) == 0
    assert log(program, "signal:submit") == []


def test_a_right_that_ends_between_the_gate_and_the_commit_counts_no_more(program, actor):
    """On PostgreSQL the other is done in the middle; on SQLite it waits, and comes second."""
    owner, desk = actor(program, "havendam"), actor(program, "coordinator")
    reference = submitted(program, owner)
    seen = row(program, reference)
    sqlite = program.settings.database_url.startswith("sqlite")
    taking = threading.Thread(target=lambda: change(program, desk, roles=["partner-member"]))

    def judge():
        with transaction(program, desk) as tx:
            triage.triage(tx, reference, result="watch", urgency=seen.urgency, reason="", version=seen.version)
            taking.start()
            if not sqlite:
                taking.join(180)
                assert not taking.is_alive()

    if sqlite:
        judge()
    else:
        refused(program, desk, judge)
    taking.join(180)
    # Whoever was first: no act of this person stands in the log after the right was taken
    order = [one["action"] for one in entries(program) if one["action"] in {"signal:triage", "account:change"}]
    assert order == (["signal:triage", "account:change"] if sqlite else ["account:change"])
    assert row(program, reference).state == ("watch" if sqlite else seen.state)


def entries(program):
    with reading(program) as session:
        return [json.loads(raw) for raw in session.scalars(select(LogEntry.entry).order_by(LogEntry.seq))]
