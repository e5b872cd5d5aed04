"""The tables that people wrote (docs/access.md) against the gate, cell by cell and both ways (ASVS 8.1.1, 8.1.3, 8.2.1, 8.2.2)."""

from signaltable import access
from signaltable.access import Allowed, Permission, may
from tests.policies.access_cases import person, policy, right_thing, rules_with_passkey, somebody
from tests.policies.access_double import CELLS_PER_PERMISSION, STRENGTHS, differences
from tests.policies.access_tables import ROLES, logins, rows, strong_enough, table

GIVES = {role.id: frozenset(role.permissions) for role in policy().roles.values()}


def test_every_permission_stands_on_the_page_and_nothing_else_does():
    assert set(rows()) == {one.value for one in Permission}


def test_each_role_holds_exactly_what_the_page_says():
    """ASVS 8.2.1."""
    page = {(row.permission, role) for row in rows().values() for role in row.roles}
    program = {
        (one.value, role)
        for one in Permission
        for role in ROLES.values()
        if isinstance(may(person([role]), one, None), Allowed)
    }
    assert set(ROLES.values()) == set(GIVES)
    assert (program - page, page - program) == (set(), set())


def test_every_cell_of_roles_permissions_relations_and_states_is_as_the_page_says():
    """ASVS 2.3.5, 6.3.3, 8.1.1, 8.1.3, 8.2.2, 8.2.4, 8.3.2, 8.4.1: and every login, forbid and reason."""
    assert list(differences(may, policy().access, GIVES)) == []
    assert CELLS_PER_PERMISSION * len(Permission) > 50_000


def test_a_region_can_ask_a_passkey_where_the_page_says_so_and_nowhere_else():
    for permission in Permission:
        row = rows()[permission.value]
        for strength in STRENGTHS:
            actor = somebody(permission, strength=strength, rules=rules_with_passkey())
            expected = strong_enough(row, strength, region_asks_passkey=row.passkey)
            allowed = isinstance(may(actor, permission, right_thing(permission)), Allowed)
            assert allowed == expected, (permission, strength)
    assert set(logins()) == set(STRENGTHS) - {"", "sms"}


def test_every_reason_stands_on_the_page():
    page = [reason.strip().strip("`") for one in table("Reason") for reason in one["Reason"].split(",")]
    assert sorted(page) == sorted(access.REASONS)
