"""Receipts: one file and a key, years later."""

import pytest
from log_samples import SIGNER, STRANGER, sample_log, sign_at

from audit import receipt
from audit.errors import AuditError, BadReceipt
from audit.merkle import inclusion_proof

LOG = sample_log()
NOTE = sign_at(LOG, [24])[0]
VERIFIERS = [SIGNER.verifier()]


def written(index: int = 13, *, entry_bytes: bytes | None = LOG[13].entry_bytes, note: str = NOTE) -> str:
    proof = inclusion_proof([one.leaf_hash for one in LOG], index)
    return receipt.write(index=index, proof=proof, checkpoint_note=note, entry_bytes=entry_bytes)


def test_the_format() -> None:
    lines = written(entry_bytes=None).split("\n")
    assert lines[0] == "c2sp.org/tlog-proof@v1"
    assert lines[1] == "index 13"
    assert lines[2:].index("") == 5
    assert written(entry_bytes=None).endswith("\n\n" + NOTE)
    assert written().split("\n")[1].startswith("extra ")


@pytest.mark.parametrize("index", range(24))
def test_every_entry_can_be_proven(index: int) -> None:
    proven = receipt.verify(written(index, entry_bytes=LOG[index].entry_bytes), VERIFIERS)
    assert proven.entry == LOG[index].entry
    assert proven.checkpoint.size == 24
    assert receipt.verify(written(index, entry_bytes=None), VERIFIERS, LOG[index].entry_bytes) == proven


def test_a_log_of_one_entry_has_an_empty_proof() -> None:
    log = LOG[:1]
    text = receipt.write(index=0, proof=[], checkpoint_note=sign_at(log, [1])[0], entry_bytes=log[0].entry_bytes)
    assert receipt.verify(text, VERIFIERS).entry == log[0].entry


@pytest.mark.parametrize(
    ("text", "entry_bytes"),
    [
        (written(entry_bytes=None), None),
        (written(entry_bytes=None), LOG[12].entry_bytes),
        (written(), LOG[12].entry_bytes),
        (written(entry_bytes=LOG[12].entry_bytes), None),
        (written(12), LOG[13].entry_bytes),
        (written().replace("index 13", "index 12"), None),
        (written().replace("index 13", "index 013"), None),
        (written().replace("index 13", "index -13"), None),
        (written().replace("index 13\n", ""), None),
        (written().replace("@v1", "@v2"), None),
        (written(note=sign_at(LOG, [16])[0]), None),
        (written(note=sign_at(LOG, [24], STRANGER)[0]), None),
        (written(note=sign_at(sample_log(history="other"), [24])[0]), None),
        (written().replace("\n\n", "\n" + "A" * 43 + "=\n\n", 1), None),
        (written().replace("\n\n", "\nAAAA\n\n", 1), None),
        (written() + " ", None),
        ("\ufeff" + written(), None),
        (written().replace("\n", "\r\n"), None),
        ("", None),
        ("c2sp.org/tlog-proof@v1\n\n", None),
    ],
    ids=range(20),
)
def test_a_receipt_that_proves_nothing(text: str, entry_bytes: bytes | None) -> None:
    with pytest.raises(AuditError):
        receipt.verify(text, VERIFIERS, entry_bytes)


def test_no_flipped_bit_is_overlooked() -> None:
    honest = written().encode()
    for at in range(len(honest)):
        spoilt = bytearray(honest)
        spoilt[at] ^= 1 << (at % 7)
        with pytest.raises(AuditError):
            receipt.verify(spoilt.decode(errors="replace"), VERIFIERS)


def test_too_long_a_proof_is_refused_unread() -> None:
    with pytest.raises(BadReceipt):
        receipt.read(receipt.write(index=0, proof=[bytes(32)] * 65, checkpoint_note=NOTE))
