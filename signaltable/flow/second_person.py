"""Who may look a second time, before or after a disclosure: somebody else, with another role, at the provider or its table.

Norms 1.1 (DUAL): two different people from two roles. Before a disclosure they agree (`approvals`); after one made in
acute danger they look back (`reviewing`).
"""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, exists, false, or_, select, union_all

from signaltable.access import Allowed, Permission, may, require
from signaltable.domain import Refused
from signaltable.flow import places
from signaltable.models import Disclosure, ListPlace, Signal, TableMember
from signaltable.queries import not_kept_from, resource_of_disclosure, seated_at, tables_of
from signaltable.transaction import Transaction

PERMISSION = Permission.DISCLOSURE_APPROVE_OTHER


def may_look(tx: Transaction) -> bool:
    """Whether the actor's role can be that of a second person at all."""
    return isinstance(may(tx.actor, PERMISSION), Allowed)


def _chairs(tx: Transaction) -> bool:
    return isinstance(may(tx.actor, Permission.TABLE_DECIDE_OWN_TABLE), Allowed)


def reach(tx: Transaction) -> ColumnElement[bool]:
    """Disclosures of the own agency; for who chairs a table those of its members as well. Joins Disclosure and Signal.

    Not those of cases that the actor is kept from.
    """
    chaired: ColumnElement[bool] = false()
    if _chairs(tx):
        # Whoever passes on what it received and has no seat at the table is no business of its chair.
        seated = exists().where(
            TableMember.table_id == Signal.table_id, TableMember.agency_id == Disclosure.provider_agency
        )
        at_table = Signal.table_id.in_(tables_of(tx, tx.actor.agency_id))
        chaired = and_(at_table, or_(Disclosure.parent_id.is_(None), seated))
    own = or_(Disclosure.provider_agency == tx.actor.agency_id, chaired)
    return and_(own, not_kept_from(tx, Disclosure.signal_id))


def first_places(tx: Transaction, name: str, most: int, open_to: Select[Any], **options: Any) -> Select[Any]:
    """The ids of the first things in the list `name` of the own agency; for who chairs a table those of its tables too.

    `open_to` is the query of the ids that the actor may look at: an agency and a table have more in these lists, such as
    what the actor asked for, and that is left out before so many are taken.
    """
    (thing,) = open_to.selected_columns
    options |= {"only": open_to.where(thing == ListPlace.object_id).correlate(ListPlace).exists()}
    found = [places.of_own_agency(tx, (name,), most, **options)]
    if _chairs(tx):
        found.append(places.at_own_tables(tx, (f"{name}-table",), most, **options))
    return select(union_all(*(select(one.c.object_id) for one in found)).subquery().c.object_id)


def require_second_person(tx: Transaction, row: Disclosure, signal: Signal) -> None:
    """Raise `Refused` (no_permission, other_table, own_request), recorded, unless the actor may look at this one."""
    members: Iterable[str] = ()
    if _chairs(tx):
        members = seated_at(tx, signal.table_id)
        if row.parent_id and row.provider_agency not in members:
            members = ()
    given = resource_of_disclosure(tx, row, provider=True)
    resource = replace(given, table_agencies=frozenset(members), requester=row.requested_by)
    require(tx.actor, PERMISSION, resource)


def roles_of(label: str) -> frozenset[str]:
    """The roles in a label as `Actor.role_label` writes it."""
    return frozenset(filter(None, label.split(",")))


def refusal(row: Disclosure, reason: str) -> Refused:
    """The refusal of a second person, for the log."""
    details = {"permission": PERMISSION.value}
    return Refused(reason, object_type="disclosure", object_id=row.reference, details=details)
