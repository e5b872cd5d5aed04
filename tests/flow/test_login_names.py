"""No two login names are read as one."""

import pytest

from signaltable.domain import UnusableInput
from signaltable.flow.accounts import record_account
from signaltable.flow.setup import INSTALLER
from signaltable.models import Agency
from signaltable.transaction import transaction


def recorded(program, login):
    with transaction(program, INSTALLER) as tx:
        agency = tx.session.query(Agency).first().id
        return record_account(tx, login=login, name="Iemand", agency_id=agency, roles=["focal-officer"])


@pytest.mark.parametrize(
    "login",
    [
        # Cyrillic, full width, a numeral, without a dot; unseen, turned round, another way to write it.
        *("h\u0430vendam", "h\uff41vendam", "\u217cotte", "d\u0131nges"),
        *("havendam\u200b", "haven\u00addam", "\u202eavim", "jose\u0301"),
        *("haven dam", "haven\u00a0dam", "a\nb", "a\tb", "x@y.example\r\nBcc: z@y.example", " "),
    ],
)
def test_a_name_that_reads_as_another_is_refused(sqlite_program, login):
    """ASVS 1.2.1, UTS 39: nobody gets an account that the log and an administrator take for that of somebody else."""
    with pytest.raises(UnusableInput) as unusable:
        recorded(sqlite_program, login)
    assert set(unusable.value.problems) == {"login"}


@pytest.mark.parametrize("login", ["j.de-vries_2", "jos\u00e9", "zo\u00eb@gemeente.example", "O'Neill+tafel"])
def test_the_names_of_people_are_taken(sqlite_program, login):
    assert recorded(sqlite_program, login)
