"""Samples: an auditor draws disclosures by a seed of their own, works through them, and concludes. No content is opened.

What can be drawn is what the log says was disclosed, at one size of the log; the seed, the size, the root and the digest
of the population stand in the log with the draw, so that another can redo it (signaltable/draw.py).
"""

import json
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import func, select
from sqlalchemy.orm import undefer_group

from signaltable import audit_trail
from signaltable.access import Permission, require
from signaltable.domain import Conflict, NotFound, Refused, UnusableInput
from signaltable.draw import draw, population_hash
from signaltable.flow.masking import HAS_BSN, NO_TEXT, TOO_LONG, for_others, found_in, text_hash
from signaltable.flow.references import fresh_reference
from signaltable.flow.sample_report import RESULTS, VERDICTS, damage, freeze, packed
from signaltable.models import Disclosure, LogDetail, LogEntry, Sample, SampleItem
from signaltable.queries import PageKey, agency_titles, newest_first
from signaltable.text import contains_bsn
from signaltable.transaction import Transaction, in_whole

SEED_LIMIT: Final = 64
MOST: Final = 500
FINDING_LIMIT: Final = 1000
CONCLUSION_LIMIT: Final = 4000
# What to look at in each disclosure; the pages have the words.
CHECKLIST: Final = ("ground", "conditions", "second_person", "fields", "informed", "receipt")
STRATA: Final = ("", "provider", "ground")

# What is wrong with a request; pages have words for each.
SEED_NAMES: Final = "expected a seed in which nothing identifies a person"
SEED_SIGNS: Final = "expected a seed on one line"
BAD_SIZE: Final = f"expected a number from 1 to {MOST}"
NOTHING: Final = "expected a filter that leaves disclosures"
TOO_FEW: Final = "expected at least one place for each group"
NO_CHOICE: Final = "expected one of the choices"


@dataclass(frozen=True, slots=True)
class Chosen:
    """Which disclosures can be drawn; an empty value does not count. `until` is the first moment that is left out."""

    since: datetime | None = None
    until: datetime | None = None
    provider: str = ""
    recipient: str = ""
    ground: str = ""
    purpose: str = ""
    category: str = ""

    def to_json(self) -> dict[str, str]:
        """The filters in use, as they are kept and reported."""
        moments = {"since": self.since, "until": self.until}
        told = {name: value.isoformat(timespec="milliseconds") for name, value in moments.items() if value}
        codes = {name: getattr(self, name) for name in ("provider", "recipient", "ground", "purpose", "category")}
        return told | {name: value for name, value in codes.items() if value}


@dataclass(frozen=True, slots=True)
class SampleLine:
    """A sample in the list."""

    reference: str
    drawn_at: datetime
    size: int
    judged: int
    population: int
    concluded_at: datetime | None
    result: str
    own: bool


@dataclass(frozen=True, slots=True)
class ItemView:
    """One drawn disclosure with what the auditor found; no content. `known` is False when no row is left for it."""

    position: int
    disclosure: str
    known: bool
    provider: str
    recipient: str
    ground: str
    purpose: str
    categories: tuple[str, ...]
    disclosed_at: datetime | None
    verdict: str
    looked_at: tuple[str, ...]
    finding: str
    # The disclosure that it passes on.
    parent: str = ""


@dataclass(frozen=True, slots=True)
class SampleView:
    """A sample with all that makes it provable. `damage` names what was changed after it was concluded."""

    reference: str
    seed: str
    filters: dict[str, str]
    stratified: str
    size: int
    population: int
    population_hash: str
    left_out: int
    log_size: int
    log_root: str
    drawn_at: datetime
    auditor: str
    own: bool
    items: tuple[ItemView, ...]
    concluded_at: datetime | None
    result: str
    conclusion: str
    report_hash: str
    signed: bool
    damage: tuple[str, ...]

    @property
    def judged(self) -> int:
        """How many were looked at."""
        return sum(bool(item.verdict) for item in self.items)

    @property
    def open(self) -> tuple[ItemView, ...]:
        """What was not looked at yet."""
        return tuple(item for item in self.items if not item.verdict)


@dataclass(frozen=True, slots=True)
class Population:
    """What can be drawn: reference -> group; how many could not be compared with the filter; over which log."""

    groups: dict[str, str]
    left_out: int
    log_size: int
    log_root: str


# -- drawing ------------------------------------------------------------------------------------------------------


def population(tx: Transaction, chosen: Chosen, stratified: str = "") -> Population:
    """The disclosures that were made according to the log as it is now, within the filter; with their groups."""
    size = audit_trail.size(tx.session)
    query = (
        select(LogEntry.object, LogEntry.agency, LogDetail.details)
        .outerjoin(LogDetail, LogDetail.seq == LogEntry.seq)
        .where(LogEntry.action == "signal:disclose", LogEntry.outcome == "ok", LogEntry.seq < size)
        .order_by(LogEntry.seq)
        .execution_options(yield_per=audit_trail.BATCH)
    )
    if chosen.since:
        query = query.where(LogEntry.recorded_at >= chosen.since)
    if chosen.until:
        query = query.where(LogEntry.recorded_at < chosen.until)
    groups: dict[str, str] = {}
    left_out = 0
    needs_details = any((chosen.provider, chosen.recipient, chosen.ground, chosen.purpose, chosen.category, stratified))
    for row in tx.session.execute(query):
        if row.details is None and needs_details:
            left_out += 1
            continue
        told = json.loads(row.details) if row.details is not None else {}
        provider = told.get("provider", row.agency)
        if _fits(chosen, told, provider):
            groups[row.object] = {"provider": provider, "ground": told.get("ground", "")}.get(stratified, "")
    return Population(groups, left_out, size, audit_trail.root(tx.session, size).hex() if size else "")


def _fits(chosen: Chosen, told: dict[str, Any], provider: str) -> bool:
    return all(
        (
            chosen.provider in ("", provider),
            chosen.recipient in ("", told.get("recipient", "")),
            chosen.ground in ("", told.get("ground", "")),
            chosen.purpose in ("", told.get("purpose", "")),
            not chosen.category or chosen.category in told.get("categories", ()),
        ),
    )


def draw_sample(tx: Transaction, chosen: Chosen, *, seed: str, size: int | None, stratified: str = "") -> str:
    """Draw and keep a sample; its reference. The draw stands in the log with all that another needs to redo it.

    Raises `UnusableInput` for a seed, a number, or a filter that cannot be used.
    """
    require(tx.actor, Permission.SAMPLE_DRAW_ALL)
    text = unicodedata.normalize("NFC", seed.strip())
    problems = _problems(tx, text, size, stratified)
    if size is None or problems:
        raise UnusableInput(problems)
    found = population(tx, chosen, stratified)
    if not found.groups:
        raise UnusableInput({"filters": NOTHING})
    try:
        drawn = draw(found.groups, text, size)
    except ValueError:
        raise UnusableInput({"size": TOO_FEW}) from None
    sample = _store(tx, chosen, text, size, stratified, found, drawn)
    tx.record(
        "sample:draw",
        object_type="sample",
        object_id=sample.reference,
        details={
            "sample": sample.reference,
            "seed": text,
            "count": len(drawn),
            "population": sample.population,
            "filters": sorted(sample.filters),
            "size": sample.log_size,
            "root": sample.log_root,
            "population_hash": sample.population_hash,
            "stratified": stratified,
        },
    )
    return sample.reference


def _problems(tx: Transaction, seed: str, size: int | None, stratified: str) -> dict[str, str]:
    problems = {}
    if not seed:
        problems["seed"] = NO_TEXT
    elif len(seed) > SEED_LIMIT:
        problems["seed"] = TOO_LONG
    elif any(unicodedata.category(sign).startswith("C") for sign in seed):
        problems["seed"] = SEED_SIGNS
    elif contains_bsn(seed):
        problems["seed"] = HAS_BSN
    elif found_in(tx, seed):
        problems["seed"] = SEED_NAMES
    if size is None or not 1 <= size <= MOST:
        problems["size"] = BAD_SIZE
    if stratified not in STRATA:
        problems["stratified"] = NO_CHOICE
    return problems


def _store(
    tx: Transaction,
    chosen: Chosen,
    seed: str,
    size: int,
    stratified: str,
    found: Population,
    drawn: Sequence[str],
) -> Sample:
    sample = Sample(
        id=tx.new_id(),
        reference=fresh_reference(tx, "K", Sample.reference),
        auditor=tx.actor.account_id,
        seed=seed,
        filters=chosen.to_json(),
        population=len(found.groups),
        log_size=found.log_size,
        log_root=found.log_root,
        population_hash=population_hash(found.groups),
        left_out=found.left_out,
        size=size,
        stratified=stratified,
        drawn_at=tx.now,
        result="",
        conclusion="",
        report_hash="",
        report_data=b"",
        report_pdf=b"",
        signature="",
    )
    tx.session.add(sample)
    tx.session.flush()
    for position, reference in enumerate(drawn, start=1):
        item = SampleItem(
            sample_id=sample.id, position=position, disclosure=reference, verdict="", looked_at=[], finding=""
        )
        tx.session.add(item)
    tx.session.flush()
    return sample


# -- reading ------------------------------------------------------------------------------------------------------


def samples(tx: Transaction, after: PageKey | None = None) -> tuple[tuple[SampleLine, ...], PageKey | None]:
    """The samples of all auditors, newest first, a page at a time; that is recorded."""
    require(tx.actor, Permission.SAMPLE_DRAW_ALL)
    shown, following = newest_first(tx, select(Sample), Sample.drawn_at, Sample.id, after)
    counted = select(SampleItem.sample_id, func.count(), func.count().filter(SampleItem.verdict != "")).where(
        SampleItem.sample_id.in_([row.id for row in shown]),
    )
    counts = {row[0]: (row[1], row[2]) for row in tx.session.execute(counted.group_by(SampleItem.sample_id))}
    tx.record("sample:consult", object_type="sample", details={"view": "samples", "count": len(shown)})
    lines = tuple(
        SampleLine(
            row.reference,
            row.drawn_at,
            *counts.get(row.id, (0, 0)),
            row.population,
            row.concluded_at,
            row.result,
            row.auditor == tx.actor.account_id,
        )
        for row in shown
    )
    return lines, following


@in_whole("the auditor looks at every disclosure, without content")
def consult(tx: Transaction, reference: str) -> SampleView:
    """One sample with its items; that is recorded. Raises `NotFound`."""
    sample = _sample(tx, reference)
    items = _items(tx, sample)
    tx.record(
        "sample:consult",
        object_type="sample",
        object_id=sample.reference,
        details={"view": "sample", "sample": sample.reference, "count": len(items)},
    )
    rows = {
        row.reference: row
        for row in tx.session.scalars(
            select(Disclosure).where(Disclosure.reference.in_([item.disclosure for item in items])),
        )
    }
    titles = agency_titles(tx)
    return SampleView(
        reference=sample.reference,
        seed=sample.seed,
        filters=dict(sample.filters),
        stratified=sample.stratified,
        size=sample.size,
        population=sample.population,
        population_hash=sample.population_hash,
        left_out=sample.left_out,
        log_size=sample.log_size,
        log_root=sample.log_root,
        drawn_at=sample.drawn_at,
        auditor=sample.auditor,
        own=sample.auditor == tx.actor.account_id,
        items=tuple(_item_view(tx, item, rows.get(item.disclosure), titles) for item in items),
        concluded_at=sample.concluded_at,
        result=sample.result,
        conclusion=sample.conclusion,
        report_hash=sample.report_hash,
        signed=bool(sample.signature),
        damage=damage(tx, sample, items),
    )


def _item_view(tx: Transaction, item: SampleItem, row: Disclosure | None, titles: dict[str, str]) -> ItemView:
    parent = tx.session.get(Disclosure, row.parent_id) if row and row.parent_id else None
    return ItemView(
        parent=parent.reference if parent else "",
        position=item.position,
        disclosure=item.disclosure,
        known=row is not None,
        provider=titles.get(row.provider_agency, "") if row else "",
        recipient=titles.get(row.recipient_agency, "") if row else "",
        ground=row.ground if row else "",
        purpose=row.purpose if row else "",
        categories=tuple(row.categories) if row else (),
        disclosed_at=row.disclosed_at if row else None,
        verdict=item.verdict,
        looked_at=tuple(item.looked_at),
        finding=item.finding,
    )


def _sample(tx: Transaction, reference: str, *, own: bool = False) -> Sample:
    """The sample with this reference. With `own` it is locked and must be the actor's and still open."""
    require(tx.actor, Permission.SAMPLE_DRAW_ALL)
    query = select(Sample).where(Sample.reference == reference.strip().upper()).options(undefer_group("sealed"))
    sample = tx.session.scalars(query.with_for_update() if own else query).first()
    if sample is None:
        raise NotFound("no such sample")
    if own and sample.auditor != tx.actor.account_id:
        details = {"permission": Permission.SAMPLE_DRAW_ALL.value}
        raise Refused("other_auditor", object_type="sample", object_id=sample.reference, details=details)
    if own and sample.concluded_at is not None:
        raise Conflict("concluded", "the sample was concluded; nothing changes any more")
    return sample


def _items(tx: Transaction, sample: Sample) -> Sequence[SampleItem]:
    return tx.session.scalars(
        select(SampleItem).where(SampleItem.sample_id == sample.id).order_by(SampleItem.position),
    ).all()


# -- judging and concluding ---------------------------------------------------------------------------------------


def judge(
    tx: Transaction, reference: str, position: int, *, verdict: str, looked_at: Sequence[str], finding: str
) -> None:
    """Say what was found about one drawn disclosure; may be said again until the sample is concluded.

    A verdict other than "in order" needs a finding. The text is masked like every text that others read. Raises
    `UnusableInput`, `Conflict` (concluded), `Refused` (other_auditor), `NotFound`.
    """
    sample = _sample(tx, reference, own=True)
    item = tx.session.get(SampleItem, (sample.id, position))
    if item is None:
        raise NotFound("no such item")
    if verdict not in VERDICTS or not verdict:
        raise UnusableInput({"verdict": NO_CHOICE})
    if set(looked_at) - set(CHECKLIST):
        raise UnusableInput({"looked_at": NO_CHOICE})
    text = for_others(tx, finding, "finding", limit=FINDING_LIMIT, required=verdict != "in_order")
    item.verdict, item.finding, item.judged_at = verdict, text, tx.now
    item.looked_at = [one for one in CHECKLIST if one in looked_at]
    tx.record(
        "sample:judge",
        object_type="sample",
        object_id=sample.reference,
        details={
            "sample": sample.reference,
            "disclosure": item.disclosure,
            "result": verdict,
            **({"finding_hash": text_hash(text)} if text else {}),
        },
    )


@in_whole("the auditor looks at every disclosure, without content")
def conclude(tx: Transaction, reference: str, *, result: str, conclusion: str) -> None:
    """Conclude: freeze the report and put its digest into the log. What was not looked at is named in it.

    Raises `UnusableInput`, `Conflict` (concluded), `Refused` (other_auditor), `NotFound`.
    """
    sample = _sample(tx, reference, own=True)
    if result not in RESULTS:
        raise UnusableInput({"result": NO_CHOICE})
    text = for_others(tx, conclusion, "conclusion", limit=CONCLUSION_LIMIT, required=True)
    sample.result, sample.conclusion, sample.concluded_at = result, text, tx.now
    items = _items(tx, sample)
    report = freeze(tx, sample, items)
    sample.report_data, sample.report_pdf, sample.report_hash = report.data, report.pdf, report.digest
    tx.record(
        "sample:conclude",
        object_type="sample",
        object_id=sample.reference,
        details={
            "sample": sample.reference,
            "result": result,
            "count": sum(bool(item.verdict) for item in items),
            "report_hash": report.digest,
            "conclusion_hash": text_hash(text),
        },
    )


def report_file(tx: Transaction, reference: str) -> bytes:
    """The signed report as zip, for every auditor; that is recorded. Raises `NotFound` before it is signed, `Conflict`
    (damaged) when it no longer is what was concluded.
    """
    sample = _sample(tx, reference)
    if damage(tx, sample, _items(tx, sample)):
        raise Conflict("damaged", "the report is not what was concluded")
    made = packed(tx, sample)
    tx.record(
        "sample:consult",
        object_type="sample",
        object_id=sample.reference,
        details={"view": "report", "sample": sample.reference, "file_hash": sample.report_hash},
    )
    return made
