"""Versions of a key: a new one is made, the old one opens until it is destroyed, and other processes notice at once."""

import base64
import json
from pathlib import Path

import pytest

from signaltable.keys import HYBRID_SUITE, CannotOpen, KeyRing, KeyRingError, envelope_version


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ring.json"


@pytest.fixture
def ring(path: Path) -> KeyRing:
    ring = KeyRing.create(path)
    ring.add_agency("care-a")
    return ring


def test_a_new_version_makes_what_is_new_and_the_old_one_still_derives(path: Path, ring: KeyRing) -> None:
    other = KeyRing.load(path, require_private=True)
    before = ring.derive("match", "tags")
    assert ring.add_version("match", 1) == 2
    # A process that read the ring before sees it without being told.
    assert (other.version("match"), other.usable("match")) == (2, (2, 1))
    assert other.derive("match", "tags", 1) == before != other.derive("match", "tags")


def test_a_version_that_is_asked_for_twice_is_made_once(ring: KeyRing) -> None:
    assert [ring.add_version("match", 1), ring.add_version("match", 1)] == [2, 2]
    assert [one.state for one in ring.versions("match")] == ["retired", "active"]


def test_an_envelope_of_before_opens_until_its_key_is_destroyed(ring: KeyRing) -> None:
    old = ring.seal("care-a", b"text", b"place")
    ring.add_version("agency", 1, agency_id="care-a", suite=HYBRID_SUITE)
    new = ring.seal("care-a", b"text", b"place")
    assert (envelope_version(old), envelope_version(new)) == (1, 2)
    assert ring.open("care-a", old, b"place") == ring.open("care-a", new, b"place") == b"text"
    ring.destroy_version("agency", 1, agency_id="care-a")
    assert ring.open("care-a", new, b"place") == b"text"
    with pytest.raises(CannotOpen):
        ring.open("care-a", old, b"place")


def test_of_a_destroyed_version_only_what_may_be_told_is_left(path: Path, ring: KeyRing) -> None:
    secret, rows = ring.secret("match"), ring.derive("rows", "rows of the database")
    tags, fingerprint = ring.derive("match", "tags"), ring.versions("match")[0].fingerprint
    ring.add_version("match", 1)
    ring.destroy_version("match", 1)
    again = KeyRing.load(path, require_private=True)
    # What the log rests on has a key of its own, which stays.
    assert again.derive("rows", "rows of the database", 1) == rows
    with pytest.raises(KeyRingError):
        again.derive("match", "tags", 1)
    with pytest.raises(KeyRingError):
        again.secret("match", 1)
    assert [(one.version, one.state) for one in again.versions("match")] == [(1, "destroyed"), (2, "active")]
    assert again.versions("match")[0].fingerprint == fingerprint
    text = path.read_text()
    assert not any(base64.b64encode(one).decode() in text for one in (secret, tags))


def test_the_key_at_work_is_not_destroyed_and_a_number_is_never_given_twice(ring: KeyRing) -> None:
    with pytest.raises(KeyRingError, match="retired"):
        ring.destroy_version("match", 1)
    ring.add_version("match", 1)
    ring.destroy_version("match", 1)
    ring.destroy_version("match", 1)
    assert ring.add_version("match", 2) == 3


def test_another_suite_has_to_be_one_that_the_program_has(ring: KeyRing) -> None:
    with pytest.raises(KeyRingError, match="suite"):
        ring.add_version("agency", 1, agency_id="care-a", suite="rot13")


def test_a_tombstone_with_a_key_in_it_is_refused(path: Path, ring: KeyRing) -> None:
    ring.add_version("match", 1)
    document = json.loads(path.read_text())
    next(one for one in document["keys"] if one["purpose"] == "match")["state"] = "destroyed"
    path.write_text(json.dumps(document))
    with pytest.raises(KeyRingError, match="match version 1: expected no key material here"):
        KeyRing.load(path, require_private=False)
