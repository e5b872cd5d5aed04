"""Who takes part: agencies, accounts, sessions, tables with their seats."""

from datetime import datetime

from sqlalchemy import ForeignKey, String, false
from sqlalchemy.orm import Mapped, mapped_column

from signaltable.db import Base
from signaltable.models.columns import Code, Id, key, to


class Agency(Base):
    """An organisation at the table. `kind` is one of policies/agency_kinds.toml."""

    __tablename__ = "agencies"
    id: Mapped[str] = key()
    title: Mapped[str] = mapped_column(String(200), unique=True)
    kind: Mapped[str] = mapped_column(Code)
    active: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[datetime]


class AgencyDestination(Base):
    """Which destinations of the meldroutekaart an agency stands for in this region."""

    __tablename__ = "agency_destinations"
    agency_id: Mapped[str] = mapped_column(Id, ForeignKey("agencies.id"), primary_key=True)
    destination: Mapped[str] = mapped_column(Code, primary_key=True)


class Account(Base):
    """A person who logs in. The name stands here and nowhere in the log."""

    __tablename__ = "accounts"
    id: Mapped[str] = key()
    login: Mapped[str] = mapped_column(String(120), unique=True)
    name: Mapped[str] = mapped_column(String(200))
    password_hash: Mapped[str] = mapped_column(String(200))
    # Somebody else typed the password: the owner has to choose another before doing anything.
    first_password: Mapped[bool] = mapped_column(default=False)
    agency_id: Mapped[str] = to("agencies.id", index=True)
    active: Mapped[bool] = mapped_column(default=True)
    language: Mapped[str] = mapped_column(String(2), default="nl")
    created_at: Mapped[datetime]
    # Comes in with a password and a second factor of its own, also where the agency has an identity provider: the way in
    # when that provider is away.
    break_glass: Mapped[bool] = mapped_column(default=False, server_default=false())
    # Where mails go, when the login is no address; and when a mail server last said that none arrive there.
    mail_address: Mapped[str] = mapped_column(String(190), default="", server_default="")
    mail_bounced_at: Mapped[datetime | None]


class AccountRole(Base):
    __tablename__ = "account_roles"
    account_id: Mapped[str] = mapped_column(Id, ForeignKey("accounts.id"), primary_key=True)
    role: Mapped[str] = mapped_column(Code, primary_key=True)


class RegionalTable(Base):
    """A signal table: regional meeting and workspace of its member agencies, for a region or a theme.

    `theme` is one of policies/table_themes.toml, empty for signals of every kind; a closed table takes no new signals.
    """

    __tablename__ = "regional_tables"
    id: Mapped[str] = key()
    title: Mapped[str] = mapped_column(String(200), unique=True)
    region: Mapped[str] = mapped_column(String(120), default="", server_default="")
    theme: Mapped[str] = mapped_column(Code, default="", server_default="")
    created_at: Mapped[datetime]
    closed_at: Mapped[datetime | None]


class TableMember(Base):
    __tablename__ = "table_members"
    table_id: Mapped[str] = mapped_column(Id, ForeignKey("regional_tables.id"), primary_key=True)
    agency_id: Mapped[str] = mapped_column(Id, ForeignKey("agencies.id"), primary_key=True, index=True)
