"""Settings: parsed once from the environment, frozen, and refused when they cannot be right."""

import ipaddress
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

from signaltable.domain import UnusableSettings
from signaltable.later import later
from signaltable.mail_settings import MailServer, read_mail_server
from signaltable.surroundings import host_of, refuse_secrets, secret_address
from signaltable.watch_settings import Watching, read_watching

# What reads the file of identity providers is large, and most installations have none.
if TYPE_CHECKING:
    from signaltable import provider_settings
else:
    provider_settings = later("signaltable.provider_settings")

__all__ = ["CHECKOUT", "KEY_PROVIDERS", "KEY_SUITES", "MODES", "PKCS11", "TEXT_READER", "Settings", "UnusableSettings"]

PACKAGE = Path(__file__).resolve().parent
CHECKOUT = PACKAGE.parent
MODES = ("demo", "production")
# Whether a text waits for the text reader: when one was started for this home, always, or never.
TEXT_READER = ("auto", "on", "off")
PKCS11 = "pkcs11"
KEY_PROVIDERS = ("file", PKCS11)
KEY_SUITES = ("x25519", "mlkem768-x25519")
# `signaltable run` listens there and nowhere else, so a proxy on the same machine comes from there.
OWN_MACHINE = ("127.0.0.0/8", "::1/128")
_ROLE = re.compile(r"[a-z_][a-z0-9_]{0,62}")
_HOST = re.compile(r"[a-z0-9](?:[a-z0-9.-]{0,250}[a-z0-9])?|\[[0-9a-f:.]{2,45}\]")
# How the machine itself calls the program, for a start script and for a proxy beside it.
LOOPBACK = ("localhost", "127.0.0.1", "[::1]")
# How libpq is told to look whose certificate a server of PostgreSQL shows.
_PROVED_SERVER = ("verify-full", "verify-ca")
# Where libpq goes when an address names no host: its own variable, not one of ours.
_LIBPQ_HOST = "PGHOST"


def _shipped(name: str) -> Path:
    """The folder `name` of the checkout, or the copy that an installed wheel carries inside the package."""
    inside = PACKAGE / f"_{name}"
    return inside if inside.is_dir() else CHECKOUT / name


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything the program reads from its surroundings. `home` holds all that it writes.

    `checkpoint_minutes` is how often the log is signed; `address` where people find the program, for mails; `proxies`
    how many proxies of our own stand between a browser and the program, each of which adds to X-Forwarded-For, from the
    networks `proxy_networks`; `client_certificate_header` is the header in which they tell the certificate of a partner's
    system, "" when none does. The log
    is signed with `log_key`, by ML-DSA-44 too when `log_ml_dsa`; in production the web runs as `web_user`, who cannot
    read that key, unless `log_key_shared` accepts that it can. `clamd` is where ClamAV listens, a path or host:port; ""
    when there is none. `text_reader`: whether texts wait until the helper process read them. `key_provider` says where the keys are: in a file of the home, or in the token `pkcs11_token`
    behind `pkcs11_module`, of which `pkcs11_pin_file` holds the PIN; `key_suite` how new key pairs of a file seal.
    `mail_server` is what sends the mails; without one they stay in the outbox. Through `identity_providers` people of some
    agencies come in. `owner_url` is the address by which the tables are
    made, where the program itself comes as a role that owns nothing; `replica_url` that of a copy from which lists are read. `names`: the hosts under which browsers ask, besides that of `address`.
    `breached_passwords` holds digests of passwords that leaked (signaltable/breached.py). `watching`: messages, numbers, stop.
    Where the signer has a home of its own, `log_public_key_elsewhere` is where it lists the public keys for all others.
    `signer_role` and `auditor_role` are roles of PostgreSQL that get what they need when the tables are made (signaltable/roles.py).
    """

    home: Path
    database_url: str
    mode: str = "demo"
    policies: Path = CHECKOUT / "policies"
    templates: Path = CHECKOUT / "templates"
    secure_cookies: bool = False
    checkpoint_minutes: int = 5
    address: str = "http://127.0.0.1:8000/"
    proxies: int = 0
    proxy_networks: tuple[str, ...] = OWN_MACHINE
    client_certificate_header: str = ""
    log_key_elsewhere: Path | None = None
    log_key_shared: bool = False
    log_ml_dsa: bool = False
    web_user: str = ""
    key_provider: str = KEY_PROVIDERS[0]
    key_suite: str = KEY_SUITES[0]
    pkcs11_module: Path | None = None
    pkcs11_token: str = ""
    pkcs11_pin_file: Path | None = None
    clamd: str = ""
    text_reader: str = TEXT_READER[0]
    mail_server: MailServer | None = None
    owner_url: str = ""
    replica_url: str = ""
    identity_providers: tuple["provider_settings.IdentityProvider", ...] = ()
    names: tuple[str, ...] = ()
    breached_passwords: Path | None = None
    log_public_key_elsewhere: Path | None = None
    signer_role: str = ""
    auditor_role: str = ""
    watching: Watching = Watching()  # noqa: RUF009 -- a frozen value

    @property
    def demo(self) -> bool:
        """Whether demo accounts and unreviewed grounds count."""
        return self.mode == "demo"

    @property
    def hosts(self) -> frozenset[str]:
        """Every name under which a request may ask for the program, in small letters and without a port."""
        return frozenset({host_of(urlsplit(self.address).netloc), *self.names, *LOOPBACK} - {""})

    @property
    def key_ring(self) -> Path:
        """The key ring: outside the database, readable by the program's user only."""
        return self.home / "keys" / "ring.json"

    @property
    def log_key(self) -> Path:
        """The signing key of the log, apart from the ring so that web workers never need to read it.

        SIGNALTABLE_LOG_KEY puts it outside the home, where another user owns it.
        """
        return self.log_key_elsewhere or self.home / "keys" / "log-signer.key"

    @property
    def signed_notes(self) -> Path:
        """Where the signer keeps every note that it signed: in the home, or beside a key that is elsewhere."""
        return (self.log_key_elsewhere.parent if self.log_key_elsewhere else self.home) / "checkpoints"

    @property
    def log_public_key(self) -> Path:
        """The public halves of every key the log ever had, which auditors get; SIGNALTABLE_LOG_PUBLIC_KEY puts them elsewhere."""
        return self.log_public_key_elsewhere or self.home / "keys" / "log-public.key"

    @property
    def signer_keys(self) -> Path:
        """In the home of a signer with one of its own: what it needs of the key ring, and nothing that opens an identity."""
        return self.home / "keys" / "for-signer.json"

    @property
    def outbox(self) -> Path:
        """Where mails are written when there is no mail server to send them; they never hold content."""
        return self.home / "outbox"

    @property
    def bounces(self) -> Path:
        """Where a mail system may put reports of mails that did not arrive; each is read and removed."""
        return self.home / "bounces"

    @property
    def exports(self) -> Path:
        """Where exports of the log wait for the auditor who asked for them; for a day."""
        return self.home / "exports"

    @property
    def erasures(self) -> Path:
        """The register of erasures, outside the database: a restored copy is made to forget again what it names."""
        return self.home / "erasures.jsonl"

    @property
    def log_file(self) -> Path:
        """The program's own messages."""
        return self.home / "signaltable.log"

    @classmethod
    def from_env(cls, env: Mapping[str, str] | None = None) -> "Settings":
        """Read the environment. Raises `UnusableSettings` with the name of the variable."""
        env = os.environ if env is None else env
        home = Path(env.get("SIGNALTABLE_HOME") or "instance").expanduser().resolve()
        mode = env.get("SIGNALTABLE_MODE", "demo")
        if mode not in MODES:
            raise UnusableSettings(f"SIGNALTABLE_MODE: expected one of {', '.join(MODES)}")
        refuse_secrets(env)
        url = secret_address(env, "DATABASE_URL") or f"sqlite:///{home / 'signaltable.db'}"
        if not url.startswith(("sqlite:", "postgresql:", "postgresql+psycopg:", "postgres:")):
            raise UnusableSettings("DATABASE_URL: expected an address that starts with sqlite: or postgresql:")
        _require_place("DATABASE_URL", url)
        owner = _beside(env, "DATABASE_OWNER_URL", url)
        replica = _beside(env, "DATABASE_REPLICA_URL", url)
        if mode == "production":
            require_proved_server("DATABASE_URL", url, env)
            require_proved_server("DATABASE_OWNER_URL", owner, env)
            require_proved_server("DATABASE_REPLICA_URL", replica, env)
        log_key = env.get("SIGNALTABLE_LOG_KEY", "")
        address = _address(env.get("SIGNALTABLE_ADDRESS") or "http://127.0.0.1:8000/")
        return cls(
            home=home,
            database_url=_with_driver(url),
            mode=mode,
            policies=Path(env.get("SIGNALTABLE_POLICIES") or _shipped("policies")),
            templates=_shipped("templates"),
            secure_cookies=_yes(env, "SIGNALTABLE_SECURE_COOKIES", "no" if mode == "demo" else "yes"),
            checkpoint_minutes=_minutes(env.get("SIGNALTABLE_CHECKPOINT_MINUTES", "5")),
            address=address,
            proxies=_proxies(env.get("SIGNALTABLE_PROXIES", "0")),
            proxy_networks=_networks(env, "SIGNALTABLE_PROXY_NETWORKS", OWN_MACHINE),
            client_certificate_header=_header(env, "SIGNALTABLE_CLIENT_CERTIFICATE_HEADER"),
            log_key_elsewhere=Path(log_key).expanduser().resolve() if log_key else None,
            log_key_shared=_yes(env, "SIGNALTABLE_LOG_KEY_SHARED", "no"),
            log_ml_dsa=_yes(env, "SIGNALTABLE_LOG_ML_DSA", "no"),
            web_user=env.get("SIGNALTABLE_WEB_USER", ""),
            key_provider=_one_of(env, "SIGNALTABLE_KEY_PROVIDER", KEY_PROVIDERS),
            key_suite=_one_of(env, "SIGNALTABLE_KEY_SUITE", KEY_SUITES),
            pkcs11_module=_path(env, "SIGNALTABLE_PKCS11_MODULE"),
            pkcs11_token=env.get("SIGNALTABLE_PKCS11_TOKEN", ""),
            pkcs11_pin_file=_path(env, "SIGNALTABLE_PKCS11_PIN_FILE"),
            clamd=_listens(env, "SIGNALTABLE_CLAMD"),
            text_reader=_one_of(env, "SIGNALTABLE_TEXT_READER", TEXT_READER),
            mail_server=read_mail_server(env),
            owner_url=owner,
            replica_url=replica,
            identity_providers=_providers(env, demo=mode == "demo", address=address),
            names=_hosts(env, "SIGNALTABLE_HOSTS"),
            breached_passwords=_path(env, "SIGNALTABLE_BREACHED_PASSWORDS"),
            watching=read_watching(env),
            log_public_key_elsewhere=_path(env, "SIGNALTABLE_LOG_PUBLIC_KEY"),
            signer_role=_role(env, "DATABASE_SIGNER_ROLE", url),
            auditor_role=_role(env, "DATABASE_AUDITOR_ROLE", url),
        )


def _providers(env: Mapping[str, str], *, demo: bool, address: str) -> tuple["provider_settings.IdentityProvider", ...]:
    """The identity providers that the file names, when a file is named."""
    path = _path(env, "SIGNALTABLE_IDENTITY_PROVIDERS")
    return provider_settings.read_providers(path, demo=demo, address=address) if path else ()


def _beside(env: Mapping[str, str], name: str, database: str) -> str:
    """Another address of the database: of the role that owns the tables, or of a copy. Only PostgreSQL has roles and copies."""
    url = secret_address(env, name)
    if url and not url.startswith(("postgresql:", "postgresql+psycopg:", "postgres:")):
        raise UnusableSettings(f"{name}: expected an address that starts with postgresql:")
    if url and not database.startswith("postgres"):
        raise UnusableSettings(f"{name}: expected a DATABASE_URL that starts with postgresql: beside it")
    return _with_driver(url)


def _role(env: Mapping[str, str], name: str, database: str) -> str:
    """The name of a role of PostgreSQL; other databases have none."""
    value = env.get(name, "")
    if value and not _ROLE.fullmatch(value):
        raise UnusableSettings(f"{name}: expected the name of a role of PostgreSQL: small letters, digits, underscores")
    if value and not database.startswith("postgres"):
        raise UnusableSettings(f"{name}: expected a DATABASE_URL that starts with postgresql: beside it")
    return value


def require_proved_server(name: str, url: str, env: Mapping[str, str]) -> None:
    """Refuse an address of PostgreSQL on another machine whose server proves nothing: anybody on the way could read along.

    Raises `UnusableSettings` (ASVS 12.3.1, 12.3.2). A socket and the machine itself need no encryption.
    """
    if not url.startswith("postgres"):
        return
    parts = urlsplit(url)
    # Whatever stands before the last @ may be a password; the host is behind it.
    if "@" in f"{parts.path}{parts.query}{parts.fragment}":
        raise UnusableSettings(
            f"{name}: expected postgresql://user@host/name, with %40, %2F, %3F, %23 within a password"
        )
    told = parse_qs(parts.query)
    hosts = (parts.netloc.rpartition("@")[2], *told.get("host", ()))
    named = [_without_port(one) for host in hosts for one in host.split(",") if one] or [env.get(_LIBPQ_HOST, "")]
    elsewhere = [
        one for one in named if one and not one.startswith("/") and one not in {"localhost", "127.0.0.1", "::1"}
    ]
    if elsewhere and told.get("sslmode", [""])[-1] not in _PROVED_SERVER:
        raise UnusableSettings(f"{name}: expected ?sslmode=verify-full for a database on another machine")


def _without_port(host: str) -> str:
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0] if host.count(":") == 1 else host


def _one_of(env: Mapping[str, str], name: str, choices: Sequence[str]) -> str:
    """A setting with a few values, of which the first counts when nothing is said."""
    value = env.get(name) or choices[0]
    if value not in choices:
        raise UnusableSettings(f"{name}: expected one of {', '.join(choices)}")
    return value


def _path(env: Mapping[str, str], name: str) -> Path | None:
    """A file that may be named; not followed to where a link leads, because that is for who opens it to judge."""
    value = env.get(name, "")
    return Path(value).expanduser().absolute() if value else None


def _yes(env: Mapping[str, str], name: str, otherwise: str) -> bool:
    """A setting that is yes or no."""
    value = env.get(name) or otherwise
    if value not in {"yes", "no"}:
        raise UnusableSettings(f"{name}: expected yes or no")
    return value == "yes"


def _listens(env: Mapping[str, str], name: str) -> str:
    """Where another program listens: the path of a socket, or a host with a port."""
    value = env.get(name, "")
    host, _, port = value.rpartition(":")
    if value and not value.startswith("/") and not (host and port.isascii() and port.isdigit() and int(port) < 65536):
        raise UnusableSettings(f"{name}: expected the path of a socket that starts with /, or host:port")
    return value


def _hosts(env: Mapping[str, str], name: str) -> tuple[str, ...]:
    """Names of hosts with commas between them, in small letters."""
    given = tuple(one.strip().lower() for one in env.get(name, "").split(",") if one.strip())
    if not all(_HOST.fullmatch(one) for one in given):
        raise UnusableSettings(f"{name}: expected names of hosts with commas between them, without port or path")
    return given


def _networks(env: Mapping[str, str], name: str, otherwise: tuple[str, ...]) -> tuple[str, ...]:
    """Networks or single addresses, apart by commas."""
    given = tuple(part.strip() for part in env.get(name, "").split(",") if part.strip())
    try:
        return tuple(str(ipaddress.ip_network(one)) for one in given) or otherwise
    except ValueError:
        raise UnusableSettings(f"{name}: expected networks such as 10.0.0.0/24, apart by commas") from None


def _header(env: Mapping[str, str], name: str) -> str:
    """The name of a header; with dashes only, because a proxy cannot tell a name with an underscore from one with a dash."""
    value = env.get(name, "")
    if value and not re.fullmatch(r"[A-Za-z][A-Za-z0-9]*(-[A-Za-z0-9]+)+", value):
        raise UnusableSettings(f"{name}: expected the name of a header with a dash, such as Client-Cert")
    return value


def _proxies(text: str) -> int:
    """How many proxies stand in front; more than a handful is a mistake."""
    if not text.isascii() or not text.isdigit() or not 0 <= int(text) <= 5:
        raise UnusableSettings("SIGNALTABLE_PROXIES: expected a number from 0 to 5")
    return int(text)


def _minutes(text: str) -> int:
    """Whole minutes of an hour that a job repeats in."""
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= 60:
        raise UnusableSettings("SIGNALTABLE_CHECKPOINT_MINUTES: expected a number from 1 to 60")
    return int(text)


def _require_place(name: str, url: str) -> None:
    """An address of SQLite names a file, which is there for every process; one of PostgreSQL has a number as port, if any."""
    if url.startswith("sqlite:"):
        _driver, slashes, file = url.partition("?")[0].partition("///")
        if not slashes or file.lstrip("/") in {"", ":memory:"}:
            raise UnusableSettings(f"{name}: expected a file, as in sqlite:////path/to/signaltable.db")
        return
    # A password may hold what parts an address elsewhere, so it goes first.
    server = re.split("[/?]", re.sub(r"^[^:/@]*(:[^@]*)?@", "", url.partition("//")[2]))[0]
    _host, colon, port = server.rpartition("]")[2].rpartition(":")
    if colon and not (port.isascii() and port.isdecimal() and int(port) < 2**16):
        raise UnusableSettings(f"{name}: expected a number as the port of the server")


def _address(given: str) -> str:
    """Where people find the program: it stands in every link of a mail, so it has to be one that a browser opens."""
    try:
        parts = urlsplit(given)
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        usable = False
    if not usable or not given.isprintable() or " " in given or "@" in given or "?" in given or "#" in given:
        raise UnusableSettings("SIGNALTABLE_ADDRESS: expected an address such as https://signaaltafel.example/")
    return given


def _with_driver(url: str) -> str:
    """Name psycopg 3 where an address leaves the driver open; SQLAlchemy would look for psycopg2."""
    for prefix in ("postgresql://", "postgres://"):
        if url.startswith(prefix):
            return "postgresql+psycopg://" + url.removeprefix(prefix)
    return url
