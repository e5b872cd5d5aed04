"""The identity providers through which people of agencies come in (OpenID Connect), as the operator names them.

One TOML file, named by SIGNALTABLE_IDENTITY_PROVIDERS, because addresses and clients belong to an installation and not to
the rules of a region. Its shape is looked at before the program starts; the secrets stand in files of their own, which
are read when they are used.
"""

import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, ValidationError, model_validator

from signaltable.domain import UnusableSettings
from signaltable.mail_settings import is_here
from signaltable.policy_errors import expectation
from signaltable.private_file import read_private, read_private_line
from signaltable.shape import Line, Many, Name, Shape, Some, Words

VARIABLE: Final = "SIGNALTABLE_IDENTITY_PROVIDERS"
LARGEST_FILE: Final = 256 * 1024
LARGEST_KEY: Final = 16 * 1024
LONGEST_SECRET: Final = 1024
Algorithm = Literal["RS256", "PS256", "ES256"]
# Signatures with a public key only: with a shared secret, or with none, anybody could make a token (RFC 8725, 3.1).
ALGORITHMS: Final[tuple[Algorithm, ...]] = ("RS256", "PS256", "ES256")


class Claims(Shape):
    """Under which names an ID token of this provider tells what the program asks; "" where it does not.

    `level` is the claim that says how somebody proved who they are: `acr`, or the name that the provider has for it.
    """

    subject: Line = "sub"
    name: str = "name"
    login: Line = "preferred_username"
    roles: str = ""
    agency: str = ""
    level: Line = "acr"


class IdentityProvider(Shape):
    """One identity provider: for which agencies, how it is reached, what has to come back, what comes of it here.

    `max_age` counts seconds. `required`: people of these agencies come in here and in no other way.
    `create`: who is unknown gets an account, in the agency and with the roles that the claims lead to; otherwise only
    somebody whom an administrator gave an account comes in. `overseeing`: claims may give roles that oversee, and people
    with such roles may come in this way.
    """

    id: Name
    title: Words
    agencies: Some[Line]
    issuer: Line
    client_id: Line
    client_secret_file: str = ""
    private_key_file: str = ""
    private_key_id: str = ""
    private_key_algorithm: Algorithm = "PS256"
    signed_request: bool = False
    scopes: Some[Line] = ("openid", "profile")
    algorithms: Some[Algorithm] = ALGORITHMS
    required_acr: Many[Line] = ()
    two_factors_acr: Many[Line] = ()
    max_age: Annotated[int, Field(ge=60, le=43_200)] | None = None
    claims: Claims = Claims()
    roles: Mapping[Line, Some[Name]] = Field(default_factory=dict, strict=False)
    agency_of: Mapping[Line, Line] = Field(default_factory=dict, strict=False)
    create: bool = False
    required: bool = False
    overseeing: bool = False
    proxy: str = ""
    ca_file: str = ""

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        """Keys that ask for each other. The message names the key and what was expected, as `Finding` does."""
        for wrong, message in self._misfits():
            if wrong:
                raise ValueError(message)
        return self

    def _misfits(self) -> Iterator[tuple[bool, str]]:
        yield (
            bool(self.client_secret_file) == bool(self.private_key_file),
            "client_secret_file or private_key_file: expected one of the two",
        )
        yield (
            self.signed_request and not self.private_key_file,
            "private_key_file: expected one, because signed_request is true",
        )
        yield "openid" not in self.scopes, "scopes: expected openid among them"
        yield (
            bool(set(self.two_factors_acr) - set(self.required_acr)),
            "two_factors_acr: expected values that stand in required_acr too",
        )
        yield bool(self.roles) and not self.claims.roles, "claims.roles: expected the name of the claim, for roles"
        yield bool(self.claims.roles) and not self.roles, "roles: expected which value gives which roles"
        yield self.create and not self.roles, "roles: expected which value gives which roles, because create is true"
        yield (
            bool(self.agency_of) != bool(self.claims.agency),
            "claims.agency and agency_of: expected both or neither",
        )
        yield (
            bool(set(self.agency_of.values()) - set(self.agencies)),
            "agency_of: expected agencies that stand in agencies too",
        )
        yield (
            self.create and len(self.agencies) > 1 and not self.agency_of,
            "agency_of: expected which value is which agency, because create is true and there are several",
        )

    @property
    def issuer_url(self) -> str:
        """Where the discovery document stands (OpenID Connect Discovery 1.0, 4.1)."""
        return self.issuer.rstrip("/") + "/.well-known/openid-configuration"

    def secret(self) -> str:
        """The secret of the client, read anew each time. Raises `UnusableSettings`."""
        name = f"{VARIABLE}, client_secret_file of {self.id}"
        return read_private_line(Path(self.client_secret_file), name, LONGEST_SECRET, "the secret")

    def private_key(self) -> bytes:
        """The private key of the client in PEM, read anew each time. Raises `UnusableSettings`."""
        name = f"{VARIABLE}, private_key_file of {self.id}"
        raw = read_private(Path(self.private_key_file), name, LARGEST_KEY)
        if len(raw) > LARGEST_KEY or b"PRIVATE KEY-----" not in raw:
            raise UnusableSettings(f"{name}: expected a private key in PEM")
        return raw

    def mapped_roles(self) -> frozenset[str]:
        """Every role that the claims can give; those of them that they do not give, they take away."""
        return frozenset(role for roles in self.roles.values() for role in roles)


class _File(Shape):
    """The file."""

    provider: Some[IdentityProvider]


def read_providers(path: Path | None, *, demo: bool, address: str) -> tuple[IdentityProvider, ...]:
    """The providers of the file; none without one. Raises `UnusableSettings` with file and key.

    `address` is where people find the program, to which a provider sends them back.
    """
    if path is None:
        return ()
    name = f"{VARIABLE}, {path.name}"
    try:
        found = _File.model_validate(_content(path, name))
    except ValidationError as error:
        raise UnusableSettings("\n".join(f"{name}: {one}" for one in _told(error))) from None
    wrong = [*_wrong(found.provider, demo=demo)]
    if urlsplit(address).scheme != "https" and not demo:
        wrong.append("SIGNALTABLE_ADDRESS: expected an https address, to which a provider can send people back")
    if wrong:
        raise UnusableSettings("\n".join(f"{name}: {one}" for one in wrong))
    return found.provider


def check_secrets(providers: Iterable[IdentityProvider]) -> None:
    """Refuse to start with a secret or key that cannot be used. Raises `UnusableSettings`. For the web alone."""
    for one in providers:
        if one.client_secret_file:
            one.secret()
        else:
            one.private_key()
        if one.ca_file and not Path(one.ca_file).is_file():
            raise UnusableSettings(f"{VARIABLE}, ca_file of {one.id}: expected a file with certificates")


def check_roles(providers: Iterable[IdentityProvider], roles: Iterable[str], overseeing: Iterable[str]) -> None:
    """Refuse roles that the rules do not know, and overseeing ones that nobody said claims may give.

    Raises `UnusableSettings`.
    """
    known, above = set(roles), set(overseeing)
    for one in providers:
        mapped = one.mapped_roles()
        where = f"{VARIABLE}, roles of {one.id}"
        if mapped - known:
            raise UnusableSettings(f"{where}: expected roles from policies/roles.toml, found {_names(mapped - known)}")
        if mapped & above and not one.overseeing:
            raise UnusableSettings(f"{where}: {_names(mapped & above)} oversee; expected overseeing = true with them")
        for value in one.roles.values():
            if 0 < len(set(value) & above) < len(set(value)):
                raise UnusableSettings(f"{where}: expected roles that either oversee the work or do it, for each value")


def provider_of_agency(providers: Iterable[IdentityProvider], agency_id: str) -> IdentityProvider | None:
    """Through which provider the people of this agency come in; None when through none."""
    return next((one for one in providers if agency_id in one.agencies), None)


def must_come_through(providers: Iterable[IdentityProvider], agency_id: str) -> bool:
    """Whether people of this agency come in through their provider and in no other way."""
    found = provider_of_agency(providers, agency_id)
    return found is not None and found.required


def is_fit(url: object, *, demo: bool) -> bool:
    """Whether the program may call this address: https, or in the demo http on this machine; no name or fragment in it."""
    if not isinstance(url, str) or not url.isascii() or not url.isprintable():
        return False
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        port = parts.port
    except ValueError:
        return False
    if not host or parts.username or parts.password or parts.fragment or port == 0:
        return False
    return parts.scheme == "https" or (demo and parts.scheme == "http" and is_here(host))


def _content(path: Path, name: str) -> dict[str, Any]:
    try:
        raw = path.read_bytes()
    except OSError as error:
        reason = error.strerror or "no reason given"
        raise UnusableSettings(f"{name}: expected a file that this program can read ({reason})") from None
    if len(raw) > LARGEST_FILE:
        raise UnusableSettings(f"{name}: expected at most {LARGEST_FILE // 1024} kB")
    try:
        return tomllib.loads(raw.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        said = "it is nested too deep" if isinstance(error, RecursionError) else error
        raise UnusableSettings(f"{name}: expected TOML: {said}") from None


def _told(error: ValidationError) -> Iterator[str]:
    for found in error.errors(include_input=False, include_url=False, include_context=False):
        key = ".".join(str(part) for part in found["loc"])
        yield f"{key}: {expectation(found)}" if key else expectation(found)


def _wrong(providers: Sequence[IdentityProvider], *, demo: bool) -> Iterator[str]:
    """What no provider can tell by itself."""
    for name in _twice(one.id for one in providers):
        yield f"provider.{name}: expected this id once"
    for agency in _twice(agency for one in providers for agency in one.agencies):
        yield f"agencies: expected {agency} with one provider"
    for one in providers:
        if not is_fit(one.issuer, demo=demo) or "?" in one.issuer or "{" in one.issuer:
            yield f"issuer of {one.id}: expected an https address without ? and {{}}; http only in a demo on this machine"
        if one.proxy and urlsplit(one.proxy).scheme not in {"http", "https"}:
            yield f"proxy of {one.id}: expected an address such as http://proxy:3128"
        for key in ("client_secret_file", "private_key_file", "ca_file"):
            value = getattr(one, key)
            if value and not Path(value).is_absolute():
                yield f"{key} of {one.id}: expected a path that starts with /"


def _twice(names: Iterable[str]) -> list[str]:
    return [name for name, count in sorted(Counter(names).items()) if count > 1]


def _names(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))
