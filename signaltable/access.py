"""The one gate: may this actor do this to that thing? Deny by default, with a reason that page, log and test share."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from signaltable.domain import Actor, Channel, Refused, Resource


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
    """`reason` is one of no_permission, other_agency, not_asked, other_table, not_receiver, own_request, conflict_of_interest."""

    permission: Permission
    reason: str


def _own_agency(actor: Actor, resource: Resource) -> str:
    if resource.receiving_agency:
        return "" if resource.receiving_agency == actor.agency_id else "not_receiver"
    return "" if resource.owner_agency == actor.agency_id else "other_agency"


def _asked(actor: Actor, resource: Resource) -> str:
    return "" if actor.agency_id in resource.asked_agencies else "not_asked"


def _own_table(actor: Actor, resource: Resource) -> str:
    return "" if actor.agency_id in resource.table_agencies else "other_table"


def _other_person(actor: Actor, resource: Resource) -> str:
    return "own_request" if resource.requester == actor.account_id else _own_agency_or_table(actor, resource)


def _own_agency_or_table(actor: Actor, resource: Resource) -> str:
    return (
        "" if actor.agency_id == resource.owner_agency or actor.agency_id in resource.table_agencies else "other_table"
    )


def _anything(_actor: Actor, _resource: Resource) -> str:
    return ""


# One check per scope; each answers with a reason to refuse, or with nothing.
_SCOPES: Mapping[str, Callable[[Actor, Resource], str]] = {
    "all": _anything,
    "self": _anything,
    "own-agency": _own_agency,
    "asked": _asked,
    "own-table": _own_table,
    "tabled": _own_table,
    "other-person": _other_person,
}


def may(actor: Actor, permission: Permission, resource: Resource | None = None) -> Allowed | Denied:
    """Decide. Without a resource only the role counts: use that to show a menu, never to open a record."""
    program = actor.channel in {Channel.JOB, Channel.SYSTEM}
    # Before the role: which role would see something says that there is something.
    if resource is not None and not program and actor.account_id in resource.kept_from:
        return Denied(permission, "conflict_of_interest")
    if permission not in FOR_EVERYBODY and permission.value not in actor.permissions:
        return Denied(permission, "no_permission")
    if resource is None or program:
        return Allowed(permission)
    reason = _SCOPES[permission.scope](actor, resource)
    return Denied(permission, reason) if reason else Allowed(permission)


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
