"""The one gate: may this actor do this to that thing? Deny by default, with a reason that page, log and test share.

Pure: the actor brings the rules (policies/access.toml) and the moment, the thing its relations. First come the forbids, of
which each one is enough; then the actor needs one relation that the rule names. docs/access.md says the same in a table
that people wrote, and tests compare the two cell by cell.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Final

from signaltable.domain import ENDED, AccessRule, Actor, Channel, Refused, Resource


class Permission(StrEnum):
    """`subject:action:scope`; roles.toml gives them to roles, the scope says which relation is asked for."""

    ACCOUNT_CHANGE_ALL = "account:change:all"
    ACCOUNT_CONSULT_SELF = "account:consult:self"
    AGENCY_CHANGE_ALL = "agency:change:all"
    CHECKPOINT_KEEP_OWN = "checkpoint:keep:own-agency"
    DISCLOSURE_APPROVE_OTHER = "disclosure:approve:other-person"
    DISCLOSURE_AUDIT_ALL = "disclosure:audit:all"
    DOSSIER_CONSULT_OWN_TABLE = "dossier:consult:own-table"
    DOSSIER_CONSULT_TABLED = "dossier:consult:tabled"
    DUTY_FULFIL_OWN = "duty:fulfil:own-agency"
    EMERGENCY_CONSULT_ALL = "emergency:consult:all"
    EMERGENCY_OPEN_ALL = "emergency:open:all"
    EMERGENCY_REVIEW_ALL = "emergency:review:all"
    ENRICH_ANSWER_ASKED = "enrich:answer:asked"
    ENRICH_ASK_OWN_TABLE = "enrich:ask:own-table"
    ERASURE_DECIDE_OWN = "erasure:decide:own-agency"
    ERASURE_REQUEST_OWN = "erasure:request:own-agency"
    ESCALATION_SETTLE_OWN_TABLE = "escalation:settle:own-table"
    EXCLUSION_CHANGE_OWN = "exclusion:change:own-agency"
    FIGURES_CONSULT_ALL = "figures:consult:all"
    GRANT_CHANGE_ALL = "grant:change:all"
    IDENTITY_CONSULT_OWN = "identity:consult:own-agency"
    IDENTITY_DECIDE_OWN = "identity:decide:own-agency"
    IDENTITY_REQUEST_TABLED = "identity:request:tabled"
    INCIDENT_CONSULT_ALL = "incident:consult:all"
    INCIDENT_SETTLE_ALL = "incident:settle:all"
    JOB_CONSULT_ALL = "job:consult:all"
    KEY_CONSULT_ALL = "key:consult:all"
    LINK_CONSULT_OWN_TABLE = "link:consult:own-table"
    LINK_DECIDE_OWN = "link:decide:own-agency"
    LOG_CONSULT_ALL = "log:consult:all"
    LOG_CONSULT_OWN = "log:consult:own-agency"
    LOG_EXPORT_ALL = "log:export:all"
    LOG_EXPORT_OWN = "log:export:own-agency"
    MACHINE_CHANGE_ALL = "machine:change:all"
    POLICY_CONSULT_ALL = "policy:consult:all"
    REFERRAL_RECEIVE_OWN = "referral:receive:own-agency"
    REFERRAL_TRANSFER_OWN = "referral:transfer:own-agency"
    REFLECTION_RECORD_OWN = "reflection:record:own-agency"
    REPORT_DECIDE_OWN = "report:decide:own-agency"
    REPORT_REQUEST_OWN = "report:request:own-agency"
    RETENTION_POSTPONE_OWN = "retention:postpone:own-agency"
    RIGHTS_CONSULT_ALL = "rights:consult:all"
    RIGHTS_SIGN_OWN = "rights:sign:own-agency"
    SAMPLE_DRAW_ALL = "sample:draw:all"
    SIGNAL_CLOSE_OWN = "signal:close:own-agency"
    SIGNAL_CONSULT_OWN = "signal:consult:own-agency"
    SIGNAL_DISCLOSE_OWN = "signal:disclose:own-agency"
    SIGNAL_LIST_OWN = "signal:list:own-agency"
    SIGNAL_MOVE_OWN_TABLE = "signal:move:own-table"
    SIGNAL_SUBMIT_OWN = "signal:submit:own-agency"
    SIGNAL_TRIAGE_OWN_TABLE = "signal:triage:own-table"
    SIGNAL_WITHDRAW_OWN = "signal:withdraw:own-agency"
    TABLE_CONSULT_OWN_TABLE = "table:consult:own-table"
    TABLE_DECIDE_OWN_TABLE = "table:decide:own-table"
    TABLE_MINUTE_OWN_TABLE = "table:minute:own-table"
    TABLE_NOTE_OWN_TABLE = "table:note:own-table"
    TABLE_RECUSE_OWN_TABLE = "table:recuse:own-table"
    TABLE_SCHEDULE_OWN_TABLE = "table:schedule:own-table"
    TASK_SETTLE_OWN = "task:settle:own-agency"

    @property
    def scope(self) -> str:
        """The relation that the permission asks for."""
        return self.value.rsplit(":", 1)[1]


# Everybody who is logged in may see and end the own session, and read the rules by which the program decides.
FOR_EVERYBODY = frozenset({Permission.ACCOUNT_CONSULT_SELF, Permission.POLICY_CONSULT_ALL})


@dataclass(frozen=True, slots=True)
class Allowed:
    permission: Permission


@dataclass(frozen=True, slots=True)
class Denied:
    """`reason` is one of REASONS."""

    permission: Permission
    reason: str


# Why the gate refuses, as codes: web/errors.reason_text has the words, the log keeps the code.
REASONS: Final = (
    "conflict_of_interest",
    "no_permission",
    "right_ended",
    "second_factor_first",
    "passkey_first",
    "no_machine",
    "other_purpose",
    "own_request",
    "not_proved",
    "signal_ended",
    "wrong_state",
    "other_agency",
    "not_receiver",
    "not_asked",
    "other_table",
    "not_on_an_agenda",
)
# For what an agency opens the names in its own signal; the purposes of a disclosure are those of purposes.toml.
OWN_CASE: Final = "own_case"
# Who came in with one factor only, or with none.
ONE_FACTOR: Final = frozenset({"", "none", "password"})
# The program itself; what it may do is said where it is made.
PROGRAM: Final = frozenset({Channel.JOB, Channel.SYSTEM})


def may(actor: Actor, permission: Permission, resource: Resource | None = None) -> Allowed | Denied:
    """Decide. Without a resource only the actor counts: use that to show a menu, never to open a record."""
    if actor.channel in PROGRAM:
        return Allowed(permission) if _has(actor, permission) else Denied(permission, "no_permission")
    # Before the role: which role would see something says that there is something.
    if resource is not None and actor.account_id in resource.kept_from:
        return Denied(permission, "conflict_of_interest")
    rule = actor.rules.get(permission.value)
    if rule is None or not _has(actor, permission):
        return Denied(permission, "no_permission")
    reason = _about_the_actor(actor, permission, rule) or (_about_the_thing(actor, rule, resource) if resource else "")
    return Denied(permission, reason) if reason else Allowed(permission)


def _has(actor: Actor, permission: Permission) -> bool:
    return permission in FOR_EVERYBODY or permission.value in actor.permissions


# -- the forbids: each answers with a reason to refuse, or with nothing ------------------------------------------------


def _about_the_actor(actor: Actor, permission: Permission, rule: AccessRule) -> str:
    return _ended(actor, permission) or _too_weak(actor, rule) or _no_machine(actor, rule)


def _about_the_thing(actor: Actor, rule: AccessRule, resource: Resource) -> str:
    return (
        ("own_request" if rule.two_people and resource.requester == actor.account_id else "")
        or _unrelated(actor, rule, resource)
        or _other_purpose(actor, rule, resource)
        or _wrong_state(rule, resource)
        or _not_proved(actor, rule)
    )


def _ended(actor: Actor, permission: Permission) -> str:
    """A right for some time counts until its moment; an actor without a moment of its own has none that ends."""
    until = actor.ends.get(permission.value)
    return "right_ended" if until is not None and (actor.now is None or actor.now >= until) else ""


def _too_weak(actor: Actor, rule: AccessRule) -> str:
    if actor.strength in rule.strengths:
        return ""
    return "second_factor_first" if actor.strength in ONE_FACTOR else "passkey_first"


def _no_machine(actor: Actor, rule: AccessRule) -> str:
    """A system of a partner may do what the rule leaves to machines, for purposes of its own and never without any."""
    if actor.channel is not Channel.API:
        return ""
    return "no_machine" if not rule.machines else "" if actor.purposes else "other_purpose"


def _other_purpose(actor: Actor, rule: AccessRule, resource: Resource) -> str:
    """A permission that is bound to purposes is used for one of them; a system of a partner acts for its own ones only."""
    if rule.purposes and resource.object_id and resource.purpose not in rule.purposes:
        return "other_purpose"
    machine = actor.channel is Channel.API
    return "other_purpose" if machine and resource.object_id and resource.purpose not in actor.purposes else ""


def _wrong_state(rule: AccessRule, resource: Resource) -> str:
    """About a case the rule can ask a state. Of a signal it has to be known: an unknown one is a wrong one."""
    about_one = bool(resource.state) or (resource.object_type == "signal" and bool(resource.object_id))
    if not rule.states or not about_one or resource.state in rule.states:
        return ""
    return "signal_ended" if resource.state in ENDED else "wrong_state"


def _not_proved(actor: Actor, rule: AccessRule) -> str:
    """Only of a person at a browser can it be asked to prove once more who they are."""
    if rule.proof_minutes is None or actor.channel is not Channel.WEB:
        return ""
    if actor.proved_at is None or actor.now is None:
        return "not_proved"
    return "not_proved" if actor.now - actor.proved_at >= timedelta(minutes=rule.proof_minutes) else ""


# -- the relations: one that the rule names is enough ------------------------------------------------------------------


def _opened_in_danger(actor: Actor, resource: Resource) -> bool:
    until = actor.emergencies.get(resource.case_id) if resource.case_id else None
    return until is not None and actor.now is not None and actor.now < until


def _is(agency_id: str, actor: Actor) -> bool:
    return bool(agency_id) and agency_id == actor.agency_id


RELATIONS: Final[Mapping[str, Callable[[Actor, Resource], bool]]] = {
    "anyone": lambda _actor, _resource: True,
    "owner": lambda actor, resource: _is(resource.owner_agency, actor),
    "provider": lambda actor, resource: _is(resource.providing_agency, actor),
    "receiver": lambda actor, resource: _is(resource.receiving_agency, actor),
    "asked": lambda actor, resource: actor.agency_id in resource.asked_agencies,
    "seated": lambda actor, resource: actor.agency_id in resource.table_agencies,
    "tabled": lambda actor, resource: resource.on_agenda and actor.agency_id in resource.table_agencies,
    "emergency": _opened_in_danger,
}


def _unrelated(actor: Actor, rule: AccessRule, resource: Resource) -> str:
    if any(RELATIONS[name](actor, resource) for name in rule.relations):
        return ""
    if "tabled" in rule.relations and RELATIONS["seated"](actor, resource):
        return "not_on_an_agenda"
    if rule.relations & {"seated", "tabled"}:
        return "other_table"
    if "receiver" in rule.relations and resource.receiving_agency:
        return "not_receiver"
    return "not_asked" if "asked" in rule.relations else "other_agency"


def require(actor: Actor, permission: Permission, resource: Resource | None = None) -> None:
    """Raise `Refused` unless allowed. The refusal is recorded by the transaction that it ends."""
    verdict = may(actor, permission, resource)
    if isinstance(verdict, Denied):
        raise Refused(
            verdict.reason,
            object_type=resource.object_type if resource else "",
            object_id=resource.object_id if resource else "",
            details={"permission": permission.value},
        )
