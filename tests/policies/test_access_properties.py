"""What holds of the gate whatever the actor and the thing: searched for exceptions with Hypothesis."""

from dataclasses import replace
from datetime import timedelta

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from signaltable.access import FOR_EVERYBODY, Allowed, Denied, Permission, may
from signaltable.domain import Actor, Channel, Resource, State
from tests.policies.access_cases import AN_HOUR, CASE, ELSEWHERE, HERE, NOW, policy
from tests.thorough import many

AGENCIES = (HERE, ELSEWHERE, "avim", "")
PEOPLE = ("person", "another", "")
PURPOSES = ("", "own_case", "P1", "P9")
STRENGTHS = ("", "none", "password", "two_factors", "provider", "passkey", "secret", "certificate", "machine")
PEOPLES_WAYS = (Channel.WEB, Channel.CLI, Channel.API)
ROLES = tuple(policy().roles)
WITHOUT_RELATION = {name for name, rule in policy().access.items() if "anyone" in rule.relations}

moments = st.sampled_from((NOW - AN_HOUR, NOW, NOW + AN_HOUR))
agencies, people = st.sampled_from(AGENCIES), st.sampled_from(PEOPLE)
some_agencies = st.frozensets(agencies, max_size=3)


@st.composite
def actors(draw):
    roles = draw(st.frozensets(st.sampled_from(ROLES), max_size=4))
    held = policy().permissions_of(roles)
    return Actor(
        draw(people),
        draw(agencies),
        "municipality",
        roles,
        held,
        draw(st.sampled_from(PEOPLES_WAYS)),
        draw(st.sampled_from(STRENGTHS)),
        purposes=draw(st.frozensets(st.sampled_from(PURPOSES))),
        ends=draw(st.dictionaries(st.sampled_from(sorted(held) or ["a:b:c"]), moments, max_size=2)),
        emergencies=draw(st.dictionaries(st.sampled_from((CASE, "case-2", "")), moments, max_size=2)),
        proved_at=draw(st.none() | moments),
        now=draw(st.sampled_from((NOW, NOW, None))),
        rules=policy().access,
    )


things = st.builds(
    Resource,
    st.sampled_from(("signal", "disclosure", "table")),
    st.sampled_from(("S-1", "")),
    owner_agency=agencies,
    asked_agencies=some_agencies,
    providing_agency=agencies,
    receiving_agency=agencies,
    table_agencies=some_agencies,
    on_agenda=st.booleans(),
    case_id=st.sampled_from((CASE, "case-2", "")),
    state=st.sampled_from([*(one.value for one in State), ""]),
    purpose=st.sampled_from(PURPOSES),
    requester=people,
    kept_from=st.frozensets(people, max_size=1),
)


@st.composite
def allowed(draw):
    """Something that the gate allows, whatever it is: made to fit, for chance alone rarely finds any."""
    role = draw(st.sampled_from(ROLES))
    name = draw(st.sampled_from(sorted(policy().permissions_of([role]))))
    rule = policy().access[name]
    actor, thing = draw(actors()), draw(things)
    mine = actor.agency_id or HERE
    actor = replace(
        actor,
        account_id="person",
        agency_id=mine,
        permissions=actor.permissions | {name},
        roles=actor.roles | {role},
        strength=draw(st.sampled_from(sorted(rule.strengths))),
        channel=draw(st.sampled_from((Channel.WEB, Channel.CLI, *([Channel.API] if rule.machines else [])))),
        purposes=actor.purposes | {"P1", *rule.purposes},
        ends={},
        now=NOW,
    )
    at = {
        "anyone": {},
        "owner": {"owner_agency": mine},
        "provider": {"providing_agency": mine},
        "receiver": {"receiving_agency": mine},
        "asked": {"asked_agencies": thing.asked_agencies | {mine}},
        "seated": {"table_agencies": thing.table_agencies | {mine}},
        "tabled": {"table_agencies": thing.table_agencies | {mine}, "on_agenda": True},
        "emergency": {"case_id": CASE},
    }
    relation = draw(st.sampled_from(sorted(rule.relations)))
    if relation == "emergency":
        actor = replace(actor, emergencies={CASE: NOW + AN_HOUR})
    thing = replace(
        thing,
        **at[relation],
        state=draw(st.sampled_from(sorted(rule.states or {"triaged"}))),
        purpose=draw(st.sampled_from(sorted(rule.purposes or actor.purposes))),
        requester="another",
        kept_from=thing.kept_from - {"person"},
    )
    assert isinstance(may(actor, Permission(name), thing), Allowed)
    return actor, Permission(name), thing


permissions = st.sampled_from(tuple(Permission))
FEW = settings(max_examples=many(60, 3000))


def is_allowed(actor, permission, thing):
    return isinstance(may(actor, permission, thing), Allowed)


def less(draw, actor, thing, permission):
    """The same with one thing taken away: a role, a permission, a login, a relation, a purpose, a moment, or the rules."""
    rule = actor.rules[permission.value]

    def one_of(words):
        return draw(st.sampled_from(sorted(words) or [""]))

    gone_role = draw(st.sampled_from(sorted(actor.roles) or [""]))
    left = actor.roles - {gone_role}
    weaker = {"passkey": "two_factors", "two_factors": "password", "provider": "password", "certificate": "secret"}
    smaller = replace(
        rule,
        relations=rule.relations - {one_of(rule.relations)},
        # A rule without states asks none: the last one is never taken away (access_rules.py).
        states=rule.states - {one_of(rule.states)} or rule.states,
        strengths=rule.strengths - {one_of(rule.strengths)},
    )
    return draw(
        st.sampled_from(
            (
                (replace(actor, roles=left, permissions=actor.permissions & policy().permissions_of(left)), thing),
                (replace(actor, permissions=actor.permissions - {permission.value}), thing),
                (replace(actor, permissions=frozenset(), roles=frozenset()), thing),
                (replace(actor, strength=weaker.get(actor.strength, "none")), thing),
                (replace(actor, purposes=frozenset()), thing),
                (replace(actor, emergencies={}), thing),
                (replace(actor, proved_at=None), thing),
                (replace(actor, now=None), thing),
                (replace(actor, agency_id=""), thing),
                (replace(actor, rules={}), thing),
                (replace(actor, rules={**actor.rules, permission.value: smaller}), thing),
                (replace(actor, rules={**actor.rules, permission.value: replace(rule, proof_minutes=5)}), thing),
                (actor, replace(thing, owner_agency="")),
                (actor, replace(thing, providing_agency="")),
                (actor, replace(thing, receiving_agency="")),
                (actor, replace(thing, asked_agencies=frozenset())),
                (actor, replace(thing, table_agencies=frozenset())),
                (actor, replace(thing, on_agenda=False)),
                (actor, replace(thing, case_id="")),
            )
        )
    )


@FEW
@given(actors(), permissions, things)
def test_nothing_is_allowed_that_no_role_gives(actor, permission, thing):
    """ASVS 8.2.1: default deny."""
    verdict = may(replace(actor, permissions=frozenset(), roles=frozenset()), permission, thing)
    assert isinstance(verdict, Denied) or permission in FOR_EVERYBODY
    assert isinstance(may(replace(actor, rules={}), permission, thing), Denied)


@FEW
@given(allowed(), st.data())
def test_taking_something_away_never_opens_a_door(found, data):
    """ASVS 8.2.1: monotone removal. What was allowed loses one thing after another, and once closed stays closed."""
    actor, permission, thing = found
    closed = False
    for _ in range(4):
        if permission.value in actor.rules:
            actor, thing = less(data.draw, actor, thing, permission)
        opened = is_allowed(actor, permission, thing)
        assert not (closed and opened)
        closed = not opened


@FEW
@given(actors(), permissions, things)
def test_an_organisation_without_any_relation_gets_nothing(actor, permission, thing):
    """ASVS 8.4.1: tenant isolation."""
    assume(permission.value not in WITHOUT_RELATION)
    stranger = replace(actor, agency_id="stranger", emergencies={})
    assert not is_allowed(stranger, permission, thing)


@FEW
@given(allowed())
def test_nobody_agrees_with_the_own_request(found):
    """ASVS 2.3.5."""
    actor, permission, thing = found
    verdict = may(actor, permission, replace(thing, requester=actor.account_id))
    assert isinstance(verdict, Denied) == actor.rules[permission.value].two_people


@FEW
@given(allowed(), st.sampled_from(("", "P9", "no-such")))
def test_nothing_is_done_for_another_purpose_or_for_none_where_one_is_asked(found, purpose):
    actor, permission, thing = found
    bound = bool(actor.rules[permission.value].purposes) or actor.channel is Channel.API
    actor = replace(actor, purposes=actor.purposes - {purpose})
    verdict = may(actor, permission, replace(thing, object_id="S-1", purpose=purpose))
    assert isinstance(verdict, Denied) == bound


@FEW
@given(allowed())
def test_whoever_is_kept_from_a_case_gets_nothing_of_it(found):
    actor, permission, thing = found
    kept = replace(thing, kept_from=thing.kept_from | {actor.account_id})
    assert may(actor, permission, kept) == Denied(permission, "conflict_of_interest")


@FEW
@given(allowed(), st.timedeltas(timedelta(days=-2), timedelta(days=2)))
def test_a_right_counts_until_its_moment_and_not_at_it(found, left):
    """ASVS 8.3.2."""
    actor, permission, thing = found
    ending = replace(actor, ends={permission.value: NOW + left})
    assert is_allowed(ending, permission, thing) == (left > timedelta(0))


@FEW
@given(actors(), permissions, things)
def test_acute_danger_opens_one_case_to_read_and_nothing_else(actor, permission, thing):
    plain = replace(actor, emergencies={}, now=NOW)
    opened = replace(plain, emergencies={CASE: NOW + AN_HOUR})
    if is_allowed(opened, permission, thing) and not is_allowed(plain, permission, thing):
        assert thing.case_id == CASE
        assert permission in {Permission.DOSSIER_CONSULT_TABLED, Permission.DOSSIER_CONSULT_OWN_TABLE}
    over = replace(plain, emergencies={CASE: NOW})
    assert is_allowed(over, permission, thing) == is_allowed(plain, permission, thing)


@FEW
@given(actors(), permissions, things)
def test_one_question_has_one_answer(actor, permission, thing):
    assert may(actor, permission, thing) == may(actor, permission, thing)
    assert isinstance(may(actor, permission, None), Allowed) or not is_allowed(actor, permission, thing)
