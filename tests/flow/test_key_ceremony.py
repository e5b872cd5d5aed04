"""The key ring under two people's passphrases: out, back, and every way in which that must not work."""

import json
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from click.testing import CliRunner

from signaltable.cli import main
from signaltable.flow import key_ceremony, setup
from signaltable.keys import KeyRing, KeyRingError
from signaltable.keys import export as sealed_export
from signaltable.keys.export import Cost, compare, open_export, put_over, seal_ring
from signaltable.keys.file_ring import read_ring
from tests.databases import throw_away
from tests.table_steps import log

ONE, TWO = "de eerste bewaarder zingt", "en de tweede luistert stil"
CHEAP = Cost(1, 64, 1)
DAY = date(2026, 11, 22)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ring.json"


@pytest.fixture
def ring(path: Path) -> KeyRing:
    ring = KeyRing.create(path, on=DAY)
    ring.add_agency("care-a", on=DAY)
    return ring


def sealed(ring: KeyRing) -> bytes:
    return seal_ring(ring.contents, ONE, TWO, on=DAY, cost=CHEAP)


def opened(raw: bytes, one: str = ONE, two: str = TWO):
    return open_export(Path("export.json"), raw, one, two)


def test_both_passphrases_open_it_and_nothing_of_it_reads_without(ring: KeyRing, path: Path) -> None:
    raw = sealed(ring)
    assert list(opened(raw).all()) == list(ring.contents.all())
    for key in json.loads(path.read_text())["keys"]:
        assert key["key"].encode() not in raw
        assert key["fingerprint"].encode() not in raw
    assert b"care-a" not in raw
    # Made twice, it is another file each time.
    assert raw != sealed(ring)
    # The same letters, composed by another keyboard.
    accent = seal_ring(ring.contents, "caf\u00e9 caf\u00e9 caf\u00e9 caf\u00e9", TWO, on=DAY, cost=CHEAP)
    assert opened(accent, "cafe\u0301 cafe\u0301 cafe\u0301 cafe\u0301")


def test_no_passphrase_alone_and_no_other_two_open_it_and_none_is_named(ring: KeyRing) -> None:
    raw = sealed(ring)
    said = set()
    for one, two in (
        (ONE, "x" * 20),
        ("x" * 20, TWO),
        (TWO, ONE),
        (ONE, ONE),
        (TWO, TWO),
        ("", ""),
        (ONE.upper(), TWO),
    ):
        with pytest.raises(KeyRingError) as refused:
            opened(raw, one, two)
        said.add(str(refused.value))
    assert len(said) == 1
    assert "\n" not in said.pop()


@pytest.mark.parametrize(
    ("one", "two", "message"),
    [
        (ONE, ONE, "two different"),
        (ONE, f" {ONE.upper()} ", "two different"),
        (ONE, "short", "at least 16"),
        ("short", TWO, "at least 16"),
        (ONE, "x" * 15 + "      ", "at least 16"),
    ],
)
def test_passphrases_that_will_not_do_are_refused(ring: KeyRing, one: str, two: str, message: str) -> None:
    with pytest.raises(KeyRingError, match=message) as refused:
        seal_ring(ring.contents, one, two, on=DAY, cost=CHEAP)
    assert one not in str(refused.value)
    assert two not in str(refused.value)


def test_a_bit_that_is_flipped_anywhere_is_found(ring: KeyRing) -> None:
    raw = sealed(ring)
    body = raw.index(b'"sealed"') + 40
    # Every byte of what says how it was sealed; of the long tail some, and the end.
    places = [*range(body), *range(body, len(raw), 97), *range(len(raw) - 6, len(raw))]
    for at in places:
        for bit in (0, 5):
            changed = bytearray(raw)
            changed[at] ^= 1 << bit
            with pytest.raises(KeyRingError):
                opened(bytes(changed))
    for cut in (0, 1, 20, len(raw) // 2, len(raw) - 1):
        with pytest.raises(KeyRingError):
            opened(raw[:cut])
    with pytest.raises(KeyRingError):
        opened(raw + b"\n")


def test_a_file_cannot_ask_for_more_than_a_machine_has(ring: KeyRing, monkeypatch: pytest.MonkeyPatch) -> None:
    raw, asked = sealed(ring), []
    monkeypatch.setattr(sealed_export, "hash_secret_raw", lambda *given: asked.append(given))
    for change in (
        {"memory": 2**40},
        {"passes": 10**9},
        {"lanes": 500},
        {"passes": 0},
        {"memory": "much"},
        {"memory": 1},
    ):
        document = json.loads(raw)
        document["cost"].update(change)
        with pytest.raises(KeyRingError, match="keys export"):
            opened(sealed_export._written(document))
    assert asked == []


def test_an_export_is_told_apart_from_the_ring_that_is_there(ring: KeyRing, path: Path, tmp_path: Path) -> None:
    first = opened(sealed(ring))
    assert compare(ring.contents, first).kind == "same"
    assert compare(KeyRing.create(tmp_path / "other.json").contents, first).kind == "other"
    ring.add_agency("police-b", on=DAY)
    ring.add_version("match", 1, on=DAY)
    found = compare(ring.contents, first)
    assert (found.kind, found.lost) == ("older", 3)
    assert compare(first, ring.contents).kind == "newer"
    # What was destroyed stays destroyed, also when an older export still has it.
    ring.add_version("match", 2, on=DAY)
    second = opened(sealed(ring))
    ring.destroy_version("match", 1, on=DAY)
    restored = put_over(ring.contents, second)
    assert [(one.state, bool(one.material)) for one in restored.keys["match", ""]] == [
        ("destroyed", False),
        ("retired", True),
        ("active", True),
    ]
    assert restored.revision > max(ring.contents.revision, second.revision)


# -- in a home ------------------------------------------------------------------------------------------------------


@pytest.fixture
def ceremony(sqlite_settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """run(command, ...) for the home of this test, with two files of passphrases."""
    monkeypatch.setattr(sealed_export.seal_ring, "__kwdefaults__", {"cost": CHEAP})
    monkeypatch.setenv("SIGNALTABLE_HOME", str(sqlite_settings.home))
    monkeypatch.setenv("DATABASE_URL", sqlite_settings.database_url)
    for number, words in ((1, ONE), (2, TWO)):
        (tmp_path / f"pass{number}").write_text(words + "\n")

    def run(command: str, file: Path, *more: str):
        words = [part for n in (1, 2) for part in (f"--passphrase-file-{n}", str(tmp_path / f"pass{n}"))]
        return CliRunner().invoke(main, ["keys", command, str(file), *words, *more])

    return run


def ring_of(settings) -> list:
    return list(read_ring(settings.key_ring, require_private=True).all())


def test_a_lost_ring_comes_back_and_everything_opens(ceremony, sqlite_program, sqlite_settings, tmp_path: Path) -> None:
    file = tmp_path / "export.json"
    assert ceremony("export", file).exit_code == 0
    assert file.stat().st_mode & 0o777 == 0o600
    before = ring_of(sqlite_settings)
    sqlite_settings.key_ring.unlink()
    done = ceremony("restore", file)
    assert (done.exit_code, done.output.count("\n")) == (0, 1)
    assert ring_of(sqlite_settings) == before
    assert sqlite_settings.key_ring.stat().st_mode & 0o777 == 0o600
    (exported, restored) = log(sqlite_program, "key:export")[-1], log(sqlite_program, "key:restore")[-1]
    assert exported[1]["size"] == restored[1]["size"] == len(before)
    assert exported[1]["file_hash"] == restored[1]["file_hash"]
    assert restored[1]["cause"] == "lost"
    # Nothing is left beside it that holds a key.
    assert [one.name for one in sqlite_settings.key_ring.parent.iterdir() if "part" in one.name] == []


def test_an_export_never_writes_over_a_file_and_leaves_none_when_it_fails(ceremony, tmp_path: Path) -> None:
    file = tmp_path / "export.json"
    file.write_text("mine")
    assert ceremony("export", file).exit_code == 2
    assert file.read_text() == "mine"
    target = tmp_path / "elsewhere"
    (tmp_path / "link.json").symlink_to(target)
    assert ceremony("export", tmp_path / "link.json").exit_code == 2
    assert not target.exists()
    (tmp_path / "pass2").write_text("short\n")
    refused = ceremony("export", tmp_path / "new.json")
    assert refused.exit_code == 1
    assert "at least 16" in refused.output
    assert not (tmp_path / "new.json").exists()
    (tmp_path / "pass2").write_text("two\nlines\n")
    assert ceremony("export", tmp_path / "new.json").exit_code == 2


def test_only_the_same_ring_is_replaced_and_only_when_told(
    ceremony, sqlite_program, sqlite_settings, tmp_path: Path
) -> None:
    file, later = tmp_path / "first.json", tmp_path / "second.json"
    ceremony("export", file)
    kept = sqlite_settings.key_ring.read_bytes()
    assert "has the same keys already" in ceremony("restore", file).output
    sqlite_program.keys.add_version("match", 1)
    sqlite_program.keys.destroy_version("match", 1)
    ceremony("export", later)
    now = ring_of(sqlite_settings)
    # An older export: not without being told, and not as a newer one.
    for flags in ((), ("--replace", "newer")):
        refused = ceremony("restore", file, *flags)
        assert refused.exit_code == 1
        assert "an export that is older, which lacks 1 keys" in refused.output
        assert ring_of(sqlite_settings) == now
    # A ring that went back, as with a backup of the home: the newer export goes over it.
    sqlite_settings.key_ring.write_bytes(kept)
    assert "an export that is newer" in ceremony("restore", later).output
    assert ceremony("restore", later, "--replace", "newer").exit_code == 0
    assert [(str(one), one.state) for one in ring_of(sqlite_settings)] == [(str(one), one.state) for one in now]


def test_the_ring_of_another_home_is_refused(ceremony, sqlite_settings, tmp_path: Path) -> None:
    other = KeyRing.create(tmp_path / "other.json")
    (tmp_path / "foreign.json").write_bytes(sealed(other))
    before = sqlite_settings.key_ring.read_bytes()
    assert "found another one" in ceremony("restore", tmp_path / "foreign.json").output
    assert sqlite_settings.key_ring.read_bytes() == before
    # Also where no ring is left to compare with: the database says whose keys belong here.
    sqlite_settings.key_ring.unlink()
    refused = ceremony("restore", tmp_path / "foreign.json")
    assert refused.exit_code == 1
    assert "the export lacks those of 16" in refused.output
    assert not sqlite_settings.key_ring.exists()


def test_a_broken_ring_or_a_missing_database_is_said(ceremony, sqlite_settings, tmp_path: Path) -> None:
    file = tmp_path / "export.json"
    ceremony("export", file)
    sqlite_settings.key_ring.write_text("{")
    assert "move this file aside" in ceremony("restore", file).output
    sqlite_settings.key_ring.unlink()
    throw_away(sqlite_settings)
    refused = ceremony("restore", file)
    assert (refused.exit_code, refused.output.count("\n")) == (1, 1)
    assert "put that back first" in refused.output


def test_keys_in_a_token_are_not_exported(sqlite_program, tmp_path: Path) -> None:
    in_token = replace(sqlite_program, settings=replace(sqlite_program.settings, key_provider="pkcs11"))
    for act in (
        lambda: key_ceremony.export(in_token, setup.INSTALLER, tmp_path / "x", ONE, TWO),
        lambda: key_ceremony.put_back(in_token.settings, tmp_path / "x", ONE, TWO),
    ):
        with pytest.raises(key_ceremony.CannotRestore, match="the business of the token itself"):
            act()
    assert not (tmp_path / "x").exists()


def test_the_passphrases_are_asked_twice_and_never_shown(ceremony, sqlite_settings, tmp_path: Path) -> None:
    file = tmp_path / "export.json"
    typed = "\n".join([ONE, ONE, TWO, TWO, ""])
    done = CliRunner().invoke(main, ["keys", "export", str(file)], input=typed)
    assert done.exit_code == 0
    assert ONE not in done.output
    assert TWO not in done.output
    assert open_export(file, file.read_bytes(), ONE, TWO)
