"""The report of a concluded sample: frozen as data and as PDF, bound to the log by digest, and signed where the key is.

The web workers cannot sign. Concluding freezes both files and writes their digest into the log; the jobs process signs a
note over it and a checkpoint that covers the entry. Whoever changes a row, a file or the note later, is found.
"""

import hashlib
import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from io import BytesIO
from typing import Any, Final

from sqlalchemy import func, select

from audit.canonical import canonical_bytes
from audit.errors import AuditError
from audit.note import Verifier, open_text, sign_text
from signaltable import audit_trail
from signaltable.domain import ZONE, Actor, NotFound
from signaltable.draw import rank
from signaltable.flow import auditing
from signaltable.flow.setup import signer
from signaltable.flow.signing import sign_checkpoint
from signaltable.models import Disclosure, LogCheckpoint, LogDetail, LogEntry, Sample, SampleItem
from signaltable.queries import agency_titles
from signaltable.reports.blocks import Block, Code, Facts, Grid, Heading, Words
from signaltable.reports.paper import paper
from signaltable.texts import Text
from signaltable.transaction import Program, Transaction, reading, transaction

FORMAT: Final = "signaltable/sample-report/v1"
VERDICTS: Final[Mapping[str, Text]] = {
    "in_order": Text("In orde", "In order"),
    "question": Text("Vraag", "Question"),
    "not_in_order": Text("Niet in orde", "Not in order"),
    "cannot_judge": Text("Niet te beoordelen", "Cannot be judged"),
    "": Text("Nog niet bekeken", "Not looked at yet"),
}
RESULTS: Final[Mapping[str, Text]] = {
    "in_order": Text("Alles wat bekeken is, is in orde", "All that was looked at is in order"),
    "points": Text("Er zijn punten om te verbeteren", "There are points to improve"),
    "not_in_order": Text("Er is iets niet in orde", "Something is not in order"),
}
FILTERS: Final[Mapping[str, Text]] = {
    "since": Text("vanaf", "from"),
    "until": Text("tot (zelf niet meegerekend)", "until (not included)"),
    "provider": Text("verstrekker", "provider"),
    "recipient": Text("ontvanger", "receiver"),
    "ground": Text("grond", "ground"),
    "purpose": Text("doel", "purpose"),
    "category": Text("soort gegevens", "category of data"),
}
README: Final = """\
Dit is het rapport van steekproef {reference} uit het logboek van de signaaltafel.

    report.pdf              om te lezen
    report.json             dezelfde gegevens, voor een programma; hierin staat de hash van report.pdf
    report.sig              een ondertekende verklaring met de hash van beide bestanden
    conclusion.tlog-proof   het bewijs dat het afsluiten van de steekproef in het logboek staat
    conclusion.details      de details van die regel, met het zout dat ze eraan bindt (audit/FORMAT.md)

Controleer het op een eigen computer, zonder verbinding met de tafel. Gebruik de publieke sleutel die u eerder en langs
een andere weg hebt gekregen. De vingerafdruk van de sleutel is {fingerprint}.

    python -m audit note report.sig --public-key PUBLIC-KEY.txt
    sha256sum report.json report.pdf        (moet zijn wat in report.sig staat)
    python -m audit receipt conclusion.tlog-proof --public-key PUBLIC-KEY.txt

De steekproef opnieuw trekken, uit een export van het logboek tot en met regel {last}:
neem de kenmerken van alle regels `signal:disclose` die binnen het filter vallen (report.json, "filters"). Sorteer ze
op SHA-256("signaltable/sample/v1" + nieuwe regel + startwaarde + nieuwe regel + kenmerk). De eerste {size} zijn de steekproef.

    import hashlib, json
    report = json.load(open("report.json"))
    seed, size = report["seed"], report["size"]
    entries = [json.loads(line) for line in open("logboek/entries.jsonl")][: report["log_size"]]
    references = {{one["object"] for one in entries if one["action"] == "signal:disclose" and one["outcome"] == "ok"}}
    # With a filter: keep the references whose line in details.jsonl (same "seq") has the values of report["filters"].
    rank = lambda one: hashlib.sha256(f"signaltable/sample/v1\\n{{seed}}\\n{{one}}".encode()).digest()
    print(hashlib.sha256("".join(f"{{one}}\\n" for one in sorted(references)).encode()).hexdigest())
    print(sorted(references, key=rank)[:size])

The same in English: verify the note and the receipt with the commands above and the public key that you received earlier
and by another way; the digests in report.sig must be those of report.json and report.pdf.
"""


@dataclass(frozen=True, slots=True)
class Frozen:
    """What was concluded, as files; `digest` is the SHA-256 of the data, which names the PDF by its own."""

    data: bytes
    pdf: bytes

    @property
    def digest(self) -> str:
        """The digest that stands in the log."""
        return hashlib.sha256(self.data).hexdigest()


def freeze(tx: Transaction, sample: Sample, items: Sequence[SampleItem]) -> Frozen:
    """The report over a sample as it stands now."""
    told = _told(tx, sample, items)
    pdf = _pdf(tx, told)
    return Frozen(canonical_bytes({**told, "pdf_sha256": hashlib.sha256(pdf).hexdigest()}), pdf)


def _told(tx: Transaction, sample: Sample, items: Sequence[SampleItem]) -> dict[str, Any]:
    drawn = tx.session.execute(
        select(LogEntry.seq).where(LogEntry.object == sample.reference, LogEntry.action == "sample:draw"),
    ).scalar_one()
    concluded = sample.concluded_at or tx.now
    return {
        "format": FORMAT,
        "origin": _verifiers(tx.program)[-1].name,
        "reference": sample.reference,
        "auditor": sample.auditor,
        "seed": sample.seed,
        "size": sample.size,
        "filters": dict(sample.filters),
        "stratified": sample.stratified,
        "population": sample.population,
        "population_hash": sample.population_hash,
        "left_out": sample.left_out,
        "log_size": sample.log_size,
        "log_root": sample.log_root,
        "drawn_at": audit_trail.milliseconds(sample.drawn_at),
        "draw_entry": drawn,
        "earlier_draws": _earlier_draws(tx, sample, drawn),
        "checkpoint": _covering(tx, drawn),
        "items": [_item(tx, sample, item) for item in items],
        "open": [item.disclosure for item in items if not item.verdict],
        "result": sample.result,
        "conclusion": sample.conclusion,
        "concluded_at": audit_trail.milliseconds(concluded),
    }


def _item(tx: Transaction, sample: Sample, item: SampleItem) -> dict[str, Any]:
    row = tx.session.scalars(select(Disclosure).where(Disclosure.reference == item.disclosure)).first()
    return {
        "position": item.position,
        "disclosure": item.disclosure,
        "rank": rank(sample.seed, item.disclosure).hex(),
        "provider": row.provider_agency if row else "",
        "recipient": row.recipient_agency if row else "",
        "ground": row.ground if row else "",
        "purpose": row.purpose if row else "",
        "disclosed_at": audit_trail.milliseconds(row.disclosed_at) if row and row.disclosed_at else 0,
        **_judgement(item),
    }


def _judgement(item: SampleItem) -> dict[str, Any]:
    return {
        "verdict": item.verdict,
        "looked_at": sorted(item.looked_at),
        "finding": item.finding,
        "judged_at": audit_trail.milliseconds(item.judged_at) if item.judged_at else 0,
    }


def _earlier_draws(tx: Transaction, sample: Sample, seq: int) -> int:
    """How many samples this auditor drew before: who keeps drawing until a sample pleases, is seen."""
    mine = LogEntry.action == "sample:draw", LogEntry.actor == sample.auditor, LogEntry.seq < seq
    return tx.session.scalar(select(func.count()).select_from(LogEntry).where(*mine)) or 0


def _covering(tx: Transaction, seq: int) -> str:
    """The first checkpoint that covers this entry, or nothing when it was not signed yet."""
    covers = select(LogCheckpoint.note).where(LogCheckpoint.size > seq).order_by(LogCheckpoint.size).limit(1)
    return tx.session.scalar(covers) or ""


def _verifiers(program: Program) -> list[Verifier]:
    """The keys of the log, oldest first: a report that was signed with an earlier one stays signed."""
    text = program.settings.log_public_key.read_text(encoding="utf-8")
    return [Verifier.from_text(line) for line in text.split("\n") if line]


# -- on paper -----------------------------------------------------------------------------------------------------


def _pdf(tx: Transaction, told: Mapping[str, Any]) -> bytes:
    titles = agency_titles(tx)
    blocks: list[Block] = [
        Facts(_summary(told)),
        Heading("Uitkomst"),
        Words(RESULTS[told["result"]].nl),
        Words(told["conclusion"]),
    ]
    if told["open"]:
        blocks.append(Words(f"Niet bekeken ({len(told['open'])}): {', '.join(told['open'])}."))
    blocks += [Heading("Wat er bekeken is"), _table(tx, told["items"], titles)]
    findings = [item for item in told["items"] if item["finding"]]
    for item in findings:
        blocks += [
            Words(f"{item['position']}. {item['disclosure']}: {VERDICTS[item['verdict']].nl}\n{item['finding']}")
        ]
    blocks += [
        Heading("Zo is de steekproef getrokken"),
        Words(
            "De populatie is: alle verstrekkingen die volgens het logboek zijn gedaan en die binnen het filter vallen. "
            "Elke verstrekking kreeg een rang: SHA-256 over een vaste tekst, de startwaarde en het kenmerk. De laagste rangen "
            "zijn getrokken. Met een export van het logboek kan iedereen dit overdoen.",
        ),
        Facts(_proof(told, titles)),
    ]
    if told["checkpoint"]:
        blocks += [
            Words("De stand van het logboek die deze trekking omvat, zoals ondertekend:"),
            Code(told["checkpoint"]),
        ]
    return paper(
        f"Steekproef {told['reference']}",
        blocks,
        foot=f"Steekproef {told['reference']} · {told['origin']}",
        lang="nl",
    )


def _summary(told: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    counts = {code: sum(item["verdict"] == code for item in told["items"]) for code in VERDICTS}
    return (
        ("Getrokken", _moment(told["drawn_at"])),
        ("Afgesloten", _moment(told["concluded_at"])),
        ("Auditor (account)", told["auditor"]),
        ("Bekeken", "; ".join(f"{VERDICTS[code].nl}: {count}" for code, count in counts.items() if count)),
    )


def _table(tx: Transaction, items: Sequence[Mapping[str, Any]], titles: Mapping[str, str]) -> Grid:
    purposes = tx.program.policy.purposes
    rows = tuple(
        (
            str(item["position"]),
            item["disclosure"],
            titles.get(item["provider"], item["provider"]),
            titles.get(item["recipient"], item["recipient"]),
            f"{item['ground']}, {purposes[item['purpose']].title.nl}"
            if item["purpose"] in purposes
            else item["ground"],
            VERDICTS[item["verdict"]].nl,
        )
        for item in items
    )
    return Grid(("Nr.", "Kenmerk", "Van", "Naar", "Grond en doel", "Oordeel"), rows, (0.06, 0.15, 0.2, 0.2, 0.23, 0.16))


def _proof(told: Mapping[str, Any], titles: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    used = "; ".join(f"{FILTERS[name].nl} {titles.get(value, value)}" for name, value in told["filters"].items())
    groups = {"provider": "per verstrekker", "ground": "per grond"}.get(told["stratified"], "geen")
    return (
        ("Startwaarde", told["seed"]),
        ("Aantal gevraagd", str(told["size"])),
        ("Filter", used or "alle verstrekkingen"),
        ("Minstens een", groups),
        ("Populatie", f"{told['population']} verstrekkingen"),
        ("Niet te vergelijken met het filter", f"{told['left_out']} (de details zijn gewist)"),
        ("Hash van de populatie", told["population_hash"]),
        ("Omvang van het logboek", str(told["log_size"])),
        ("Wortel van het logboek", told["log_root"]),
        ("Regel van de trekking", str(told["draw_entry"])),
        ("Eerder getrokken door deze auditor", str(told["earlier_draws"])),
    )


def _moment(milliseconds: int) -> str:
    return datetime.fromtimestamp(milliseconds / 1000, ZONE).strftime("%d-%m-%Y %H:%M")


# -- signing, where the key may be read ---------------------------------------------------------------------------


def note_text(origin: str, reference: str, data: bytes, pdf: bytes) -> str:
    """What is signed: format, log, sample, and the digests as sha256sum writes them. It never passes for a checkpoint."""
    lines = (
        FORMAT,
        f"log {origin}",
        f"sample {reference}",
        f"{hashlib.sha256(data).hexdigest()}  report.json",
        f"{hashlib.sha256(pdf).hexdigest()}  report.pdf",
    )
    return "\n".join(lines) + "\n"


def sign_reports(program: Program, actor: Actor) -> int:
    """Sign the reports that were concluded and not signed yet, under a checkpoint that covers them. How many were.

    A report that no longer fits what the log says is not signed: it stays waiting, and its page says what is wrong.
    """
    with reading(program) as session:
        waiting = session.scalars(
            select(Sample.id).where(Sample.concluded_at.is_not(None), Sample.signature == "")
        ).all()
    signed = 0
    for sample_id in waiting:
        with transaction(program, actor) as tx:
            signed += _sign(tx, tx.session.get_one(Sample, sample_id))
    if signed:
        sign_checkpoint(program, actor)
    return signed


def _sign(tx: Transaction, sample: Sample) -> bool:
    if not _fits_log(tx, sample):
        return False
    key = signer(tx.program.settings)
    sample.signature = sign_text(note_text(key.name, sample.reference, sample.report_data, sample.report_pdf), key)
    tx.record(
        "key:use",
        object_type="sample",
        object_id=sample.reference,
        details={"purpose": "sample-report", "count": 1},
    )
    return True


# -- reading it back ----------------------------------------------------------------------------------------------


def damage(tx: Transaction, sample: Sample, items: Sequence[SampleItem]) -> tuple[str, ...]:
    """What no longer fits what was concluded: data, pdf, log, rows, signature; nothing when all is as it was."""
    if sample.concluded_at is None:
        return ()
    found = []
    told = _parsed(sample.report_data)
    if hashlib.sha256(sample.report_data).hexdigest() != sample.report_hash:
        found.append("data")
    if told.get("pdf_sha256") != hashlib.sha256(sample.report_pdf).hexdigest():
        found.append("pdf")
    if not _fits_log(tx, sample):
        found.append("log")
    if not _fits_rows(told, sample, items):
        found.append("rows")
    if sample.signature and not _fits_signature(tx, sample):
        found.append("signature")
    return tuple(found)


def _parsed(data: bytes) -> dict[str, Any]:
    try:
        told: dict[str, Any] = json.loads(data)
    except ValueError:
        return {}
    return told


def _fits_log(tx: Transaction, sample: Sample) -> bool:
    """Whether the entry of the conclusion names the digest of these data. Without its details only the rows can tell."""
    kept = tx.session.execute(
        select(LogEntry.seq, LogDetail.details)
        .outerjoin(LogDetail, LogDetail.seq == LogEntry.seq)
        .where(LogEntry.object == sample.reference, LogEntry.action == "sample:conclude"),
    ).first()
    if kept is None:
        return False
    if kept.details is None:
        return True
    return bool(json.loads(kept.details).get("report_hash") == hashlib.sha256(sample.report_data).hexdigest())


def _fits_rows(told: Mapping[str, Any], sample: Sample, items: Sequence[SampleItem]) -> bool:
    said = {
        "seed": sample.seed,
        "size": sample.size,
        "population": sample.population,
        "population_hash": sample.population_hash,
        "log_size": sample.log_size,
        "log_root": sample.log_root,
        "result": sample.result,
        "conclusion": sample.conclusion,
        "filters": sample.filters,
    }
    judged = [{"position": item.position, "disclosure": item.disclosure, **_judgement(item)} for item in items]
    reported = [{name: one.get(name) for name in judged[0]} for one in told.get("items", ())] if judged else []
    return all(told.get(name) == value for name, value in said.items()) and judged == reported


def _fits_signature(tx: Transaction, sample: Sample) -> bool:
    keys = _verifiers(tx.program)
    try:
        text, _signed_by = open_text(sample.signature, keys)
    except AuditError:
        return False
    return text == note_text(keys[-1].name, sample.reference, sample.report_data, sample.report_pdf)


def packed(tx: Transaction, sample: Sample) -> bytes:
    """The zip with report, note and proof. Raises `NotFound` until the jobs process has signed."""
    concluded = tx.session.scalars(
        select(LogEntry.seq).where(LogEntry.object == sample.reference, LogEntry.action == "sample:conclude"),
    ).first()
    if not sample.signature or concluded is None:
        raise NotFound("this report is not signed yet")
    proof = auditing.proof(tx, concluded)
    details = tx.session.get(LogDetail, concluded)
    file = BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as zipped:
        readme = README.format(
            reference=sample.reference,
            fingerprint=_verifiers(tx.program)[-1].fingerprint,
            last=sample.log_size - 1,
            size=sample.size,
        )
        zipped.writestr("LEESMIJ.txt", readme)
        zipped.writestr("report.json", sample.report_data)
        zipped.writestr("report.pdf", sample.report_pdf)
        zipped.writestr("report.sig", sample.signature)
        zipped.writestr("conclusion.tlog-proof", proof.text)
        if details is not None:
            line = {"seq": concluded, "salt": details.salt.hex(), "details": json.loads(details.details)}
            zipped.writestr("conclusion.details", canonical_bytes(line) + b"\n")
    return file.getvalue()
