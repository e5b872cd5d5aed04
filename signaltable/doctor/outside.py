"""What can be looked at without the database: files, disk, keys, helpers, mail server, and how production is set."""

import os
import shutil
import smtplib
import stat
from contextlib import suppress
from dataclasses import replace
from typing import Final
from urllib.parse import urlsplit

from sqlalchemy.exc import SQLAlchemyError

from signaltable import shared_ring
from signaltable.doctor.deadline import within
from signaltable.doctor.found import Check, ill, unseen, warn, well, worst
from signaltable.doctor.patient import Patient
from signaltable.domain import SignaltableError
from signaltable.flow import log_keys, virus_scan
from signaltable.keys import KeyRing
from signaltable.keys.chosen import is_signers
from signaltable.mail_settings import NONE, TLS, MailServer, check_password
from signaltable.text_reader import client
from signaltable.users import can_sign, check_key_apart

# Below this there is room for some days; below the other every write may be the last.
LITTLE_ROOM, NO_ROOM = 2 * 1024**3, 200 * 1024**2
# So long a mail server may take to say who it is, and ClamAV to say that it is there.
MAIL_SECONDS: Final = 3.0
CLAMD_SECONDS: Final = 3.0
MAIL_AWAY: Final = "look at SIGNALTABLE_SMTP and the firewall; mails wait meanwhile"
OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO


def home(patient: Patient) -> Check:
    """The folder that the program writes in."""
    path = patient.settings.home
    if not path.is_dir():
        return ill(
            "home",
            f"there is no folder {path}",
            "run `signaltable init`, or let SIGNALTABLE_HOME name the right folder",
        )
    if (path / "init-is-not-finished").exists():
        return ill(
            "home", "`signaltable init` was broken off here", "remove this home and run `signaltable init` again"
        )
    if not os.access(path, os.R_OK | os.W_OK | os.X_OK):
        return ill(
            "home", f"{path} cannot be written by this user", "run as the user of the program, or give it the folder"
        )
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & stat.S_IWOTH:
        return warn("home", f"others can write in {path} (mode {mode:04o})", f"chmod 700 {path}")
    return well("home", f"{path}" + (", a program works in it" if patient.at_work else ", no program works in it now"))


def disk(patient: Patient) -> Check:
    """Room on the disk of the home."""
    path = patient.settings.home
    while not path.exists():
        path = path.parent
    free = shutil.disk_usage(path).free
    told = f"{free // 1024**2} MB free on the disk of the home"
    if free < NO_ROOM:
        return ill("disk", told, "make room now: what cannot be written is refused")
    if free < LITTLE_ROOM:
        return warn("disk", told, "make room")
    return well("disk", told)


def rules(patient: Patient) -> Check:
    """The policies, read and checked whole."""
    if patient.policy is None:
        return ill(
            "rules", patient.policy_problem, "put that file right; `signaltable policies check` tells all that is wrong"
        )
    return well("rules", f"read and checked, digest {patient.policy.digest[:12]}")


def keys(patient: Patient) -> Check:
    """The key ring, whether it reads, and whether others can read it."""
    settings = patient.settings
    if patient.keys is None:
        missing = not settings.key_ring.exists() and not is_signers(settings)
        do = (
            "run `signaltable init`; for an installation that exists: put its ring back, `signaltable keys restore`"
            if missing
            else "put the ring right, or back from an export: `signaltable keys restore` (docs/keys.md)"
        )
        return ill("keys", "there is no key ring" if missing else patient.keys_problem, do)
    if is_signers(settings):
        return well("keys", "the keys of a signer")
    mode = stat.S_IMODE(settings.key_ring.stat().st_mode)
    if mode & OTHERS:
        return warn("keys", f"others can read the key ring (mode {mode:04o})", f"chmod 600 {settings.key_ring}")
    place = "in a file" if isinstance(patient.keys, KeyRing) else "in a token"
    return well("keys", f"the ring reads: keys of {len(patient.keys.agency_ids)} organisations, {place}")


def signer(patient: Patient) -> Check:
    """The key that signs the log: there, apart from the web in production, and known to the public list."""
    settings = patient.settings
    if not settings.key_ring.exists() and not is_signers(settings):
        return unseen("signer", "there is no key ring")
    return worst("signer", [*_public_list(patient), *_apart(patient), _key_file(patient)])


def _key_file(patient: Patient) -> Check:
    """The file of the signing key: there where nobody else signs, a file, and for its owner alone."""
    settings, path = patient.settings, patient.settings.log_key
    grave = warn if settings.demo else ill
    another = well("signer", "this user cannot read the signing key; another process signs")
    try:
        found = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        if _signs_elsewhere(patient):
            return well("signer", "no signing key here; another machine signs")
        do = f"put it back at {path}; where it is lost, `signaltable audit restored` makes another (docs/backup.md)"
        return grave("signer", "the signing key of the log is gone, and nobody else is set up to sign", do)
    except OSError:
        return another
    if not stat.S_ISREG(found.st_mode):
        do = f"take it away and put the key back at {path}; a lost one is made anew by `signaltable audit restored`"
        return ill("signer", "what stands in the place of the signing key is no file", do)
    reads = can_sign(settings)
    if found.st_mode & OTHERS and (reads or found.st_uid == os.geteuid()):
        mode = stat.S_IMODE(found.st_mode)
        return grave("signer", f"others can read the signing key (mode {mode:04o})", f"chmod 600 {path}")
    return well("signer", "the signing key reads") if reads else another


def _signs_elsewhere(patient: Patient) -> bool:
    """Whether another machine is set up to sign. A file of SQLite is worked on by one machine, and that one signs."""
    settings = patient.settings
    if is_signers(settings) or settings.database_url.startswith("sqlite"):
        return False
    if settings.log_key_elsewhere:
        return not settings.log_key_elsewhere.parent.exists()  # Settings for all machines name a folder of one of them.
    return bool(settings.log_public_key_elsewhere or settings.signer_role) or _has_others(patient)


def _has_others(patient: Patient) -> bool:
    """Whether other machines worked on this database of late."""
    if patient.engine is None:
        return False
    with patient.session() as session, suppress(SQLAlchemyError):  # Tables of another version tell of no machines.
        own = shared_ring.own_id(patient.settings.key_ring)
        return any(one.id != own for one in shared_ring.hosts(session.connection()))
    return False


def _public_list(patient: Patient) -> list[Check]:
    settings = patient.settings
    try:
        listed = {key.fingerprint for key in log_keys.public_keys(settings)}
        own = (
            {key.verifier().fingerprint for key in log_keys.signers(settings.log_key)} if can_sign(settings) else set()
        )
    except (SignaltableError, OSError) as error:
        told = (
            str(error) if isinstance(error, SignaltableError) else f"the signing key cannot be read: {error.strerror}"
        )
        return [ill("signer", told, "put the file back from a backup (docs/operate.md, Keys)")]
    if own and not own & listed:
        return [
            ill(
                "signer",
                "the signing key is not the one of the public list",
                "put keys/log-public.key of the signer here",
            )
        ]
    return []


def _apart(patient: Patient) -> list[Check]:
    try:
        check_key_apart(patient.settings)
    except SignaltableError as error:
        return [
            warn("signer", str(error).partition(";")[0], "give the signing key a user of its own (docs/operate.md)")
        ]
    return []


def text_helper(patient: Patient) -> Check:
    """The processes that read what people hand in: that of the texts, and ClamAV where the settings name it."""
    reader = _text_reader(patient)
    if not patient.settings.clamd:
        return reader
    if within(CLAMD_SECONDS, lambda: virus_scan.is_there(patient.settings, seconds=CLAMD_SECONDS)):
        return replace(reader, message=f"{reader.message}; ClamAV answers")
    told = "ClamAV does not answer where SIGNALTABLE_CLAMD says; files are taken and not scanned for viruses"
    return worst("text helper", [warn("text helper", told, "start clamd, or set SIGNALTABLE_CLAMD right"), reader])


def _text_reader(patient: Patient) -> Check:
    settings = patient.settings
    if settings.text_reader == "off":
        return well("text helper", "off: the light scan counts alone")
    if not client.is_there(settings.home):
        if settings.text_reader == "auto":
            return well("text helper", "not started; the light scan counts alone until it is")
        told, do = "not there, and texts wait for it", "start it; without it set SIGNALTABLE_TEXT_READER=off"
        return ill("text helper", told, do) if patient.at_work else warn("text helper", told, do)
    if client.read(settings.home, "") is None:
        return ill("text helper", "its socket is there and it does not answer", "start the text reader again")
    return well("text helper", "answers")


def mail(patient: Patient) -> Check:
    """The mail server: its password file, and whether it answers. Nobody is signed in, nothing is sent."""
    settings = patient.settings
    server = settings.mail_server
    if server is None:
        told = "no mail server: mails are written to outbox/"
        return (
            well("mail", told)
            if settings.demo
            else warn("mail", told, "set SIGNALTABLE_SMTP, or send what stands there")
        )
    try:
        check_password(server)
    except SignaltableError as error:
        return warn("mail", str(error), "give the file to the user of the jobs, mode 0600")
    late = ill("mail", f"the mail server did not say who it is within {MAIL_SECONDS:.0f} seconds", MAIL_AWAY)
    return within(MAIL_SECONDS, lambda: _greeted(server)) or late


def _greeted(server: MailServer) -> Check:
    opened = smtplib.SMTP_SSL if server.tls == TLS else smtplib.SMTP
    try:
        with opened(server.host, server.port, local_hostname=server.domain, timeout=MAIL_SECONDS) as smtp:
            smtp.ehlo()
            if server.tls not in {TLS, NONE} and not smtp.has_extn("starttls"):
                return ill(
                    "mail", "the mail server offers no STARTTLS", "set SIGNALTABLE_SMTP_TLS as the server does it"
                )
    except (smtplib.SMTPException, OSError, ValueError) as error:
        return ill("mail", f"the mail server does not answer ({type(error).__name__})", MAIL_AWAY)
    return well("mail", "the mail server answers; `signaltable mail test` sends one")


def production(patient: Patient) -> Check:
    """How production is set: cookies, address, proxies."""
    settings = patient.settings
    if settings.demo:
        return well("production", "this is a demo")
    found = []
    address = urlsplit(settings.address)
    elsewhere = address.hostname not in {"localhost", "127.0.0.1", "::1", None}
    if (settings.home / "demo-accounts.json").exists():
        found.append(ill("production", "this home holds demo accounts", "make another home for production"))
    if not settings.secure_cookies:
        found.append(warn("production", "session cookies travel over plain HTTP", "set SIGNALTABLE_SECURE_COOKIES=yes"))
    if not elsewhere:
        found.append(warn("production", "mails name an address of this machine", "set SIGNALTABLE_ADDRESS"))
    elif address.scheme != "https":
        found.append(ill("production", "SIGNALTABLE_ADDRESS is no https address", "set it to where the proxy does TLS"))
    if elsewhere and not settings.proxies:
        found.append(
            warn("production", "no proxy is counted: limits see one address for everybody", "set SIGNALTABLE_PROXIES")
        )
    return worst("production", found) if found else well("production", "cookies, address and proxies are set")
