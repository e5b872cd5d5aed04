"""How people and machines come in: factors, steps of a login, sessions, attempts, accounts of machines."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, LargeBinary, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from signaltable.db import Base
from signaltable.models.columns import Code, Id, key, to


class Activation(Base):
    """A code with which somebody comes in once to choose a password, or to set up a second factor anew.

    `purpose` is "first", "password" or "factors"; only a digest of the code is kept.
    """

    __tablename__ = "activations"
    id: Mapped[str] = key()
    account_id: Mapped[str] = to("accounts.id", index=True)
    purpose: Mapped[str] = mapped_column(Code)
    code_digest: Mapped[str] = mapped_column(String(64), unique=True)
    made_by: Mapped[str] = mapped_column(Id)
    made_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


class SecondFactor(Base):
    """What somebody has beside a password: an authenticator app ("totp") or a passkey ("passkey").

    The secret of an app is sealed for the agency of the account; of a passkey only public values are kept.
    """

    __tablename__ = "second_factors"
    id: Mapped[str] = key()
    account_id: Mapped[str] = to("accounts.id", index=True)
    agency_id: Mapped[str] = to("agencies.id")
    kind: Mapped[str] = mapped_column(Code)
    title: Mapped[str] = mapped_column(String(60), default="")
    secret_sealed: Mapped[bytes] = mapped_column(LargeBinary, default=b"")
    # The last time step of which a code was taken (RFC 6238): that one and those before it count no more.
    last_step: Mapped[int] = mapped_column(default=0)
    credential_id: Mapped[str | None] = mapped_column(String(1400), unique=True)
    # What a passkey calls its owner: random, the same for all passkeys of one person, and told to nobody else.
    user_handle: Mapped[str] = mapped_column(String(64), default="")
    public_key: Mapped[bytes] = mapped_column(LargeBinary, default=b"")
    sign_count: Mapped[int] = mapped_column(default=0)
    transports: Mapped[list[str]] = mapped_column(JSON, default=list)
    aaguid: Mapped[str] = mapped_column(String(36), default="")
    backed_up: Mapped[bool] = mapped_column(default=False)
    # When its count went back, which says that it is on two devices; its owner is told.
    copied_at: Mapped[datetime | None]
    # In a demonstration the page shows the code that the app would show: nobody there has that app.
    shown: Mapped[bool] = mapped_column(default=False)
    made_at: Mapped[datetime]
    # Empty until it was used once: what was never tried does not count.
    confirmed_at: Mapped[datetime | None]
    used_at: Mapped[datetime | None]
    removed_at: Mapped[datetime | None]


class RecoveryCode(Base):
    """A code on paper that takes the place of a second factor, once."""

    __tablename__ = "recovery_codes"
    id: Mapped[str] = key()
    account_id: Mapped[str] = to("accounts.id", index=True)
    code_digest: Mapped[str] = mapped_column(String(64))
    made_at: Mapped[datetime]
    used_at: Mapped[datetime | None]
    removed_at: Mapped[datetime | None]


class LoginStep(Base):
    """A login, an enrolment or a proof that is under way; the browser holds a random token, of which the digest stands here.

    `kind` is "second" (a password was right, or an identity provider said who it is; the second factor is asked),
    "activate", "passkey", "enrol", "prove" or "oidc". `state` holds what has to come back unchanged: a challenge, a nonce.
    """

    __tablename__ = "login_steps"
    token_digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    kind: Mapped[str] = mapped_column(Code)
    account_id: Mapped[str] = mapped_column(Id, default="")
    way: Mapped[str] = mapped_column(Code, default="")
    state: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    made_at: Mapped[datetime] = mapped_column(index=True)
    ended_at: Mapped[datetime | None]


class LoginSession(Base):
    """A session on the server; the browser holds only a random token, of which the digest stands here."""

    __tablename__ = "sessions"
    token_digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    account_id: Mapped[str] = to("accounts.id", index=True)
    created_at: Mapped[datetime]
    seen_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    # How somebody came in: "password" (of before there were second factors), "two_factors", "passkey", "provider".
    strength: Mapped[str] = mapped_column(Code, default="", server_default="")
    # What a person recognises the own session by: kind of browser and system, never a version or an address.
    device: Mapped[str] = mapped_column(String(60), default="", server_default="")
    # The keyed digest of the network in which it began, so that its owner can see "the same as now" or "another".
    network: Mapped[str] = mapped_column(String(64), default="", server_default="")
    # When somebody proved once more who they are, for something that asks it (step-up); empty: only at the start.
    proved_at: Mapped[datetime | None]
    # What was sent last in it, as a keyed digest, so that a second click counts for nothing.
    last_form: Mapped[str] = mapped_column(String(64), default="", server_default="")
    last_form_at: Mapped[datetime | None]


class LoginAttempt(Base):
    """Attempts that were wrong, for throttling: by login name, network and known browser, each as a keyed digest."""

    __tablename__ = "login_attempts"
    __table_args__ = (Index("ix_login_attempts_network", "network_digest", "at"),)
    id: Mapped[str] = key()
    login_digest: Mapped[str] = mapped_column(String(64), index=True)
    # "password", "code", "recovery", "activation", "machine".
    kind: Mapped[str] = mapped_column(Code, default="", server_default="")
    network_digest: Mapped[str] = mapped_column(String(64), default="", server_default="")
    # A browser in which this person signed in before; empty for one that is not known.
    browser_digest: Mapped[str] = mapped_column(String(64), default="", server_default="")
    at: Mapped[datetime] = mapped_column(index=True)


class ProviderLogin(Base):
    """Who somebody is at the identity provider of their agency (OpenID Connect): a keyed digest of issuer and subject."""

    __tablename__ = "provider_logins"
    id: Mapped[str] = key()
    account_id: Mapped[str] = to("accounts.id", index=True)
    provider: Mapped[str] = mapped_column(Code)
    subject_digest: Mapped[str] = mapped_column(String(64), unique=True)
    bound_at: Mapped[datetime]
    used_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]


class MachineAccount(Base):
    """A system of a partner that comes in by itself, for one agency, some permissions and some purposes, until a day.

    It proves itself with a secret (OAuth 2.0 client credentials, RFC 6749 4.4), of which a digest is kept, or with a
    certificate that the proxy has checked (RFC 8705), of which the SHA-256 thumbprint is kept.
    """

    __tablename__ = "machine_accounts"
    id: Mapped[str] = key()
    agency_id: Mapped[str] = to("agencies.id", index=True)
    title: Mapped[str] = mapped_column(String(120))
    secret_digest: Mapped[str] = mapped_column(String(64), default="")
    previous_digest: Mapped[str] = mapped_column(String(64), default="")
    previous_until: Mapped[datetime | None]
    certificate: Mapped[str | None] = mapped_column(String(64), unique=True)
    permissions: Mapped[list[str]] = mapped_column(JSON, default=list)
    purposes: Mapped[list[str]] = mapped_column(JSON, default=list)
    made_by: Mapped[str] = mapped_column(Id)
    made_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    used_at: Mapped[datetime | None]
    version: Mapped[int] = mapped_column(default=1)


class MachineToken(Base):
    """A token that a machine got for some minutes; only its digest is kept."""

    __tablename__ = "machine_tokens"
    __table_args__ = (UniqueConstraint("token_digest"),)
    id: Mapped[str] = key()
    machine_id: Mapped[str] = to("machine_accounts.id", index=True)
    token_digest: Mapped[str] = mapped_column(String(64))
    # What was asked for it: never more than the account has at the moment of use. The certificate that it is bound to.
    permissions: Mapped[list[str]] = mapped_column(JSON, default=list)
    purposes: Mapped[list[str]] = mapped_column(JSON, default=list)
    certificate: Mapped[str] = mapped_column(String(64), default="")
    made_at: Mapped[datetime]
    expires_at: Mapped[datetime] = mapped_column(index=True)
    ended_at: Mapped[datetime | None]


class MachineUse(Base):
    """How much of its query budget a machine used on a day; it counts for its agency beside that of its people."""

    __tablename__ = "machine_uses"
    __table_args__ = (Index("ix_machine_uses_agency", "agency_id", "kind", "day"),)
    machine_id: Mapped[str] = mapped_column(Id, ForeignKey("machine_accounts.id"), primary_key=True)
    kind: Mapped[str] = mapped_column(Code, primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True)
    agency_id: Mapped[str] = to("agencies.id")
    used: Mapped[int]


class RequestRate(Base):
    """How many requests an agency (or one person, or one machine) made in a minute; `who` is an id, `kind` what is counted."""

    __tablename__ = "request_rates"
    who: Mapped[str] = mapped_column(String(80), primary_key=True)
    kind: Mapped[str] = mapped_column(Code, primary_key=True)
    minute: Mapped[datetime] = mapped_column(primary_key=True)
    count: Mapped[int] = mapped_column(default=0)
