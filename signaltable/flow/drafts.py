"""Drafts of signals: sealed at every step, resumable after logout or a crash, erased when they expire.

With the answers the envelope holds the data key of the files that go along, once there is one; it becomes the key of
the signal when the draft is submitted.
"""

import base64
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time
from typing import NamedTuple

from sqlalchemy import bindparam, select

from signaltable.access import Permission, require
from signaltable.db import table_of
from signaltable.domain import Conflict, NotFound, Resource, day_of
from signaltable.flow import attachment_rows, sealing
from signaltable.flow.moves import keep_until
from signaltable.flow.work import MOST, WorkItem
from signaltable.intake import SignalDraft, parse
from signaltable.keys import DataKey, new_data_key
from signaltable.models import Draft
from signaltable.prepared import Prepared
from signaltable.transaction import Transaction

FILES_KEY = "files_key"


@dataclass(frozen=True, slots=True)
class _Sealed:
    """What the envelope of a draft holds."""

    content: SignalDraft
    files_key: DataKey | None = None


@dataclass(frozen=True, slots=True)
class DraftView:
    """A draft with the step that comes next and the version that the next save must name."""

    id: str
    step: int
    version: int
    content: SignalDraft
    updated_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class DraftLine:
    """A draft in the list of "to be continued": no content, because a list is read over a shoulder."""

    id: str
    step: int
    updated_at: datetime
    expires_at: datetime


def start(tx: Transaction, content: SignalDraft | None = None) -> DraftView:
    """A new, empty draft for the actor."""
    _gate(tx)
    draft = Draft(
        id=tx.new_id(),
        account_id=tx.actor.account_id,
        agency_id=tx.actor.agency_id,
        step=1,
        sealed=b"",
        version=1,
        created_at=tx.now,
        updated_at=tx.now,
        expires_at=tx.now,
    )
    _put(tx, draft, _Sealed(content or SignalDraft()), 1)
    tx.session.add(draft)
    return _view(draft, content or SignalDraft())


def load(tx: Transaction, draft_id: str) -> DraftView:
    """The actor's own draft. Raises `NotFound` for anybody else's: not even its existence is told."""
    draft = _row_of(tx, draft_id)
    tx.record(
        "draft:consult",
        object_type="draft",
        object_id=draft.id,
        details={"draft": draft.id, "step": draft.step},
    )
    return _view(draft, _opened(tx, draft).content)


def save(tx: Transaction, draft_id: str, changes: Mapping[str, object], *, step: int, version: int) -> DraftView:
    """Lay the answers of one step over the draft and seal it again.

    Raises `Conflict` when the draft was saved in another window meanwhile, `UnusableInput` for unusable answers.
    """
    draft = own(tx, draft_id)
    if draft.version != version:
        raise Conflict("draft", "the draft was saved in another window meanwhile")
    before = _opened(tx, draft)
    content = parse({**before.content.model_dump(mode="json"), **changes})
    _put(tx, draft, replace(before, content=content), step)
    draft.version = version + 1
    return _view(draft, content)


def mine(tx: Transaction) -> list[DraftLine]:
    """The actor's drafts, the last used first."""
    _gate(tx)
    rows = tx.session.scalars(
        select(Draft).where(Draft.account_id == tx.actor.account_id).order_by(Draft.updated_at.desc(), Draft.id),
    )
    lines = [DraftLine(row.id, row.step, row.updated_at, row.expires_at) for row in rows]
    details = {"view": "drafts", "count": len(lines)}
    tx.record("signal:list", object_type="agency", object_id=tx.actor.agency_id, details=details)
    return lines


def discard(tx: Transaction, draft_id: str, *, cause: str = "by_author", version: int | None = None) -> None:
    """Erase a draft of the actor. Raises `Conflict` when it is another version by now than the one that is named."""
    draft = _row_of(tx, draft_id, hold=True)
    if version is not None and draft.version != version:
        raise Conflict("draft", "the draft was saved in another window meanwhile")
    if attachment_rows.has_any(tx, draft.id):
        attachment_rows.forget_drafts(tx, [draft.id])
    tx.delete(_DRAFTS, (draft.id,))
    tx.record("draft:erase", object_type="draft", object_id=draft.id, details={"draft": draft.id, "cause": cause})


def _gate(tx: Transaction) -> None:
    require(tx.actor, Permission.SIGNAL_SUBMIT_OWN, Resource("draft", owner_agency=tx.actor.agency_id))


def content_and_key(tx: Transaction, draft_id: str) -> tuple[SignalDraft, DataKey]:
    """The actor's own draft with the data key of its files, which is made when there is none yet."""
    draft = own(tx, draft_id)
    sealed = _opened(tx, draft)
    if sealed.files_key is None:
        sealed = replace(sealed, files_key=new_data_key(tx.program.randomness(32)))
        _put(tx, draft, sealed, draft.step)
    assert sealed.files_key is not None
    return sealed.content, sealed.files_key


def own(tx: Transaction, draft_id: str) -> Draft:
    """The actor's own draft. Raises `NotFound` for anybody else's."""
    _gate(tx)
    draft = tx.session.get(Draft, draft_id)
    if draft is None or draft.account_id != tx.actor.account_id:
        raise NotFound("no such draft")
    return draft


class _Row(NamedTuple):
    """A draft as it is read where nothing is changed in it."""

    id: str
    account_id: str
    agency_id: str
    step: int
    sealed: bytes
    version: int
    updated_at: datetime
    expires_at: datetime


_DRAFTS = table_of(Draft)
_HOLD = Prepared(
    select(*(_DRAFTS.c[name] for name in _Row._fields)).where(_DRAFTS.c.id == bindparam("id")).with_for_update()
)
_READ = Prepared(select(*(_DRAFTS.c[name] for name in _Row._fields)).where(_DRAFTS.c.id == bindparam("id")))


def _row_of(tx: Transaction, draft_id: str, *, hold: bool = False) -> _Row:
    """The same without an object of the session; `hold` it until the commit, so that nobody else does something with it."""
    _gate(tx)
    row = tx.first(_HOLD if hold else _READ, {"id": draft_id})
    if row is None or (draft := _Row(*row)).account_id != tx.actor.account_id:
        raise NotFound("no such draft")
    return draft


def _opened(tx: Transaction, draft: Draft | _Row) -> _Sealed:
    kept = json.loads(sealing.open_envelope(tx, tx.actor.agency_id, draft.sealed, _place(draft)))
    key = kept.pop(FILES_KEY, None)
    return _Sealed(parse(kept), new_data_key(base64.b64decode(key)) if key else None)


def _put(tx: Transaction, draft: Draft, sealed: _Sealed, step: int) -> None:
    kept = sealed.content.model_dump(mode="json")
    if sealed.files_key is not None:
        kept[FILES_KEY] = base64.b64encode(sealed.files_key.material).decode()
    draft.sealed = tx.program.keys.seal(draft.agency_id, json.dumps(kept).encode(), _place(draft))
    draft.step = step
    draft.updated_at = tx.now
    draft.expires_at = datetime.combine(keep_until(tx, "draft"), time(), UTC)
    tx.record("draft:record", object_type="draft", object_id=draft.id, details={"draft": draft.id, "step": step})


def _place(draft: Draft | _Row) -> bytes:
    return f"drafts|sealed|{draft.id}|{draft.account_id}".encode()


def _view(draft: Draft | _Row, content: SignalDraft) -> DraftView:
    return DraftView(draft.id, draft.step, draft.version, content, draft.updated_at, draft.expires_at)


def work(tx: Transaction) -> Iterable[WorkItem]:
    """The actor's own drafts, each until the day on which it expires."""
    query = select(Draft.id, Draft.updated_at, Draft.expires_at).where(Draft.account_id == tx.actor.account_id)
    for row in tx.lists.execute(query.order_by(Draft.expires_at, Draft.id).limit(MOST)):
        yield WorkItem("drafts", row.id, "", row.updated_at, day_of(row.expires_at))
