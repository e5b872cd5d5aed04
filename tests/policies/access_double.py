"""How the gate differs from docs/access.md: every cell of the tables, every forbid, every reason. Used by tests and by mutation."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import product
from typing import Any

from signaltable.access import Permission
from signaltable.domain import AccessRule, Actor, Channel, Resource, State
from tests.policies.access_cases import AN_HOUR, ELSEWHERE, HERE, NOW, in_danger, right_thing, somebody, thing
from tests.policies.access_tables import RELATIONS, ROLES, Row, rows, strong_enough

May = Callable[[Actor, Permission, Resource | None], Any]
Rules = Mapping[str, AccessRule]
Gives = Mapping[str, frozenset[str]]

STATES = (*(one.value for one in State), "", "unheard-of")
STRENGTHS = ("", "none", "password", "two_factors", "provider", "passkey", "secret", "certificate", "machine", "sms")
# A place at a table that had the case on an agenda is a seat as well.
IMPLIED = {"agenda": {"agenda", "seat"}}
CELLS_PER_PERMISSION = len(RELATIONS) * len(STATES) * len(ROLES)
# Per relation that is missing: the reason, and another relation that makes it so.
MISSING = (
    ("signal:consult:own-agency", "none", "other_agency"),
    ("link:decide:own-agency", "asked", "other_agency"),
    ("referral:receive:own-agency", "own", "not_receiver"),
    ("enrich:answer:asked", "seat", "not_asked"),
    ("table:decide:own-table", "own", "other_table"),
    ("disclosure:approve:other-person", "own", "other_table"),
    ("dossier:consult:tabled", "none", "other_table"),
    ("dossier:consult:tabled", "seat", "not_on_an_agenda"),
    ("identity:request:tabled", "seat", "not_on_an_agenda"),
)


def reason(verdict: Any) -> str:
    """Why it was refused; nothing when it was not."""
    return getattr(verdict, "reason", "")


def differences(may: May, rules: Rules, gives: Gives, only: Iterable[Permission] = ()) -> Iterator[str]:
    """Every difference; with `only`, about these permissions. `gives` is what each role gives."""
    asked = tuple(only) or tuple(Permission)
    for permission in asked:
        row = rows()[permission.value]
        yield from _cells(may, permission, row, rules, gives)
        yield from _logins(may, permission, row, rules)
        yield from _forbids(may, permission, row, rules)
    yield from _missing(may, rules, asked)


def _with(actor: Actor, rules: Rules) -> Actor:
    return replace(actor, rules=rules)


def _cells(may: May, permission: Permission, row: Row, rules: Rules, gives: Gives) -> Iterator[str]:
    for role, relation in product(ROLES.values(), RELATIONS):
        held = replace(somebody(permission), roles=frozenset({role}), permissions=gives[role], rules=rules)
        actor = in_danger(held, relation)
        related = bool(({relation, "none"} | IMPLIED.get(relation, set())) & row.relations)
        for state in STATES:
            resource = thing(relation, state, purpose=next(iter(row.purposes), ""))
            expected = related and (row.states is None or state in row.states) and role in row.roles
            if (reason(may(actor, permission, resource)) == "") != expected:
                yield f"{permission.value}: {role}, {relation}, {state or 'no state'}: expected {expected}"


def _logins(may: May, permission: Permission, row: Row, rules: Rules) -> Iterator[str]:
    for strength, channel in product(STRENGTHS, (Channel.WEB, Channel.CLI, Channel.API)):
        for purposes in (frozenset({"P1", *row.purposes}), frozenset()):
            actor = somebody(permission, strength=strength, channel=channel, rules=rules, purposes=purposes)
            expected = strong_enough(row, strength)
            if channel is Channel.API:
                expected = expected and row.system and bool(purposes)
            resource = right_thing(permission, purpose=next(iter(row.purposes), "P1"))
            if (reason(may(actor, permission, resource)) == "") != expected:
                yield f"{permission.value}: {strength or 'no login'}, {channel.value}, {sorted(purposes)}: expected {expected}"
    if row.system:
        system = somebody(permission, strength="secret", channel=Channel.API, rules=rules, purposes=frozenset({"P2"}))
        for_p2 = right_thing(permission, purpose="P2")
        for what, actor, resource, expected in (
            ("for P1", system, replace(for_p2, purpose="P1"), "other_purpose"),
            ("for nothing", system, replace(for_p2, purpose=""), "other_purpose"),
            ("for P2", system, for_p2, ""),
            ("a list", system, replace(for_p2, purpose="", object_id=""), ""),
            ("without purposes", replace(system, purposes=frozenset()), for_p2, "other_purpose"),
            ("without purposes, a menu", replace(system, purposes=frozenset()), None, "other_purpose"),
        ):
            if reason(may(actor, permission, resource)) != expected:
                yield f"{permission.value}: a system {what}: expected {expected or 'allowed'}"


def _forbids(may: May, permission: Permission, row: Row, rules: Rules) -> Iterator[str]:
    actor, resource = _with(somebody(permission), rules), right_thing(permission)
    me, name = actor.account_id, permission.value
    two, bound = ("own_request" if row.two else ""), ("other_purpose" if row.purposes else "")
    kept, wrong_state = frozenset({me}), ("signal_ended" if row.states else "")
    tries: tuple[tuple[str, Actor, Resource, str], ...] = (
        ("as it is", actor, resource, ""),
        ("kept from it", actor, replace(resource, kept_from=kept), "conflict_of_interest"),
        ("somebody else kept", actor, replace(resource, kept_from=frozenset({"another"})), ""),
        ("kept, without the role", replace(actor, permissions=frozenset()), replace(resource, kept_from=kept), "conflict_of_interest"),
        ("ended", replace(actor, ends={name: NOW}), resource, "right_ended"),
        ("not ended", replace(actor, ends={name: NOW + AN_HOUR}), resource, ""),
        ("no moment", replace(actor, ends={name: NOW + AN_HOUR}, now=None), resource, "right_ended"),
        ("another right ended", replace(actor, ends={"a:b:c": NOW}), resource, ""),
        ("no login", replace(actor, strength="none"), resource, "second_factor_first"),
        ("unheard-of login", replace(actor, strength="sms"), resource, "passkey_first"),
        ("own request", actor, replace(resource, requester=me), two),
        ("other's request", actor, replace(resource, requester="another"), ""),
        ("another purpose", actor, replace(resource, purpose="P9"), bound),
        ("no purpose", actor, replace(resource, purpose=""), bound),
        ("a list", actor, replace(resource, object_id="", purpose="", state=""), ""),
        ("expired", actor, replace(resource, state="expired"), wrong_state),
        ("about an expired case", actor, replace(resource, object_type="thing", state="expired"), wrong_state),
        ("not a case", actor, replace(resource, object_type="thing", state=""), ""),
        ("no rules", replace(actor, rules={}), resource, "no_permission"),
        ("no role", replace(actor, permissions=frozenset()), resource, "" if row.everybody else "no_permission"),
        ("a system", replace(actor, channel=Channel.API, purposes=frozenset({"P1"})), resource, None if row.system else "no_machine"),
        ("the program", replace(actor, channel=Channel.JOB, strength="none", rules={}), replace(resource, kept_from=kept, owner_agency=ELSEWHERE), ""),
        ("the program without", replace(actor, channel=Channel.SYSTEM, permissions=frozenset()), resource, "" if row.everybody else "no_permission"),
    )  # fmt: skip
    for what, who, it, expected in tries:
        found = reason(may(who, permission, it))
        if expected is not None and found != expected:
            yield f"{name}: {what}: expected {expected or 'allowed'}, found {found or 'allowed'}"
    menu = reason(may(actor, permission, None))
    if menu:
        yield f"{name}: without a thing: expected allowed, found {menu}"
    yield from _proofs(may, permission, actor, resource)


def _proofs(may: May, permission: Permission, actor: Actor, resource: Resource) -> Iterator[str]:
    """The same rule with a proof asked of half an hour at most, which no rule asks by itself."""
    rule = actor.rules.get(permission.value)
    if rule is None:
        return
    asks = replace(actor, rules={**actor.rules, permission.value: replace(rule, proof_minutes=30)})
    for what, who, expected in (
        ("never proved", asks, "not_proved"),
        ("proved now", replace(asks, proved_at=NOW), ""),
        ("proved long ago", replace(asks, proved_at=NOW - AN_HOUR / 2), "not_proved"),
        ("proved, no moment", replace(asks, proved_at=NOW, now=None), "not_proved"),
        ("at a terminal", replace(asks, channel=Channel.CLI), ""),
    ):
        found = reason(may(who, permission, resource))
        if found != expected:
            yield f"{permission.value}: {what}: expected {expected or 'allowed'}, found {found or 'allowed'}"


def _missing(may: May, rules: Rules, asked: Iterable[Permission]) -> Iterator[str]:
    names = {one.value for one in asked}
    for name, relation, expected in MISSING:
        if name in names:
            permission = Permission(name)
            found = reason(may(_with(somebody(permission), rules), permission, thing(relation)))
            if found != expected:
                yield f"{name}: {relation}: expected {expected}, found {found or 'allowed'}"
    if "identity:request:tabled" in names:
        ask = Permission.IDENTITY_REQUEST_TABLED
        for state, expected in (("closed", "signal_ended"), ("draft", "wrong_state"), ("", "wrong_state")):
            if reason(may(_with(somebody(ask), rules), ask, thing("agenda", state))) != expected:
                yield f"{ask.value}: {state or 'no state'}: expected {expected}"
    if "dossier:consult:tabled" in names:
        yield from _danger(may, rules)
        read = _with(somebody(Permission.DOSSIER_CONSULT_TABLED), rules)
        if reason(may(read, Permission.DOSSIER_CONSULT_TABLED, thing("none", on_agenda=True))) != "other_table":
            yield "dossier:consult:tabled: on the agenda of another table: expected other_table"
    if "reflection:record:own-agency" in names:
        note = Permission.REFLECTION_RECORD_OWN
        if reason(may(_with(somebody(note), rules), note, thing("none", receiving_agency=""))) != "other_agency":
            yield "reflection:record:own-agency: a signal of another organisation: expected other_agency"
    nobodys = Resource("signal", "S-1", owner_agency="", state="triaged")
    nowhere = replace(_with(somebody(Permission.SIGNAL_CONSULT_OWN), rules), agency_id="")
    if "signal:consult:own-agency" in names and not reason(may(nowhere, Permission.SIGNAL_CONSULT_OWN, nobodys)):
        yield f"signal:consult:own-agency: nobody's, by somebody of no organisation, not of {HERE}: expected refused"


def _danger(may: May, rules: Rules) -> Iterator[str]:
    """Acute danger opens one case, until its time is over."""
    read = Permission.DOSSIER_CONSULT_TABLED
    opened = in_danger(_with(somebody(read), rules), "danger")
    case = thing("none")
    for what, actor, resource, expected in (
        ("opened", opened, case, ""),
        ("another case", opened, replace(case, case_id="case-2"), "other_table"),
        ("no case", opened, replace(case, case_id=""), "other_table"),
        ("over", replace(opened, emergencies={case.case_id: NOW}), case, "other_table"),
        ("no moment", replace(opened, now=None), case, "other_table"),
        ("no case, opened for none", replace(opened, emergencies={"": NOW + AN_HOUR}), replace(case, case_id=""), "other_table"),
    ):  # fmt: skip
        if reason(may(actor, read, resource)) != expected:
            yield f"{read.value}: danger, {what}: expected {expected or 'allowed'}"
