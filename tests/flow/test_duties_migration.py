"""Disclosures that were made before duties were kept get the duties that their rows tell of."""

from datetime import UTC, datetime

import pytest
from sqlalchemy import text

from signaltable.flow import duty_lists, referrals
from signaltable.flow.coming_in import actors
from signaltable.migrating import migrate
from signaltable.settings import Settings
from tests.conftest import Clock, open_for_test
from tests.duty_steps import INFORM, RECORD, owing, referred, rows_of
from tests.log_tools import go_back, owners_engine
from tests.table_steps import use


def _as_before(settings: Settings, revision: str, *statements: str) -> None:
    """The tables as an earlier version of the program left them, with all their rows."""
    go_back(settings, "0003")
    engine = owners_engine(settings)
    with engine.begin() as connection:
        for statement in (*statements, f"UPDATE alembic_version SET version_num = '{revision}'"):
            connection.execute(text(statement))
    engine.dispose()


WITHOUT_0003 = (
    "DELETE FROM duties",
    "ALTER TABLE disclosures DROP COLUMN consent_withdrawn_on",
    "ALTER TABLE duties DROP COLUMN reminded_at",
)
WITHOUT_0002 = (
    *WITHOUT_0003,
    "DROP TABLE duties",
    "DROP TABLE decisions",
    "DROP TABLE policy_versions",
    "ALTER TABLE signals DROP COLUMN found",
)


@pytest.mark.parametrize(("revision", "statements"), [("0002", WITHOUT_0003), ("0001", WITHOUT_0002)])
def test_an_upgrade_gives_earlier_disclosures_their_duties(settings, revision, statements):
    # Given a region with three disclosures, of which one was given back, as the program kept them before
    for program in open_for_test(settings, Clock()):
        region = owing(program, INFORM, RECORD)
        owner, receiver = (actors.actor_of_login(program, login) for login in ("havendam", "essm"))
        taken_up = referred(region, owner, receiver).reference
        waiting = referred(region, owner).reference
        returned = referred(region, owner).reference
        use(region, receiver, referrals.give_back, returned, cause="no_room", text="Er is nu geen plaats.")
        before = {kind: one.due_at for kind, one in rows_of(region, taken_up).items()}
    _as_before(settings, revision, *statements)
    # When the schema is brought up to date
    migrate(settings)
    # Then they are owed by the same agencies, by the same day
    for program in open_for_test(settings, Clock()):
        made = rows_of(program, taken_up)
        assert {kind: one.due_at for kind, one in made.items()} == before
        assert before["inform"] == datetime(2026, 12, 21, 22, 59, 59, tzinfo=UTC)
        assert (made["destroy"].agency_id, made["record"].result) == ("essm", "logged")
        assert set(rows_of(program, waiting)) == {"inform", "record", "destroy"}
        assert rows_of(program, returned) == {}
        owner = actors.actor_of_login(program, "havendam")
        assert {line.disclosure for line in use(program, owner, duty_lists.listing)[0]} == {taken_up, waiting}
