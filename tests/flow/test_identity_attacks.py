"""Attacks on identity with the whole database in hand: by dictionary, with the keys of one agency, by laying lists together.

Each attack is also tried where it must succeed, so that it is known to be able to. All columns of all tables are taken in
by reflection: a table that is added later is attacked without a change here.
"""

import base64
import binascii
import hashlib
import hmac
import itertools
import json
import re
import shutil
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from sqlalchemy import LargeBinary, create_engine, inspect, select
from sqlalchemy.orm import undefer_group

from audit import receipt
from signaltable.db import Base, make_engine
from signaltable.domain import Channel
from signaltable.flow import (
    attachments,
    drafts,
    exclusions,
    linking,
    log_export,
    log_keys,
    receipts,
    referrals,
    sealed_columns,
    setup,
    signing,
)
from signaltable.flow.coming_in.actors import actor_of_login
from signaltable.flow.log_parts import Part
from signaltable.identity import identity_from
from signaltable.keys import CannotOpen, KeyRing, KeyRingError, derive_key, pseudonym_key
from signaltable.keys.contents import gathered
from signaltable.keys.file_ring import file_document, read_ring
from signaltable.keys.suites import VERSION_STANDS_AT
from signaltable.keys.trusted_file import write
from signaltable.models import Disclosure, SignalKey, Subject, SubjectKey
from signaltable.program import assemble
from signaltable.pseudonymise import match_tags, recipient_pseudonym
from signaltable.transaction import Program, reading
from tests.conftest import Clock, _shipped_rules
from tests.disclosure_steps import GIVEN, disclosed
from tests.factories import a_person, a_signal
from tests.table_steps import submitted, use

# Who is in the database, as the attacker's dictionary has them among all others.
PEOPLE = {
    "havendam": ("Zorinka", "Proefveld", "1996-04-12", "0612345678"),
    "delinde": ("Quirijn", "Van der Toetsberg", "1983-11-30", "0687654321"),
}
SHORT = ("Al", "Ny", "1990-01-02", "0611111111")
LONG = ("Wilhelmina-Constantia", "Van Nieuwenhuyzen-Oudendijk", "1990-01-03", "0622222222")
OTHERS = [("Jan", "Jansen", "1970-01-01", "0600000000"), ("Fatima", "El Amrani", "2001-05-17", "0633333333")]


@dataclass(frozen=True)
class Home:
    """A program in which things happened, and every value of its database."""

    program: Program
    actors: dict[str, Any]
    signal: str
    sent: dict[str, str]


def person(given: str, surname: str, birth: str, phone: str, **more: Any) -> dict[str, Any]:
    identity = {"given_name": given, "surname": surname, "birth_date": birth, "phone": phone}
    return a_person(identity=identity, **more)


@pytest.fixture(scope="module")
def home(sqlite_region, tmp_path_factory) -> Iterator[Home]:
    """Signals of two agencies, one person known to both, links that were answered, two disclosures of one signal."""
    folder = tmp_path_factory.mktemp("attacked") / "home"
    shutil.copytree(sqlite_region.home, folder)
    settings = replace(sqlite_region, home=folder, database_url=f"sqlite:///{folder / 'signaltable.db'}")
    engine, clock = make_engine(settings.database_url), Clock()
    ring = KeyRing.load(settings.key_ring, require_private=True)
    program = replace(assemble(settings, engine, ring, _shipped_rules(settings)), clock=clock)
    actors = {
        login: replace(actor_of_login(program, login), channel=Channel.WEB, strength="two_factors")
        for login in ("havendam", "delinde", "essm", "fairwork")
    }
    yield _lived_in(program, actors, clock)
    engine.dispose()


def _lived_in(program: Program, actors: dict[str, Any], clock: Clock) -> Home:
    def story(*who: tuple[str, str, str, str], **more: Any) -> Any:
        words = f"{who[0][0]} {who[0][1]} krijgt haar loon niet; bel {who[0][3]}."
        return a_signal(subjects=[person(*one) for one in who], narrative=words, **more)

    signal = submitted(program, actors["havendam"], story(PEOPLE["havendam"], SHORT, consent=GIVEN))
    submitted(program, actors["delinde"], story(PEOPLE["delinde"], LONG, capacity="care-wgbo"))
    submitted(program, actors["delinde"], story(PEOPLE["havendam"], capacity="care-wgbo"))
    for line in use(program, actors["havendam"], linking.own_links):
        use(program, actors["havendam"], linking.decide, line.id, confirmed=False, reason="een ander geboortejaar")
    _kept_besides(program, actors, story, signal)
    sent = {}
    for recipient in ("essm", "fairwork"):
        clock.forward(minutes=7)
        made = disclosed(program, actors["havendam"], signal, recipient, categories=["pseudonymous"])
        clock.forward(minutes=11)
        use(program, actors[recipient], referrals.accept, made.reference)
        sent[recipient] = made.reference
    signing.sign_checkpoint(program)
    return Home(program, actors, signal, sent)


def _kept_besides(program: Program, actors: dict[str, Any], story: Any, signal: str) -> None:
    """Drafts, files and a value that links nobody: of each agency, about its own person."""
    references = {
        "havendam": signal,
        "delinde": submitted(program, actors["delinde"], story(LONG, capacity="care-wgbo")),
    }
    for agency, who in PEOPLE.items():
        prepared = attachments.prepare(
            program, actors[agency], f"{who[0]} {who[1]} belt uit {who[3]}.".encode(), who[1]
        )
        use(program, actors[agency], attachments.add_to_signal, references[agency], prepared, looked=True)
        draft = use(program, actors[agency], drafts.start, story(who))
        use(program, actors[agency], attachments.add_to_draft, draft.id, prepared, looked=True)
        review = program.clock().date() + timedelta(days=60)
        told = {"label": "Balie", "reason": "Van iedereen daar", "review_on": review}
        use(program, actors[agency], exclusions.add, "phone", {"phone": f"010 {who[3][3:]}"}, **told)


# -- the database, as somebody who stole it reads it ------------------------------------------------------------------


def cells(program: Program) -> Iterator[tuple[str, str, Any]]:
    """(table, column, value) of everything that is not empty, whatever tables there are."""
    engine = create_engine(program.settings.database_url)
    inspected = inspect(engine)
    with engine.connect() as connection:
        for table in inspected.get_table_names():
            names = [column["name"] for column in inspected.get_columns(table)]
            for row in connection.exec_driver_sql(f'SELECT * FROM "{table}"'):
                yield from ((table, name, value) for name, value in zip(names, row, strict=True) if value)
    engine.dispose()


def readings(value: Any) -> Iterator[bytes]:
    """A value as bytes, and what stands in it as hex or base64, also inside JSON."""
    raw = value if isinstance(value, bytes) else str(value).encode()
    yield raw
    for word in re.findall(rb"[A-Za-z0-9+/=_-]{16,}", raw):
        if re.fullmatch(rb"(?:[0-9a-fA-F]{2})+", word):
            yield bytes.fromhex(word.decode())
        with suppress(binascii.Error, ValueError):
            yield base64.b64decode(word, validate=True)


def windows(raw: bytes, size: int) -> Iterable[bytes]:
    return (raw[at : at + size] for at in range(len(raw) - size + 1))


def folded(text: str) -> str:
    return "".join(sign for sign in unicodedata.normalize("NFKD", text.lower()) if sign.isalnum())


# -- a: the database without the ring ---------------------------------------------------------------------------------


def test_no_name_date_or_number_of_a_person_stands_in_the_database(home: Home) -> None:
    known = [*PEOPLE.values(), SHORT, LONG]
    # Two letters stand everywhere; of the short name only date and number are looked for.
    words = {folded(word) for one in known for word in one if len(word) > 4}
    words |= {folded(f"{one[2][8:]}-{one[2][5:7]}-{one[2][:4]}") for one in known} | {one[3][1:] for one in known}

    def found(values: Iterable[tuple[str, str, Any]]) -> set[tuple[str, str, str]]:
        hits = set()
        for table, column, value in values:
            for raw in readings(value):
                plain = folded(raw.decode("utf-8", errors="ignore"))
                hits |= {(table, column, word) for word in words if word in plain}
        return hits

    assert found(cells(home.program)) == set()
    # The search finds what stands there: in any column, folded, as base64 in JSON.
    planted = json.dumps({"x": base64.b64encode("\u00e9n PRO\u00cbFVELD".encode()).decode()})
    assert found([("t", "c", planted)]) == {("t", "c", "proefveld")}


def guesses(home: Home) -> Iterator[bytes]:
    """Digests of everybody in a dictionary: every order, joint and fold, under no key and under keys that can be guessed."""
    with reading(home.program) as session:
        ids = [value for row in session.execute(select(Subject.id, Subject.signal_id)) for value in row]
        agencies = [*home.program.keys.agency_ids]
    keys = [b"", bytes(32), b"signaltable", b"match", b"tags", *(one.encode() for one in (*ids, *agencies))]
    keys += [
        derive_key(b"", f"{purpose}/{use}") for purpose in ("match", "recipient") for use in ("tags", "pseudonyms")
    ]
    for who in (*PEOPLE.values(), SHORT, LONG, *OTHERS):
        for message in messages(who):
            for kind in ("md5", "sha1", "sha256", "sha512", "sha3_256", "blake2b", "blake2s"):
                yield hashlib.new(kind, message).digest()
            yield from (hmac.digest(key, message, "sha256") for key in keys)
        identity = identity_from(
            "person", dict(zip(("given_name", "surname", "birth_date", "phone"), who, strict=True))
        )
        for key in keys:
            # Who reads the source makes the very tags, under what keys there are to guess.
            made = match_tags(key, identity, version=1, policy=home.program.policy.linking)
            yield from (tag.digest for tag in made)


def messages(who: tuple[str, ...]) -> Iterator[bytes]:
    parts = [who, tuple(map(str.lower, who)), tuple(map(str.upper, who)), tuple(map(folded, who))]
    for fields in dict.fromkeys(parts):
        chosen = [
            *((field,) for field in fields),
            fields[:2],
            fields[1::-1],
            fields[:3],
            (fields[1], fields[2]),
            fields,
        ]
        for some, joint in itertools.product(chosen, ("", " ", "|", ",")):
            yield joint.join(some).encode()


def test_no_guess_of_a_person_fits_anything_in_the_database(home: Home) -> None:
    seen = {
        window
        for table, _column, value in cells(home.program)
        if table != "alembic_version"
        for raw in readings(value)
        for window in windows(raw, 8)
    }
    guessed = set(guesses(home))
    assert len(guessed) > 10_000
    assert [guess for guess in guessed if guess[:8] in seen] == []
    # With the ring each of these people is found, so the dictionary is the right one; and a plain hash would be.
    who = PEOPLE["havendam"]
    identity = identity_from("person", dict(zip(("given_name", "surname", "birth_date", "phone"), who, strict=True)))
    ring = home.program.keys
    tags = match_tags(ring.derive("match", "tags"), identity, version=1, policy=home.program.policy.linking)
    assert all(tag.digest[:8] in seen for tag in tags)
    plain = hashlib.sha256(b"Zorinka Proefveld").hexdigest()
    assert {guess[:8] for guess in guessed} & {one for raw in readings(f"x:{plain}") for one in windows(raw, 8)}


# Equal tags are how two signals meet. Data keys that were wrapped together share the envelope of their wrapping key, which
# tells that they were made at one time for one agency. The log and the rules hold no field of a subject.
# The numbers of words in the index of a case are those of the same words in another: that is what it is looked up by.
MAY_BE_EQUAL = re.compile(
    r"match_tags\.digest|excluded_tags\.digest|search_rows\.terms|\w+\.wrapped|log_\w+\.\w+|policy_versions\.\w+"
)


def equals(values: Iterable[tuple[str, str, bytes]]) -> set[str]:
    """Columns of bytes in which 16 bytes stand that stand in another value, too."""
    places: dict[bytes, set[int]] = defaultdict(set)
    columns: dict[int, str] = {}
    for number, (table, column, value) in enumerate(values):
        columns[number] = f"{table}.{column}"
        # Envelopes inside JSON: what stands around them is the same for all.
        parts = list(readings(value))[1:] if value[:1] == b"{" else [value]
        for raw in parts:
            for window in windows(raw, 16):
                places[window].add(number)
    return {columns[number] for where in places.values() if len(where) > 1 for number in where}


def test_nothing_of_one_subject_equals_anything_of_another_but_tags(home: Home) -> None:
    held = [one for one in cells(home.program) if isinstance(one[2], bytes)]
    assert {f"{table}.{column}" for table, column, _value in held} >= {"subject_fields.sealed", "signals.owner_sealed"}
    found = {name for name in equals(held) if not MAY_BE_EQUAL.fullmatch(name)}
    assert found == set()
    twice = [one for one in held if one[0] == "subject_fields"][:1] * 2
    assert equals(twice) == {"subject_fields.sealed"}


def test_a_tag_says_nothing_but_that_it_equals_another(home: Home) -> None:
    engine = make_engine(home.program.settings.database_url)
    with engine.connect() as connection:
        tags = connection.exec_driver_sql("SELECT subject_id, set_id, digest FROM match_tags").all()
        same = connection.exec_driver_sql("SELECT subject_a, subject_b FROM links").all()
    engine.dispose()
    # No digest of one set is that of another set, so that nothing is learnt across sets.
    sets: dict[bytes, set[str]] = defaultdict(set)
    holders: dict[bytes, set[str]] = defaultdict(set)
    for subject, set_id, digest in tags:
        sets[digest].add(set_id)
        holders[digest].add(subject)
    assert {len(ids) for ids in sets.values()} == {1}
    linked = {frozenset(pair) for pair in same}
    shared = {frozenset(subjects) for subjects in holders.values() if len(subjects) > 1}
    assert shared
    assert shared <= linked


def test_the_length_of_a_name_does_not_show(home: Home) -> None:
    sizes: dict[str, set[int]] = defaultdict(set)
    with reading(home.program) as session:
        for column in sealed_columns.COLUMNS:
            for row in session.execute(sealed_columns.query_of(column)).mappings():
                for envelope in sealed_columns.envelopes(column, row):
                    sizes[column.stage].add(len(envelope.sealed))
    fields = {
        len(value) for table, column, value in cells(home.program) if (table, column) == ("subject_fields", "sealed")
    }
    # Of two letters and of twenty-seven: one mark, nonce, tag, and whole blocks of 32 bytes.
    assert {(size - 1 - 12 - 16) % 32 for size in fields} == {0}
    assert len(fields) <= 2
    # What is sealed for an agency shows in steps of 256 bytes, and a data key is always as long.
    assert len(sizes) >= 6
    for stage, found in sizes.items():
        assert len({size % 256 for size in found}) == 1, stage
        assert not stage.endswith(".wrapped") or len(found) == 1


# -- b: with the keys of one agency -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def stolen(home: Home, tmp_path_factory) -> KeyRing:
    """The ring of somebody who got hold of everything that is of one agency, and of nothing else."""
    path = tmp_path_factory.mktemp("stolen") / "ring.json"
    own = KeyRing.create(path)
    taken = read_ring(home.program.settings.key_ring, require_private=True)
    theirs = [key for key in taken.all() if key.agency == "havendam"]
    write(path, file_document(gathered([*own.contents.all(), *theirs], 2)))
    return KeyRing.load(path, require_private=True)


def test_the_keys_of_one_agency_open_no_envelope_of_another(home: Home, stolen: KeyRing) -> None:
    opened: dict[str, int] = defaultdict(int)
    shut: dict[str, int] = defaultdict(int)
    with reading(home.program) as session:
        for column in sealed_columns.COLUMNS:
            for row in session.execute(sealed_columns.query_of(column)).mappings():
                for envelope in sealed_columns.envelopes(column, row):
                    # As whoever it is for, and as the agency whose keys were stolen.
                    for claimed in {envelope.agency_id, "havendam"}:
                        try:
                            sealed_columns.opens(stolen, column, replace(envelope, agency_id=claimed))
                            opened[envelope.agency_id] += 1
                        except (CannotOpen, KeyRingError):
                            shut[envelope.agency_id] += 1
                    sealed_columns.opens(home.program.keys, column, envelope)
    assert set(opened) == {"havendam"}
    assert shut["havendam"] == 0
    assert opened["havendam"] >= 5
    assert {"delinde", "essm", "fairwork"} <= set(shut)


def test_every_envelope_in_the_database_was_tried(home: Home) -> None:
    """What begins like an envelope stands in a column that the test above goes through, in bytes or in base64."""
    tried = {one.stage for one in sealed_columns.COLUMNS}
    marks = tuple(VERSION_STANDS_AT)
    holding = {
        f"{table}.{column}"
        for table, column, value in cells(home.program)
        for raw in readings(value)
        if any(mark in raw for mark in marks)
    }
    assert holding <= tried
    assert {"signals.owner_sealed", "subject_keys.wrapped", "disclosures.payload_recipient"} <= holding
    # And of the columns of bytes that hold something else it was said what that is.
    of_bytes = {
        f"{table.name}.{column.name}"
        for table in Base.metadata.tables.values()
        for column in table.columns
        if isinstance(column.type, LargeBinary)
    }
    assert of_bytes <= tried | set(sealed_columns.NOT_FOR_AN_AGENCY)


def keystream_readings(key: bytes, value: bytes) -> Iterator[bytes]:
    """AES-GCM read without its check, as an attacker may: no associated data is needed for that."""
    for start in (0, 1):
        nonce, body = value[start : start + 12], value[start + 12 :]
        if len(nonce) == 12 and body:
            counter = nonce + (2).to_bytes(4, "big")
            yield Cipher(algorithms.AES(key), modes.CTR(counter)).decryptor().update(body)


def test_the_data_keys_of_one_agency_open_no_field_of_another(home: Home, stolen: KeyRing) -> None:
    keys: set[bytes] = {bytes(32), stolen.derive("recipient", "pseudonyms", agency_id="havendam")}
    for use_ in ("tags", "sketch"):
        keys.add(stolen.derive("match", use_))
    with reading(home.program) as session:
        rows = [*session.execute(select(SubjectKey.subject_id, SubjectKey.wrapped))]
        rows += session.execute(select(SignalKey.signal_id, SignalKey.wrapped))
    for of, wrapped in rows:
        try:
            keys.add(stolen.unwrap("havendam", wrapped, of).material)
        except CannotOpen:
            continue
    assert len(keys) >= 5
    theirs = [word.encode() for who in (PEOPLE["delinde"], LONG) for word in who]
    ours = [word.encode() for word in PEOPLE["havendam"]]
    read = [
        (f"{table}.{column}", plain)
        for table, column, value in cells(home.program)
        if isinstance(value, bytes) and not table.startswith("log_")
        for raw in readings(value)
        for key in keys
        for plain in keystream_readings(key, raw)
    ]
    assert [where for where, plain in read if any(word in plain for word in theirs)] == []
    assert {where for where, plain in read if any(word in plain for word in ours)} >= {
        "subject_fields.sealed",
        "attachment_parts.sealed",
    }


# -- c: two recipients lay what they got side by side -----------------------------------------------------------------

# What both got about the case itself, in words and codes of the rules, under the ground that let it through; and who sent
# it when. It says what happened, not to whom; what is known of the subject by name is not released here.
CASE_FIELDS = {
    "signal.urgency", "signal.acute_danger", "signal.forms", "signal.form_rows", "signal.narrative_masked",
    "signal.observed_on", "signal.municipality", "signal.source_quality", "signal.consent",
    "subject.kind", "subject.role", "subject.age_band", "subject.gender",
}  # fmt: skip
# Of an entry of the log: words of the log itself, and the officer of the provider who sent both.
PUBLIC_OF_ENTRIES = {
    "format", "action", "outcome", "role", "channel", "strength", "object_type", "source", "retention_class", "agency",
    "actor",
}  # fmt: skip
PUBLIC_OF_PAYLOADS = {"format", "ground", "ground_digest", "provider", "purpose"}


def strings(value: Any, public: set[str], name: str = "") -> Iterator[str]:
    """All that stands in a document, but under the names that were reviewed; numbers as well."""
    if name in public:
        return
    if isinstance(value, dict):
        if value.get("field") in CASE_FIELDS:
            return
        for inner, one in value.items():
            if inner != "field":
                yield from strings(one, public, inner)
    elif isinstance(value, list):
        for one in value:
            yield from strings(one, public, name)
    else:
        yield str(value)


def of_payload(home: Home, recipient: str) -> set[str]:
    with reading(home.program) as session:
        row = session.scalars(
            select(Disclosure).where(Disclosure.reference == home.sent[recipient]).options(undefer_group("sealed"))
        ).one()
        raw = home.program.keys.open(recipient, row.payload_recipient, referrals.place(row, recipient))
    return set(strings(json.loads(raw), PUBLIC_OF_PAYLOADS))


def of_receipts(home: Home, recipient: str) -> set[str]:
    program, who = home.program, home.actors[recipient]
    program.clock.forward(minutes=3)  # No two people fetch in the same millisecond.
    found: set[str] = set()
    for one in use(program, who, receipts.for_receiver, home.sent[recipient]):
        made = use(program, who, receipts.fetch_as_receiver, home.sent[recipient], one.seq)
        proven = receipt.verify(made.text, log_keys.public_keys(program.settings))
        found |= set(strings(json.loads(proven.entry_bytes), PUBLIC_OF_ENTRIES))
    assert found
    return found


def of_log_part(home: Home, recipient: str, folder: Path) -> set[str]:
    log_export.export(home.program, setup.INSTALLER, folder, part=Part(agency=recipient))
    entries = [json.loads(line) for line in (folder / "entries.jsonl").read_text().splitlines()]
    # The keys of the log are announced to everybody.
    own = [one for one in entries if one["object_type"] != "log"]
    assert own
    numbers = {one["seq"] for one in own}
    details = [json.loads(line) for line in (folder / "details.jsonl").read_text().splitlines()]
    told = [one for one in details if one["seq"] in numbers]
    return {text for one in (*own, *told) for text in strings(one, PUBLIC_OF_ENTRIES)}


def joined(one: set[str], other: set[str]) -> set[str]:
    """What could join two lists: any word of six signs or more that stands in both, in whatever it stands."""
    words = [{word for text in some for word in re.findall(r"[\w.:/+=-]{6,}", text)} for some in (one, other)]
    return words[0] & words[1]


def test_two_recipients_cannot_join_what_they_got(home: Home, tmp_path: Path) -> None:
    one, other = (
        of_payload(home, name) | of_receipts(home, name) | of_log_part(home, name, tmp_path / name)
        for name in ("essm", "fairwork")
    )
    assert len(one) > 15
    assert joined(one, other) == set()
    # One shared pseudonym would be found, and so would the reference of the signal.
    assert joined(one | {"P-6F5H-4F4V-4C"}, other | {"(P-6F5H-4F4V-4C)"}) == {"P-6F5H-4F4V-4C"}


def test_with_the_secret_of_one_recipient_the_other_list_stays_closed(home: Home, stolen: KeyRing) -> None:
    with reading(home.program) as session:
        subjects = session.scalars(select(Subject.id)).all()
    ring = home.program.keys
    theirs = of_payload(home, "fairwork")
    leaked = pseudonym_key(ring, "essm")
    # Knowing every id of a subject and the secret of essm: its own list comes out, that of another does not.
    tried = {
        recipient_pseudonym(leaked, reader, subject)
        for reader in ("essm", "fairwork", "table:1")
        for subject in subjects
    }
    assert tried & of_payload(home, "essm")
    assert tried & theirs == set()
    assert {recipient_pseudonym(pseudonym_key(ring, "fairwork"), "fairwork", subject) for subject in subjects} & theirs
