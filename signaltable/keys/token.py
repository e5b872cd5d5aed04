"""A PKCS#11 token: keys that are made in it, work in it and never leave it.

One session for each process, opened when it is first needed: after a fork the child starts the module anew (PKCS#11
version 2.40, section 2.6 on applications and processes).
"""

import os
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

import pkcs11
from pkcs11 import KDF, Attribute, KeyType, Mechanism, MechanismFlag, ObjectClass
from pkcs11.exceptions import (
    MultipleTokensReturned,
    NoSuchToken,
    PinIncorrect,
    PinLocked,
    PKCS11Error,
    UserAlreadyLoggedIn,
)
from pkcs11.util.ec import encode_named_curve_parameters

from signaltable.keys.errors import CannotOpen, KeyRingError
from signaltable.keys.hpke import POINT_BYTES

SECRET_BITS: Final = 256
LARGEST_PIN: Final = 4096
OTHERS_CAN_READ: Final = 0o077
# Nothing of a key leaves the token, not wrapped either.
_STAYS: Final = {Attribute.SENSITIVE: True, Attribute.EXTRACTABLE: False, Attribute.PRIVATE: True}

# Module -> the process that started it. A module has one state for the whole process.
_STARTED: dict[str, int] = {}
_LOCK = threading.RLock()


class Token:
    """A token by its label, with the module that reaches it and the file that holds its PIN."""

    def __init__(self, module: Path, label: str, pin_file: Path) -> None:
        self._module, self.label, self._pin_file = module, label, pin_file
        self._session: Any = None
        self._process = 0
        self._found: dict[tuple[ObjectClass, str], Any] = {}

    def __repr__(self) -> str:
        return f"Token({self.label!r})"

    def make_secret(self, name: str) -> None:
        """A random secret that only signs (HMAC)."""
        with self._at_work() as session:
            self._forget(session, name)
            session.generate_key(
                KeyType.GENERIC_SECRET,
                SECRET_BITS,
                label=name,
                id=name.encode(),
                store=True,
                capabilities=MechanismFlag.SIGN,
                template=_STAYS,
            )

    def make_pair(self, name: str) -> bytes:
        """A key pair on P-256 of which the private half only agrees on secrets (ECDH). The public point, uncompressed."""
        with self._at_work() as session:
            self._forget(session, name)
            curve = {Attribute.EC_PARAMS: encode_named_curve_parameters("secp256r1")}
            public, _private = session.create_domain_parameters(KeyType.EC, curve, local=True).generate_keypair(
                label=name,
                id=name.encode(),
                store=True,
                capabilities=MechanismFlag.DERIVE,
                private_template=_STAYS,
            )
            return _point(public)

    def sign(self, name: str, message: bytes) -> bytes:
        """HMAC-SHA-256 under a secret. Raises KeyRingError when the token does not have it."""
        with self._at_work() as session:
            key = self._held(session, ObjectClass.SECRET_KEY, name)
            made: bytes = key.sign(message, mechanism=Mechanism.SHA256_HMAC)
            return made

    def public(self, name: str) -> bytes:
        """The public point of a pair, as the token has it."""
        with self._at_work() as session:
            return _point(self._held(session, ObjectClass.PUBLIC_KEY, name))

    def exchange(self, name: str, point: bytes) -> bytes:
        """The shared x coordinate of a pair with somebody's point. Raises CannotOpen for what is no point."""
        with self._at_work() as session:
            key = self._held(session, ObjectClass.PRIVATE_KEY, name)
            try:
                shared = key.derive_key(
                    KeyType.GENERIC_SECRET,
                    SECRET_BITS,
                    mechanism_param=(KDF.NULL, None, point),
                    store=False,
                    template={Attribute.SENSITIVE: False, Attribute.EXTRACTABLE: True},
                )
            except PKCS11Error:
                raise CannotOpen("the envelope does not open with the key of this agency") from None
            value: bytes = shared[Attribute.VALUE]
            shared.destroy()
            return value

    def destroy(self, name: str) -> None:
        """Take every object of this name out of the token. Nothing happens when there is none."""
        with self._at_work() as session:
            self._forget(session, name)

    # -- inside -----------------------------------------------------------------------------------------------------

    def _held(self, session: Any, kind: ObjectClass, name: str) -> Any:
        if (kind, name) not in self._found:
            found = next(iter(session.get_objects({Attribute.CLASS: kind, Attribute.LABEL: name})), None)
            if found is None:
                raise KeyRingError(f"token {self.label}: expected the key {name!r}, found none")
            self._found[kind, name] = found
        return self._found[kind, name]

    def _forget(self, session: Any, name: str) -> None:
        """What stands here under a name that is about to be used was left by a process that died."""
        for kind in (ObjectClass.SECRET_KEY, ObjectClass.PRIVATE_KEY, ObjectClass.PUBLIC_KEY):
            self._found.pop((kind, name), None)
        for held in list(session.get_objects({Attribute.LABEL: name})):
            held.destroy()

    @contextmanager
    def _at_work(self) -> Iterator[Any]:
        """The session of this process, for one thread at a time."""
        with _LOCK:
            try:
                if self._session is None or self._process != os.getpid():
                    self._found.clear()
                    self._session, self._process = self._opened(), os.getpid()
                yield self._session
            except PKCS11Error as error:
                # A token that was taken away, or a service that started anew: the next try opens it again.
                self._session = None
                raise KeyRingError(f"token {self.label}: it refused ({type(error).__name__})") from None

    def _opened(self) -> Any:
        pin = read_pin(self._pin_file)
        try:
            token = self._started().get_token(token_label=self.label)
        except (NoSuchToken, MultipleTokensReturned) as error:
            found = "none" if isinstance(error, NoSuchToken) else "more"
            raise KeyRingError(
                f"SIGNALTABLE_PKCS11_TOKEN: expected one token {self.label!r} behind {self._module}, found {found}"
            ) from None
        try:
            return token.open(rw=True, user_pin=pin)
        except UserAlreadyLoggedIn:
            return token.open(rw=True)  # Another part of this process was first; the login counts for all.
        except PinLocked:
            raise KeyRingError(f"token {self.label}: its PIN is locked; its security officer can unlock it") from None
        except PKCS11Error as error:
            if not isinstance(error, PinIncorrect):
                raise
            raise KeyRingError(f"{self._pin_file}: the token {self.label} does not take this PIN") from None

    def _started(self) -> Any:
        name = str(self._module)
        try:
            module = pkcs11.lib(name)
            if _STARTED.setdefault(name, os.getpid()) != os.getpid():
                # One that noticed the fork by itself says that it has nothing to end.
                with suppress(PKCS11Error):
                    module.finalize()
                module.initialize()
                _STARTED[name] = os.getpid()
        except (RuntimeError, OSError) as error:
            raise KeyRingError(
                f"SIGNALTABLE_PKCS11_MODULE: expected a PKCS#11 module at {name}, which does not start "
                f"({type(error).__name__})"
            ) from None
        return module


def read_pin(path: Path) -> str:
    """The PIN in a file that nobody else can read. Raises KeyRingError, which never repeats it."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise KeyRingError(f"SIGNALTABLE_PKCS11_PIN_FILE: {path}: cannot be read ({error.strerror})") from None
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or status.st_mode & OTHERS_CAN_READ:
            raise KeyRingError(f"SIGNALTABLE_PKCS11_PIN_FILE: {path}: expected a file of mode 0600: chmod 600 {path}")
        pin = os.read(descriptor, LARGEST_PIN).decode("utf-8", errors="replace").rstrip("\r\n")
    finally:
        os.close(descriptor)
    if not pin or "\n" in pin:
        raise KeyRingError(f"SIGNALTABLE_PKCS11_PIN_FILE: {path}: expected one line with the PIN")
    return pin


def _point(public: Any) -> bytes:
    """The uncompressed point of a public key; most tokens hand it out as a DER octet string, some as it is."""
    given: bytes = public[Attribute.EC_POINT]
    point = given[2:] if given.startswith(bytes((4, POINT_BYTES))) else given
    if len(point) != POINT_BYTES:
        raise KeyRingError("expected a point of P-256 from the token, found something else")
    return point
