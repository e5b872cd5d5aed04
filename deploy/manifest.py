"""The list of a backup, signed with the key of the log, so that nobody else can make a backup that passes for one of ours.

    manifest.py sign MANIFEST SIGNING_KEY MOMENT    the signed note, on standard output
    manifest.py check MANIFEST NOTE PUBLIC_KEYS     when it was signed and by which key; ends with 1 when it does not fit

A note is one of audit/FORMAT.md, of which the first line says that it is about a backup: it is no checkpoint, and none of those
passes for it.
"""

import hashlib
import sys
from pathlib import Path
from typing import Final

from audit.errors import AuditError
from audit.note import Signer, Verifier, open_text, sign_text

KIND: Final = "signaltable/backup/v1"


def signed(manifest: bytes, keys: str, moment: str) -> str:
    """A note over the digest of a manifest, by each of these signing keys, one on a line."""
    return sign_text(_text(manifest, moment), *(Signer.from_text(line) for line in keys.splitlines()))


def checked(manifest: bytes, note: str, keys: str) -> tuple[str, str]:
    """The moment in the note, and the fingerprint of a key that signed it. Raises `AuditError` when it does not fit."""
    text, by = open_text(note, [Verifier.from_text(line) for line in keys.splitlines() if line.strip()])
    moment = text.split("\n")[1]
    if text != _text(manifest, moment):
        raise AuditError("the signature is of another list")
    return moment, by[0].fingerprint


def _text(manifest: bytes, moment: str) -> str:
    return f"{KIND}\n{moment}\n{hashlib.sha256(manifest).hexdigest()}\n"


def main(what: str, manifest: str, one: str, other: str) -> int:
    """Do what the first word says. What cannot be read or does not fit is one line on stderr."""
    try:
        content = Path(manifest).read_bytes()
        if what == "sign":
            sys.stdout.write(signed(content, Path(one).read_text(encoding="utf-8"), other))
            return 0
        moment, fingerprint = checked(
            content, Path(one).read_text(encoding="utf-8"), Path(other).read_text(encoding="utf-8")
        )
    except (AuditError, OSError, ValueError, IndexError) as error:
        told = str(error) if isinstance(error, AuditError) else type(error).__name__
        print(f"manifest.py: expected a list that this key signed: {told}", file=sys.stderr)
        return 1
    print(f"of {moment}, by key {fingerprint}")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
