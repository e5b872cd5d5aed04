"""Exports of a part: a period of days, one agency; and nothing in it of any other agency."""

import json
import subprocess
import sys
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy import select

from audit.entry import parse
from audit.key_chain import tells_of_key
from signaltable import jobs
from signaltable.cli import main
from signaltable.domain import Refused
from signaltable.flow import enrich, linking, log_export, log_parts, referrals
from signaltable.flow.log_parts import Part
from signaltable.models import Account, LogEntry
from signaltable.transaction import reading, transaction
from tests.disclosure_steps import GIVEN, disclosed
from tests.factories import a_signal
from tests.table_steps import asked, log, submitted, triage_it, use


def _verify(directory: Path, key: Path) -> tuple[int, list]:
    command = [sys.executable, "-m", "audit", "verify", str(directory), "--json", "--public-key", str(key)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, json.loads(done.stdout)["findings"]


def _lines(directory: Path) -> list[dict]:
    """The entries of a part, without those that tell of a key of the log: they stand in every part."""
    lines = [json.loads(line) for line in (directory / "entries.jsonl").read_text().splitlines()]
    return [line for line in lines if not tells_of_key(line["action"], line.get("object_type", ""))]


def _bytes(directory: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(directory.rglob("*")) if path.is_file())


@pytest.fixture
def run(sqlite_program, monkeypatch):
    monkeypatch.setenv("SIGNALTABLE_HOME", str(sqlite_program.settings.home))
    monkeypatch.setenv("DATABASE_URL", sqlite_program.settings.database_url)
    return lambda *arguments: CliRunner().invoke(main, ["audit", "export", *map(str, arguments)])


def _note(program, at: datetime, who) -> None:
    program.clock.now = at
    with transaction(program, who) as tx:
        tx.record("login:end", object_id=f"{at:%d.%H.%M}", details={"cause": "test"})


def test_a_period_counts_in_days_of_the_netherlands_both_included(sqlite_program, actor, run, tmp_path):
    program, who = sqlite_program, actor(sqlite_program, "havendam")
    # In January the day begins at 23:00 UTC, in July at 22:00.
    for at in ("2027-01-09T22:59", "2027-01-09T23:00", "2027-01-11T22:59", "2027-01-11T23:00", "2027-07-01T22:00"):
        _note(program, datetime.fromisoformat(at).replace(tzinfo=UTC), who)

    made = run(tmp_path / "part", "--from", "2027-01-10", "--to", "2027-01-11", "--json")

    assert made.exit_code == 0, made.output
    told = json.loads(made.stdout)
    assert [line.get("object") for line in _lines(tmp_path / "part")] == ["09.23.00", "11.22.59"]
    assert (told["entries"], told["kind"], told["period_from"], told["period_to"]) == (
        3,
        "part",
        "2027-01-10",
        "2027-01-11",
    )
    assert _verify(tmp_path / "part", program.settings.log_public_key) == (0, [])
    assert run(tmp_path / "july", "--from", "2027-07-02", "--to", "2027-07-02").exit_code == 0
    assert [line.get("object") for line in _lines(tmp_path / "july")][:1] == ["01.22.00"]


def test_the_log_says_what_was_exported(sqlite_program, run, tmp_path):
    assert run(tmp_path / "whole").exit_code == 0
    assert run(tmp_path / "part", "--from", "2026-11-01", "--agency", "havendam").exit_code == 0
    told = [details for _entry, details in log(sqlite_program, "log:export")]
    assert [
        {name: one[name] for name in one.keys() & {"kind", "period_from", "period_to", "agency"}} for one in told
    ] == [
        {"kind": "whole"},
        {"kind": "part", "period_from": "2026-11-01", "agency": "havendam"},
    ]


@pytest.mark.parametrize(
    "options",
    [
        ("--from", "2026-02-30"),
        ("--from", "20261122"),
        ("--from", "2026-W47-1"),
        ("--to", "tomorrow"),
        ("--to", "9999-12-31"),
        ("--from", "0001-01-01"),
        ("--from", "2026-11-22", "--to", "2026-11-21"),
        ("--agency", "nobody"),
        ("--agency", "' OR 1=1"),
    ],
)
def test_a_part_that_cannot_be_is_told_in_one_line_and_recorded_nowhere(sqlite_program, run, tmp_path, options):
    before = len(log(sqlite_program, "log:export"))
    made = run(tmp_path / "export", *options)
    assert (made.exit_code, made.stdout, len(made.stderr.splitlines())) == (2, "", 1)
    assert not (tmp_path / "export").exists()
    assert len(log(sqlite_program, "log:export")) == before


def test_an_empty_part_is_an_export_too(sqlite_program, run, tmp_path):
    assert run(tmp_path / "part", "--from", "2035-01-01").exit_code == 0
    assert _lines(tmp_path / "part") == []
    assert _verify(tmp_path / "part", sqlite_program.settings.log_public_key) == (0, [])


@pytest.fixture
def busy(sqlite_program, actor):
    """Two owners with the same person, a link, a question to the other, disclosures to two receivers, and answers."""
    program = sqlite_program
    logins = ("havendam", "delinde", "coordinator", "essm")
    owner, other, coordinator, essm = (actor(program, login) for login in logins)
    mine = submitted(program, owner, a_signal(consent=GIVEN))
    theirs = submitted(program, other, a_signal(capacity="care-wgbo"))
    for reference in (mine, theirs):
        triage_it(program, coordinator, reference)
    question = asked(program, coordinator, mine, "delinde")[0]
    use(program, other, enrich.open_questions)
    use(program, other, enrich.read_question, question)
    use(program, other, enrich.answer, question, answer="no_hit")
    for who in (owner, other):
        (line,) = use(program, who, linking.own_links)
        use(program, who, linking.decide, line.id, confirmed=True)
    sent = {"essm": disclosed(program, owner, mine, "essm").reference}
    use(program, essm, referrals.read, sent["essm"])
    use(program, essm, referrals.accept, sent["essm"])
    return program, mine, theirs, sent


def test_the_part_of_an_agency_holds_its_own_entries_and_nothing_of_others(busy, tmp_path):
    program, mine, theirs, sent = busy
    with reading(program) as session:
        people = dict(session.execute(select(Account.id, Account.agency_id)).all())
        counts: dict[str, int] = {}
        for agency in session.scalars(select(LogEntry.agency)):
            counts[agency] = counts.get(agency, 0) + 1
    foreign = {
        "havendam": [theirs],
        "delinde": [mine, *sent.values()],
        "essm": [mine, theirs],
        "riec": [mine, theirs, *sent.values()],
    }
    own = {"havendam": [mine, *sent.values()], "delinde": [theirs], "essm": list(sent.values())}
    for agency, canaries in foreign.items():
        log_export.export(program, jobs.JOBS, tmp_path / agency, part=Part(agency=agency))
        told = _bytes(tmp_path / agency)
        others = [account for account, at in people.items() if at != agency]
        assert [canary for canary in [*canaries, *others] if canary.encode() in told] == [], agency
        assert all(canary.encode() in told for canary in own.get(agency, []))
        lines = _lines(tmp_path / agency)
        assert {line["agency"] for line in lines} <= {agency}
        assert len(lines) == counts.get(agency, 0)
        assert _verify(tmp_path / agency, program.settings.log_public_key) == (0, [])


def test_a_privacy_officer_may_ask_for_the_part_of_the_own_agency_only(busy, actor, tmp_path):
    program, mine, theirs, _sent = busy
    officer = actor(program, "fg.delinde")
    request = use(program, officer, log_export.request_export)
    with pytest.raises(Refused):
        use(program, actor(program, "fg.delinde"), log_export.request_export, Part(agency="havendam"))
    assert jobs.run_requests(program) == "made:1"
    path = use(program, officer, log_export.export_file, request)
    with zipfile.ZipFile(path) as packed:
        packed.extractall(tmp_path / "got")
    told = _bytes(tmp_path / "got")
    assert theirs.encode() in told
    assert mine.encode() not in told
    assert {line["agency"] for line in _lines(tmp_path / "got" / "logboek")} == {"delinde"}
    assert use(program, officer, log_export.my_exports)[0].part == Part(agency="delinde")
    with pytest.raises(Refused):
        use(program, actor(program, "delinde"), log_export.request_export)


def test_the_auditor_gets_the_period_that_was_asked_for(sqlite_program, actor, tmp_path):
    auditor = actor(sqlite_program, "auditor")
    asked_for = log_parts.Part(first=datetime(2026, 11, 23, tzinfo=UTC).date(), agency="havendam")
    request = use(sqlite_program, auditor, log_export.request_export, asked_for)
    assert jobs.run_requests(sqlite_program) == "made:1"
    assert use(sqlite_program, auditor, log_export.export_state, request).part == asked_for
    with zipfile.ZipFile(use(sqlite_program, auditor, log_export.export_file, request)) as packed:
        manifest = json.loads(packed.read("logboek/manifest.json"))
    assert manifest["selection"] == {"from": 1795388400000, "agency": "havendam"}


def test_progress_is_told_up_to_the_end(sqlite_program, tmp_path):
    told = []
    summary = log_export.export(sqlite_program, jobs.JOBS, tmp_path / "e", progress=lambda *one: told.append(one))
    assert told[-1] == (summary["size"], summary["size"])
    assert parse(_bytes_of_first(tmp_path / "e")).seq == 0


def _bytes_of_first(directory: Path) -> bytes:
    return (directory / "entries.jsonl").read_bytes().splitlines()[0]
