"""Which key counted when: trust goes over announced handovers that both keys signed, and over nothing else."""

from collections.abc import Sequence

import pytest
from log_samples import ORIGIN, SIGNER, STRANGER

from audit import checkpoint, key_chain
from audit.checkpoint import Checkpoint
from audit.errors import BadKey, BadNote, RetiredKey
from audit.key_chain import Announcement, Span
from audit.note import ML_DSA_44, Signer, Verifier

OLD, NEW, NEWER = SIGNER, Signer(ORIGIN, b"2" * 32), Signer(ORIGIN, b"3" * 32)
OTHER_KIND = Signer(ORIGIN, b"4" * 32, ML_DSA_44)
NEW_OTHER_KIND = Signer(ORIGIN, b"5" * 32, ML_DSA_44)


def at(size: int, *signers: Signer) -> str:
    return checkpoint.sign(Checkpoint(ORIGIN, size, bytes([size]) * 32), *signers)


def keys(*signers: Signer) -> tuple[Verifier, ...]:
    return tuple(signer.verifier() for signer in signers)


def replaced(seq: int, old: Signer, new: Signer, *, restored: bool = False) -> Announcement:
    return Announcement(seq, new.verifier().fingerprint, old.verifier().fingerprint, restored)


def added(seq: int, new: Signer) -> Announcement:
    return Announcement(seq, new.verifier().fingerprint)


# A log that changed its key twice: OLD until 20, NEW until 40, NEWER since.
NOTES = (at(10, OLD), at(20, OLD, NEW), at(30, NEW), at(40, NEW, NEWER), at(50, NEWER))
ANNOUNCED = (replaced(19, OLD, NEW), replaced(39, NEW, NEWER))
LISTED = keys(OLD, NEW, NEWER)


@pytest.mark.parametrize("given", [(), keys(OLD), keys(NEW), keys(NEWER), LISTED], ids=len)
def test_any_one_key_of_a_log_opens_all_of_it(given: Sequence[Verifier]) -> None:
    chain = key_chain.trusted(given, LISTED, NOTES, ANNOUNCED)
    assert chain.spans == (
        Span(OLD.verifier(), 0, 20),
        Span(NEW.verifier(), 20, 40),
        Span(NEWER.verifier(), 40, None),
    )
    assert (chain.unreached, chain.unlisted, chain.current) == ((), (), keys(NEWER))
    assert [chain.open_note(note).size for note in NOTES] == [10, 20, 30, 40, 50]


@pytest.mark.parametrize(
    ("notes", "announced"),
    [
        pytest.param((NOTES[0], at(20, NEW), *NOTES[2:]), ANNOUNCED, id="the old key did not sign"),
        pytest.param((NOTES[0], at(20, OLD), *NOTES[2:]), ANNOUNCED, id="the new key did not sign"),
        pytest.param(NOTES, ANNOUNCED[1:], id="not announced"),
        pytest.param(NOTES, (replaced(20, OLD, NEW), ANNOUNCED[1]), id="announced after the checkpoint"),
        pytest.param(NOTES, (replaced(19, STRANGER, NEW), ANNOUNCED[1]), id="announced for another key"),
        pytest.param(NOTES[:1] + NOTES[2:], ANNOUNCED, id="the checkpoint of both is gone"),
    ],
)
def test_without_a_handover_trust_stops(notes: Sequence[str], announced: Sequence[Announcement]) -> None:
    assert key_chain.trusted(keys(OLD), LISTED, notes, announced).unreached == keys(NEW, NEWER)
    assert key_chain.trusted(keys(NEWER), LISTED, notes, announced).unreached == keys(OLD)


def test_a_key_that_was_replaced_signs_nothing_newer_and_a_new_one_nothing_older() -> None:
    chain = key_chain.trusted(keys(NEWER), LISTED, NOTES, ANNOUNCED)
    for note in (at(21, OLD), at(50, OLD), at(60, NEW), at(60, OLD, NEW), at(10, NEW), at(39, NEWER)):
        with pytest.raises(RetiredKey):
            chain.open_note(note)
    for note in (at(15, OLD), at(25, NEW), at(70, NEWER), at(60, OLD, NEWER)):
        assert chain.open_note(note)


def test_a_replaced_key_cannot_bring_in_another() -> None:
    forged = (*NOTES, at(60, OLD, STRANGER))
    for announced in (replaced(55, OLD, STRANGER), added(55, STRANGER)):
        chain = key_chain.trusted(keys(OLD), (*LISTED, STRANGER.verifier()), forged, (*ANNOUNCED, announced))
        assert chain.unreached == keys(STRANGER)


def test_of_two_given_keys_the_stolen_older_one_cannot_tell_another_history_alone() -> None:
    """The thief of OLD signs everything anew, so that nothing is left of the change to NEW but the two listed keys."""
    notes = tuple(at(size, OLD) for size in (10, 20, 30))
    for announced in ((), (added(0, OLD),), (added(0, OLD), replaced(19, OLD, NEW))):
        chain = key_chain.trusted(keys(OLD, NEW), keys(OLD, NEW), notes, announced)
        assert NEW.verifier() in chain.unreached
    honest = key_chain.trusted(keys(OLD, NEW), keys(OLD, NEW), NOTES[:3], (added(0, OLD), ANNOUNCED[0]))
    assert honest.unreached == ()


def test_a_change_of_keys_that_is_kept_back_does_not_leave_the_old_key_in_use() -> None:
    """The note of the handover carries both lines; without the entry they do not make OLD a key beside NEW."""
    announced = (added(0, OLD), added(5, OTHER_KIND))
    notes = (at(10, OLD, OTHER_KIND), at(20, OLD, OTHER_KIND, NEW), at(30, OLD, OTHER_KIND))
    for listed in (keys(OLD, NEW), keys(OLD, OTHER_KIND, NEW)):
        assert key_chain.trusted(keys(NEW), listed, notes[:2], announced).unreached == listed[:-1]
        assert NEW.verifier() in key_chain.trusted(keys(OLD, NEW), listed, notes, announced).unreached
    # Told of the change, the same notes hang together, and OLD ends with it
    told = key_chain.trusted(keys(NEW), keys(OLD, OTHER_KIND, NEW), notes, (*announced, replaced(19, OLD, NEW)))
    assert (told.unreached, told.spans[0].last) == ((), 20)


def test_a_second_algorithm_that_begins_with_a_change_of_keys() -> None:
    """Switched on, and the key changed before anything was signed with it."""
    new_kind = Signer(ORIGIN, b"5" * 32, ML_DSA_44)
    notes = (at(10, OLD), at(20, OLD, OTHER_KIND, NEW, new_kind), at(30, NEW, new_kind))
    announced = (added(0, OLD), added(17, OTHER_KIND), replaced(18, OLD, NEW), replaced(19, OTHER_KIND, new_kind))
    listed = keys(OLD, OTHER_KIND, NEW, new_kind)
    for given in (keys(OLD), keys(NEW), listed):
        assert key_chain.trusted(given, listed, notes, announced).unreached == ()


def test_a_line_that_somebody_wrote_under_a_note_brings_no_key_in() -> None:
    """Anybody can list a key and sign under a real checkpoint with it; only the log itself can announce it."""
    notes = (at(10, OLD, STRANGER), *NOTES[1:])
    listed = (STRANGER.verifier(), *LISTED)
    for announced in (ANNOUNCED, (added(0, OLD), *ANNOUNCED)):
        chain = key_chain.trusted(keys(OLD), listed, notes, announced)
        assert chain.unreached == keys(STRANGER)
        with pytest.raises(BadNote):
            chain.open_note(at(10, STRANGER))


def test_a_second_algorithm_stands_beside_the_first() -> None:
    notes = (at(10, OLD), at(20, OLD, OTHER_KIND), at(30, OLD, OTHER_KIND))
    announced = (added(1, OLD), added(15, OTHER_KIND))
    listed = keys(OLD, OTHER_KIND)
    for given in (keys(OLD), keys(OTHER_KIND), ()):
        chain = key_chain.trusted(given, listed, notes, announced)
        assert chain.spans == (Span(OLD.verifier(), 2), Span(OTHER_KIND.verifier(), 16))
        assert chain.current == listed
        assert [chain.open_note(note).size for note in notes] == [10, 20, 30]
    assert key_chain.trusted(keys(OLD), listed, notes[:1], announced).unreached == keys(OTHER_KIND)


def test_after_a_restore_the_new_key_vouches_for_the_old_and_not_the_other_way() -> None:
    notes = (at(10, OLD), at(20, OLD), at(26, NEW))
    announced = (replaced(25, OLD, NEW, restored=True),)
    listed = keys(OLD, NEW)
    for given in ((), keys(NEW)):
        chain = key_chain.trusted(given, listed, notes, announced)
        assert chain.spans == (Span(OLD.verifier(), 0, 25), Span(NEW.verifier(), 26))
        assert [chain.open_note(note).size for note in notes] == [10, 20, 26]
        with pytest.raises(RetiredKey):
            chain.open_note(at(30, OLD))  # What the old key signed before the copy was put back.
    held_by_others = key_chain.trusted(keys(OLD), listed, notes, announced)
    assert held_by_others.unreached == keys(NEW)
    with pytest.raises(BadNote):
        held_by_others.open_note(notes[2])


@pytest.mark.parametrize("given", [keys(NEW), keys(NEW_OTHER_KIND)], ids=len)
def test_after_a_restore_two_algorithms_begin_anew_side_by_side(given: Sequence[Verifier]) -> None:
    notes = (at(10, OLD, OTHER_KIND), at(30, NEW, NEW_OTHER_KIND))
    announced = (
        added(4, OTHER_KIND),
        replaced(25, OLD, NEW, restored=True),
        replaced(26, OTHER_KIND, NEW_OTHER_KIND, restored=True),
    )
    listed = keys(OLD, OTHER_KIND, NEW, NEW_OTHER_KIND)
    chain = key_chain.trusted(given, listed, notes, announced)
    assert (chain.unreached, set(chain.current)) == ((), set(keys(NEW, NEW_OTHER_KIND)))
    # Who trusts what was lost learns of it, also when a thief signs with it beside the new ones.
    stolen = (notes[0], at(30, OLD, OTHER_KIND, NEW, NEW_OTHER_KIND))
    assert set(key_chain.trusted(keys(OLD), listed, stolen, announced).unreached) == set(keys(NEW, NEW_OTHER_KIND))


def test_a_key_that_was_replaced_later_vouches_for_nothing_signed_after_that() -> None:
    notes = (*NOTES[:3], at(45, OLD, OTHER_KIND), *NOTES[3:])
    chain = key_chain.trusted((), (*LISTED, *keys(OTHER_KIND))[::-1], notes, (added(4, OTHER_KIND), *ANNOUNCED))
    assert OTHER_KIND.verifier() in chain.unreached


def test_the_first_key_cannot_begin_a_second_time() -> None:
    notes = (*NOTES, at(60, OLD, NEWER))
    chain = key_chain.trusted(keys(OLD), LISTED, notes, (added(1, OLD), *ANNOUNCED, replaced(55, NEWER, OLD)))
    assert chain.open_note(NOTES[0]).size == 10
    assert chain.current == keys(NEWER)


def test_a_key_that_is_said_to_replace_itself_is_not_replaced() -> None:
    itself = (replaced(45, NEWER, NEWER, restored=True), replaced(46, NEWER, NEWER))
    assert key_chain.trusted((), LISTED, NOTES, (*ANNOUNCED, *itself)).current == keys(NEWER)
    first = replaced(5, OLD, OLD, restored=True)
    assert key_chain.trusted((), LISTED, NOTES, (first, *ANNOUNCED)).unreached == ()


def test_after_a_restore_one_new_key_stands_for_all_that_the_lost_part_brought() -> None:
    """The copy was older than the change from OLD to NEW: both were listed, neither was replaced in the log as it is."""
    notes = (at(10, OLD), at(26, NEWER))
    announced = (replaced(24, OLD, NEWER, restored=True), replaced(25, NEW, NEWER, restored=True))
    chain = key_chain.trusted((), LISTED, notes, announced)
    assert (chain.unreached, chain.current) == ((), keys(NEWER))
    assert [span.last for span in chain.spans] == [24, 25, None]


def test_a_key_that_the_export_does_not_list() -> None:
    chain = key_chain.trusted(keys(STRANGER), LISTED, NOTES, ANNOUNCED)
    assert (chain.unlisted, chain.unreached, chain.verifiers) == (keys(STRANGER), LISTED, keys(STRANGER))


def test_nothing_known_opens_nothing() -> None:
    chain = key_chain.trusted((), (), NOTES, ANNOUNCED)
    assert chain == key_chain.Chain(())
    with pytest.raises(BadNote):
        chain.open_note(NOTES[0])


def test_notes_that_are_none_do_no_harm() -> None:
    assert key_chain.trusted(keys(OLD), LISTED, ("", "x\n", *NOTES), ANNOUNCED).unreached == ()


def test_a_key_file_is_one_key_a_line() -> None:
    listed = keys(OLD, OTHER_KIND, NEW)
    text = key_chain.to_text(listed)
    assert key_chain.parse(text) == listed
    assert text.count("\n") == 3
    one = OLD.verifier().to_text()
    foreign = Signer("another.example/log", b"5" * 32).verifier().to_text()
    unfit = ("", "\n", one, text[:-1], text + "\n", "\n" + text, text.replace("\n", "\r\n"), f"{one}\n{one}\n")
    for other in (*unfit, f"{one}\n{foreign}\n", text.replace("+", "-", 1), f"{one} \n"):
        with pytest.raises(BadKey):
            key_chain.parse(other)


def test_what_an_entry_announces() -> None:
    known = {"purpose": "log", "key_fingerprint": "n", "previous_fingerprint": "o"}
    assert key_chain.announcement(4, "key:rotate", known) == Announcement(4, "n", "o")
    assert key_chain.announcement(4, "key:rotate", known | {"cause": "restore"}) == Announcement(4, "n", "o", True)
    assert key_chain.announcement(4, "key:make", {"purpose": "log", "key_fingerprint": "n"}) == Announcement(4, "n")
    for action, details in (
        ("key:use", known),
        ("key:rotate", known | {"purpose": "identity"}),
        ("key:rotate", {"purpose": "log", "key_fingerprint": "n"}),
        ("key:rotate", known | {"key_fingerprint": 3}),
        ("key:make", {"purpose": "log"}),
    ):
        assert key_chain.announcement(4, action, details) is None
