"""Samples: the same seed draws the same disclosures for everybody, judging is recorded, and a conclusion stays as it was."""

import hashlib
import json
import subprocess
import sys
import zipfile
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text, update

from audit import receipt
from audit.note import Verifier, open_text
from signaltable import audit_trail, jobs
from signaltable.domain import Conflict, Refused, UnusableInput
from signaltable.draw import draw, population_hash
from signaltable.flow import auditing, sample_report, sampling
from signaltable.models import Sample, SampleItem
from signaltable.transaction import reading, transaction
from tests.table_steps import log, use

REFERENCES = st.sets(st.from_regex(r"D-[0-9A-Z]{4}-[0-9A-Z]{2}", fullmatch=True), max_size=40)
WORDS = "Hier is per verstrekking gekeken; er is niets bijzonders gezien."


def _disclosed(program, who, number, **changes):
    """An entry as `disclosing` writes it, without all that leads to it."""
    reference = f"D-7F{number:02}-Q2"
    told = {
        "disclosure": reference,
        "signal": "S-7F3K-Q2",
        "provider": "havendam",
        "recipient": "avim",
        "purpose": "P3",
        "ground": "G1",
        "ground_digest": "0" * 64,
        "categories": ["identity"],
        "fields": [],
        "conditions": [],
        "legal_basis": [],
        "policy_digest": "0" * 64,
        "payload_hash": "0" * 64,
        **changes,
    }
    with transaction(program, who) as tx:
        tx.record("signal:disclose", object_type="disclosure", object_id=reference, details=told)
    return reference


@pytest.fixture
def program(sqlite_program):
    return sqlite_program


@pytest.fixture
def many(program, actor):
    """Twelve disclosures: ten of havendam to avim, two of delinde to fier on another ground."""
    focal = actor(program, "havendam")
    first = [_disclosed(program, focal, number) for number in range(10)]
    other = {"provider": "delinde", "recipient": "fier", "ground": "G2", "purpose": "P2"}
    return [*first, *(_disclosed(program, actor(program, "delinde"), number, **other) for number in (10, 11))]


def _drawn(program, who, **options):
    chosen = options.pop("chosen", sampling.Chosen())
    return use(program, who, sampling.draw_sample, chosen, **{"seed": "dobbelsteen 4 2", "size": 4, **options})


@given(REFERENCES, st.text(st.characters(exclude_categories=["C"]), min_size=1, max_size=20), st.integers(1, 50))
def test_the_draw_is_the_smallest_hashes_and_nothing_else(references, seed, size):
    drawn = draw(dict.fromkeys(references, ""), seed, size)
    assert len(drawn) == min(size, len(references))
    # An independent implementation, as a reader of the report would write it.
    import unicodedata

    def position(one):
        line = "signaltable/sample/v1\n" + unicodedata.normalize("NFC", seed) + "\n" + one
        return hashlib.sha256(line.encode("utf-8")).hexdigest()

    assert list(drawn) == sorted(references, key=position)[:size]


@given(st.dictionaries(st.text("ABC", min_size=3, max_size=6), st.sampled_from("xyz"), min_size=1), st.integers(3, 9))
def test_no_group_is_left_out_and_the_rest_is_drawn_as_ever(groups, size):
    drawn = draw(groups, "zaad", size)
    assert {groups[one] for one in drawn} == set(groups.values())
    assert len(drawn) == min(size, len(groups))
    plain = draw(dict.fromkeys(groups, ""), "zaad", size)
    # Only the first of a group that would have been left out takes a place.
    assert len(set(drawn) - set(plain)) <= len(set(groups.values()) - {groups[one] for one in plain})


def test_a_group_more_than_places_is_refused():
    with pytest.raises(ValueError, match="at least 3"):
        draw({"a": "x", "b": "y", "c": "z"}, "zaad", 2)


def test_an_export_and_ten_lines_draw_the_same_sample(program, actor, many, tmp_path):
    auditor = actor(program, "auditor")
    reference = _drawn(program, auditor, seed="Zaad é 7", chosen=sampling.Chosen(recipient="avim"))
    view = use(program, auditor, sampling.consult, reference)
    auditing.export(program, jobs.JOBS, tmp_path / "logboek")
    lines = (tmp_path / "logboek" / "entries.jsonl").read_text().splitlines()[: view.log_size]
    entries = [json.loads(line) for line in lines]
    details = {one["seq"]: one for one in map(json.loads, (tmp_path / "logboek" / "details.jsonl").open())}
    left = {
        one["object"]
        for one in entries
        if (one["action"], one["outcome"]) == ("signal:disclose", "ok")
        and details[one["seq"]]["details"]["recipient"] == view.filters["recipient"]
    }
    ranked = sorted(
        left, key=lambda one: hashlib.sha256(f"signaltable/sample/v1\n{view.seed}\n{one}".encode()).digest()
    )
    assert [item.disclosure for item in view.items] == ranked[: view.size]
    assert hashlib.sha256("".join(f"{one}\n" for one in sorted(left)).encode()).hexdigest() == view.population_hash
    assert view.population == len(left) == 10
    with reading(program) as session:
        assert audit_trail.root(session, view.log_size).hex() == view.log_root


def test_the_same_seed_draws_the_same_and_the_draw_stands_in_the_log(program, actor, many):
    auditor = actor(program, "auditor")
    first, second = (use(program, auditor, sampling.consult, _drawn(program, auditor)) for _try in range(2))
    assert [item.disclosure for item in first.items] == [item.disclosure for item in second.items]
    ((_, told), _again) = log(program, "sample:draw")
    assert told["seed"] == "dobbelsteen 4 2"
    assert told["population_hash"] == population_hash(many)
    assert (told["count"], told["population"]) == (4, 12)


def test_what_happens_after_the_draw_changes_nothing_about_it(program, actor, many):
    auditor = actor(program, "auditor")
    reference = _drawn(program, auditor, size=12)
    _disclosed(program, actor(program, "havendam"), 20)
    assert {item.disclosure for item in use(program, auditor, sampling.consult, reference).items} == set(many)


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [
        (sampling.Chosen(provider="delinde"), 2),
        (sampling.Chosen(ground="G1", purpose="P3"), 10),
        (sampling.Chosen(category="identity"), 12),
        (sampling.Chosen(until=datetime(2026, 11, 23, 9, 30, tzinfo=UTC)), 0),
        (sampling.Chosen(since=datetime(2026, 11, 23, 9, 30, tzinfo=UTC)), 12),
    ],
)
def test_the_filter_leaves_what_it_says(program, actor, many, chosen, expected):
    with transaction(program, actor(program, "auditor")) as tx:
        assert len(sampling.population(tx, chosen).groups) == expected


def test_at_least_one_of_each_provider(program, actor, many):
    auditor = actor(program, "auditor")
    for seed in ("a", "b", "c", "d", "e", "f"):
        reference = _drawn(program, auditor, seed=seed, size=2, stratified="provider")
        drawn = [item.disclosure for item in use(program, auditor, sampling.consult, reference).items]
        assert {many.index(one) >= 10 for one in drawn} == {True, False}
    with pytest.raises(UnusableInput) as refused:
        _drawn(program, auditor, size=1, stratified="ground")
    assert refused.value.problems == {"size": sampling.TOO_FEW}


def test_disclosures_whose_details_are_gone_are_counted_and_not_guessed(program, actor, many):
    with transaction(program, jobs.JOBS) as tx:
        gone = next(iter(log(program, "signal:disclose")))[0].seq
        tx.record("retention:erase", object_type="log", details={"rule": "log", "count": 1})
        tx.append_now()
        audit_trail.destroy(tx.session, [gone], audit_trail.size(tx.session) - 1)
    with transaction(program, actor(program, "auditor")) as tx:
        found = sampling.population(tx, sampling.Chosen(recipient="avim"))
        assert (len(found.groups), found.left_out) == (9, 1)
        assert len(sampling.population(tx, sampling.Chosen()).groups) == 12


@pytest.mark.parametrize(
    ("seed", "size"),
    [
        ("", 4),
        ("x" * 65, 4),
        ("a\nb", 4),
        ("bel 0612345678", 4),
        ("111222333", 4),
        ("zaad", 0),
        ("zaad", 501),
        ("zaad", None),
    ],
)
def test_a_seed_holds_no_person_and_a_number_is_one(program, actor, many, seed, size):
    with pytest.raises(UnusableInput) as refused:
        _drawn(program, actor(program, "auditor"), seed=seed, size=size)
    assert set(refused.value.problems) <= {"seed", "size"}
    assert "0612345678" not in str(refused.value)
    assert log(program, "sample:draw") == []


def test_nothing_to_draw_from_is_said(program, actor):
    with pytest.raises(UnusableInput) as refused:
        _drawn(program, actor(program, "auditor"))
    assert refused.value.problems == {"filters": sampling.NOTHING}


@pytest.mark.parametrize("login", ["havendam", "fg.havendam", "coordinator", "beheer"])
def test_only_auditors_draw_and_read(program, actor, many, login):
    reference = _drawn(program, actor(program, "auditor"))
    for case, options in (
        (sampling.consult, (reference,)),
        (sampling.samples, ()),
        (sampling.report_file, (reference,)),
    ):
        with pytest.raises(Refused):
            use(program, actor(program, login), case, *options)
    with pytest.raises(Refused):
        _drawn(program, actor(program, login))


def _judged(program, auditor, reference, position=1, **options):
    said = {"verdict": "in_order", "looked_at": ["ground", "receipt"], "finding": "", **options}
    use(program, auditor, sampling.judge, reference, position, **said)


def test_a_judgement_is_kept_masked_and_recorded(program, actor, many):
    auditor = actor(program, "auditor")
    reference = _drawn(program, auditor)
    _judged(program, auditor, reference, verdict="question", finding="Bel even met 0612345678 over deze verstrekking.")
    item = use(program, auditor, sampling.consult, reference).items[0]
    assert item.verdict == "question"
    assert item.looked_at == ("ground", "receipt")
    assert "0612345678" not in item.finding
    ((entry, told),) = log(program, "sample:judge")
    assert (entry.object, told["disclosure"], told["result"]) == (reference, item.disclosure, "question")


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"verdict": "question"}, "finding"),
        ({"verdict": "prima"}, "verdict"),
        ({"verdict": ""}, "verdict"),
        ({"looked_at": ["everything"]}, "looked_at"),
        ({"finding": "BSN 111222333"}, "finding"),
        ({"finding": "x" * 1001}, "finding"),
    ],
)
def test_a_judgement_that_cannot_be_used_changes_nothing(program, actor, many, options, field):
    auditor = actor(program, "auditor")
    reference = _drawn(program, auditor)
    with pytest.raises(UnusableInput) as refused:
        _judged(program, auditor, reference, **options)
    assert set(refused.value.problems) == {field}
    assert use(program, auditor, sampling.consult, reference).judged == 0


def test_another_auditor_reads_along_and_changes_nothing(program, actor, many):
    auditor = actor(program, "auditor")
    reference = _drawn(program, auditor)
    colleague = replace(auditor, account_id=actor(program, "voorzitter").account_id)
    assert not use(program, colleague, sampling.consult, reference).own
    with pytest.raises(Refused, match="other_auditor"):
        _judged(program, colleague, reference)


def _concluded(program, auditor, reference):
    use(program, auditor, sampling.conclude, reference, result="points", conclusion=WORDS)


@pytest.fixture
def concluded(program, actor, many):
    auditor = actor(program, "auditor")
    reference = _drawn(program, auditor)
    _judged(program, auditor, reference, 1)
    _judged(program, auditor, reference, 2, verdict="not_in_order", finding="De tweede persoon ontbreekt.")
    _concluded(program, auditor, reference)
    return reference


def test_after_concluding_nothing_changes_any_more(program, actor, concluded):
    auditor = actor(program, "auditor")
    with pytest.raises(Conflict):
        _judged(program, auditor, concluded, 3)
    with pytest.raises(Conflict):
        _concluded(program, auditor, concluded)
    view = use(program, auditor, sampling.consult, concluded)
    assert (view.judged, len(view.open), view.damage) == (2, 2, ())


def test_the_report_names_what_was_left_open_and_stands_in_the_log(program, actor, concluded):
    with reading(program) as session:
        sample = session.query(Sample).filter_by(reference=concluded).one()
        told = json.loads(sample.report_data)
        pdf = sample.report_pdf
    assert len(told["open"]) == 2
    assert told["pdf_sha256"] == hashlib.sha256(pdf).hexdigest()
    assert pdf.startswith(b"%PDF")
    ((_, said),) = log(program, "sample:conclude")
    assert said["report_hash"] == hashlib.sha256(sample.report_data).hexdigest()
    assert said["count"] == 2


def test_the_web_has_no_report_before_the_jobs_signed_it(program, actor, concluded):
    auditor = actor(program, "auditor")
    with pytest.raises(sampling.NotFound):
        use(program, auditor, sampling.report_file, concluded)
    assert sample_report.sign_reports(program, jobs.JOBS) == 1
    assert sample_report.sign_reports(program, jobs.JOBS) == 0
    assert use(program, auditor, sampling.consult, concluded).signed


def test_the_files_prove_themselves_with_the_public_key_alone(program, actor, concluded, tmp_path):
    jobs.run_requests(program)
    zipped = zipfile.ZipFile(BytesIO(use(program, actor(program, "auditor"), sampling.report_file, concluded)))
    files = {name: zipped.read(name) for name in zipped.namelist()}
    key = Verifier.from_text(program.settings.log_public_key.read_text().split("\n")[0])
    text_signed, _ = open_text(files["report.sig"].decode(), [key])
    for name in ("report.json", "report.pdf"):
        assert f"{hashlib.sha256(files[name]).hexdigest()}  {name}" in text_signed.split("\n")
    proven = receipt.verify(files["conclusion.tlog-proof"].decode(), [key])
    assert (proven.entry.action, proven.entry.object) == ("sample:conclude", concluded)
    told = json.loads(files["conclusion.details"])
    assert told["details"]["report_hash"] == hashlib.sha256(files["report.json"]).hexdigest()
    # And with the commands that the text in the zip names.
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    for command in (("note", "report.sig"), ("receipt", "conclusion.tlog-proof")):
        ran = subprocess.run(
            [
                sys.executable,
                "-m",
                "audit",
                command[0],
                str(tmp_path / command[1]),
                "--public-key",
                str(program.settings.log_public_key),
            ],
            capture_output=True,
            text=True,
            check=False,
        )
        assert ran.returncode == 0, ran.stderr + ran.stdout


CHANGES = {
    "finding": (update(SampleItem).where(SampleItem.position == 2).values(finding="Niets."), {"rows"}),
    "verdict": (update(SampleItem).where(SampleItem.position == 3).values(verdict="in_order"), {"rows"}),
    "conclusion": (update(Sample).values(conclusion="Alles goed."), {"rows"}),
    "seed": (update(Sample).values(seed="een ander"), {"rows"}),
    "pdf": (update(Sample).values(report_pdf=b"%PDF-1.4 anders"), {"pdf", "signature"}),
    "data": (update(Sample).values(report_data=b"{}"), {"data", "pdf", "log", "rows", "signature"}),
    "signature": (update(Sample).values(signature="geen"), {"signature"}),
}


@pytest.mark.parametrize("change", sorted(CHANGES))
def test_a_report_that_was_changed_afterwards_is_found_and_not_handed_out(program, actor, concluded, change):
    sample_report.sign_reports(program, jobs.JOBS)
    statement, expected = CHANGES[change]
    with program.write_sessions() as session:
        session.execute(statement)
        session.commit()
    auditor = actor(program, "auditor")
    assert set(use(program, auditor, sampling.consult, concluded).damage) == expected
    with pytest.raises(Conflict):
        use(program, auditor, sampling.report_file, concluded)


def test_data_and_digest_changed_together_do_not_get_a_signature(program, actor, concluded):
    other = b'{"format":"x"}'
    with program.write_sessions() as session:
        session.execute(update(Sample).values(report_data=other, report_hash=hashlib.sha256(other).hexdigest()))
        session.commit()
    assert sample_report.sign_reports(program, jobs.JOBS) == 0
    assert "log" in use(program, actor(program, "auditor"), sampling.consult, concluded).damage


def test_earlier_draws_are_told(program, actor, many, clock):
    auditor = actor(program, "auditor")
    for seed in ("een", "twee"):
        _drawn(program, auditor, seed=seed)
        clock.now += timedelta(minutes=1)
    reference = _drawn(program, auditor, seed="drie")
    _concluded(program, auditor, reference)
    with reading(program) as session:
        told = json.loads(
            session.scalar(text("SELECT report_data FROM samples WHERE reference = :r"), {"r": reference})
        )
    assert told["earlier_draws"] == 2
