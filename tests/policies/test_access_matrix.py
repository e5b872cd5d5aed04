"""The tables that people wrote (docs/access.md) against the gate, cell by cell and both ways (ASVS 8.1.1, 8.1.3, 8.2.1, 8.2.2)."""

from dataclasses import replace
from itertools import product

import pytest

from signaltable import access
from signaltable.access import Allowed, Denied, Permission, may
from signaltable.domain import Channel, State
from tests.policies.access_cases import (
    AN_HOUR,
    NOW,
    PERMISSIONS,
    in_danger,
    person,
    policy,
    right_thing,
    rules_with_passkey,
    somebody,
    thing,
)
from tests.policies.access_tables import RELATIONS, ROLES, logins, rows, strong_enough, table

STATES = (*(one.value for one in State), "", "unheard-of")
# A seat is also a place at the table that had the case on an agenda.
IMPLIED = {"agenda": {"agenda", "seat"}}
STRENGTHS = ("", "none", "password", "two_factors", "provider", "passkey", "secret", "certificate", "machine", "sms")


def allowed(actor, permission, resource):
    return isinstance(may(actor, permission, resource), Allowed)


def test_every_permission_stands_on_the_page_and_nothing_else_does():
    assert set(rows()) == {one.value for one in PERMISSIONS}


def test_each_role_holds_exactly_what_the_page_says():
    """ASVS 8.2.1."""
    page = {(row.permission, role) for row in rows().values() for role in row.roles}
    program = {(one.value, role) for one in PERMISSIONS for role in ROLES.values() if allowed(person([role]), one, None)}
    assert set(ROLES.values()) == set(policy().roles)
    assert (program - page, page - program) == (set(), set())


def test_every_cell_of_roles_permissions_relations_and_states_is_as_the_page_says():
    """ASVS 8.1.1, 8.1.3, 8.2.2, 8.4.1: about 58,000 cells, and no default that happens to fit."""
    people = {(role, relation): in_danger(person([role]), relation) for role in ROLES.values() for relation in RELATIONS}
    wrong, cells, yes = [], 0, 0
    for permission, relation, state in product(PERMISSIONS, RELATIONS, STATES):
        row = rows()[permission.value]
        held = {relation, "none"} | IMPLIED.get(relation, set())
        fits = bool(held & row.relations) and (row.states is None or state in row.states)
        resource = thing(relation, state, purpose=next(iter(row.purposes), ""))
        for role in ROLES.values():
            expected = fits and role in row.roles
            cells, yes = cells + 1, yes + expected
            if allowed(people[role, relation], permission, resource) != expected:
                wrong.append((permission.value, role, relation, state, expected))
    assert wrong[:20] == []
    assert cells == len(PERMISSIONS) * len(RELATIONS) * len(STATES) * len(ROLES) > 50_000
    assert 0 < yes < cells / 4


def test_every_login_and_way_in_may_do_what_the_page_says():
    """ASVS 6.3.3, 8.2.4: with one factor nobody gets further than the own account; a region may ask a passkey."""
    wrong = []
    for permission, strength, region in product(PERMISSIONS, STRENGTHS, (False, True)):
        row = rows()[permission.value]
        rules = rules_with_passkey() if region else policy().access
        for channel in (Channel.WEB, Channel.CLI, Channel.API):
            actor = somebody(permission, strength=strength, channel=channel, rules=rules, purposes=frozenset({"P1", "own_case"}))
            expected = strong_enough(row, strength, region_asks_passkey=region and row.passkey)
            expected = expected and (row.system or channel is not Channel.API)
            resource = right_thing(permission) if row.purposes else right_thing(permission, purpose="P1")
            if allowed(actor, permission, resource) != expected:
                wrong.append((permission.value, strength, region, channel, expected))
    assert wrong == []
    assert set(logins()) == set(STRENGTHS) - {"", "sms"}


@pytest.mark.parametrize("permission", PERMISSIONS)
def test_every_forbid_is_enough_and_gives_its_reason(permission):
    """ASVS 2.3.5, 8.2.4, 8.3.2: each forbid refuses what all else allows."""
    row, actor, resource = rows()[permission.value], somebody(permission), right_thing(permission)
    assert allowed(actor, permission, resource)

    def reason(actor, **changed):
        verdict = may(actor, permission, replace(resource, **changed))
        return verdict.reason if isinstance(verdict, Denied) else ""

    assert reason(actor, kept_from=frozenset({actor.account_id})) == "conflict_of_interest"
    assert reason(actor, kept_from=frozenset({"somebody-else"})) == ""
    assert reason(replace(actor, ends={permission.value: NOW})) == "right_ended"
    assert reason(replace(actor, ends={permission.value: NOW + AN_HOUR})) == ""
    assert reason(replace(actor, ends={permission.value: NOW + AN_HOUR}, now=None)) == "right_ended"
    assert reason(replace(actor, strength="none")) == "second_factor_first"
    assert reason(actor, requester=actor.account_id) == ("own_request" if row.two else "")
    assert reason(actor, purpose="P9") == ("other_purpose" if row.purposes else "")
    assert reason(actor, purpose="") == ("other_purpose" if row.purposes else "")
    if not row.everybody:
        assert reason(replace(actor, permissions=frozenset())) == "no_permission"
    assert reason(replace(actor, rules={})) == "no_permission"


def test_the_reason_says_which_relation_is_missing():
    reasons = {
        Permission.SIGNAL_CONSULT_OWN: ("own", "other_agency"),
        Permission.REFERRAL_RECEIVE_OWN: ("got", "not_receiver"),
        Permission.ENRICH_ANSWER_ASKED: ("asked", "not_asked"),
        Permission.TABLE_DECIDE_OWN_TABLE: ("seat", "other_table"),
        Permission.DISCLOSURE_APPROVE_OTHER: ("seat", "other_table"),
        Permission.DOSSIER_CONSULT_TABLED: ("agenda", "other_table"),
    }
    for permission, (relation, reason) in reasons.items():
        assert may(somebody(permission), permission, thing("none")) == Denied(permission, reason)
        assert may(somebody(permission), permission, thing(relation)) == Allowed(permission)
    tabled = Permission.DOSSIER_CONSULT_TABLED
    assert may(somebody(tabled), tabled, thing("seat")) == Denied(tabled, "not_on_an_agenda")


def test_a_case_that_ended_is_told_apart_from_one_that_is_not_there_yet():
    ask = Permission.IDENTITY_REQUEST_TABLED
    assert may(somebody(ask), ask, thing("agenda", "closed")) == Denied(ask, "signal_ended")
    assert may(somebody(ask), ask, thing("agenda", "draft")) == Denied(ask, "wrong_state")
    # A signal of which nobody said the state is no signal in a state that is right.
    assert may(somebody(ask), ask, thing("agenda", "")) == Denied(ask, "wrong_state")


def test_every_reason_stands_on_the_page_and_has_words():
    page = {reason.strip().strip("`") for one in table("Reason") for reason in one["Reason"].split(",")}
    assert page == set(access.REASONS)


def test_the_program_itself_may_what_is_said_where_it_is_made():
    for channel in (Channel.JOB, Channel.SYSTEM):
        for permission in PERMISSIONS:
            program = replace(person([]), channel=channel, strength="none", permissions=frozenset({permission.value}))
            assert allowed(program, permission, thing("none", "expired"))
            others = replace(program, permissions=frozenset({"nothing:at:all"}))
            assert allowed(others, permission, None) == rows()[permission.value].everybody
