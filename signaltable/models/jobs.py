"""Work in time: jobs, turns, mails."""

from datetime import datetime

from sqlalchemy import Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from signaltable.db import Base
from signaltable.models.columns import Code, Id, key, to


class JobTurn(Base):
    """How far a job got: every slot up to and including `through` is done. `token` is of the process that is at it now.

    `last_slot` names the run that ended last. While a job fails, `failures` counts on from `failing_since`, `problem` is
    what the last try came to, `try_at` when the next one is, and `untold` how many the log did not tell of.
    """

    __tablename__ = "job_turns"
    job: Mapped[str] = mapped_column(Code, primary_key=True)
    through: Mapped[str] = mapped_column(String(32), default="")
    token: Mapped[str] = mapped_column(Id, default="")
    began_at: Mapped[datetime | None]
    failures: Mapped[int] = mapped_column(default=0)
    last_slot: Mapped[str] = mapped_column(String(32), default="", server_default="")
    failing_since: Mapped[datetime | None]
    try_at: Mapped[datetime | None]
    problem: Mapped[str] = mapped_column(String(200), default="", server_default="")
    untold: Mapped[int] = mapped_column(default=0, server_default="0")


class JobRun(Base):
    """A claim row: the pair (job, slot) is unique, so each run happens once, however many processes run.

    A run that makes up for missed slots covers all from `from_slot` to `slot`: so many `slots`. A run that failed or was
    killed covers none; nor does one again of a slot that was counted while the clock stood ahead.
    """

    __tablename__ = "job_runs"
    job: Mapped[str] = mapped_column(Code, primary_key=True)
    slot: Mapped[str] = mapped_column(String(32), primary_key=True)
    from_slot: Mapped[str] = mapped_column(String(32), default="", server_default="")
    slots: Mapped[int] = mapped_column(default=0, server_default="0")
    claimed_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]
    outcome: Mapped[str] = mapped_column(String(200), default="")


class Mail(Base):
    """A mail that says only that work is waiting; it never holds content.

    Its id is in the link that it carries, and leads whoever it was for to `task` (kind and id of what waits). `state` is
    empty while it waits, then `sent`, `digested` (told in the mail `digest_id`), `failed` or `bounced`.
    """

    __tablename__ = "mails"
    __table_args__ = (Index("ix_mails_waiting", "state", "next_try_at", "id"),)
    id: Mapped[str] = key()
    account_id: Mapped[str] = to("accounts.id", index=True)
    template: Mapped[str] = mapped_column(Code)
    urgent: Mapped[bool] = mapped_column(default=False, server_default=text("false"))
    task_kind: Mapped[str] = mapped_column(Code, default="", server_default="")
    task_id: Mapped[str] = mapped_column(Id, default="", server_default="")
    created_at: Mapped[datetime]
    written_at: Mapped[datetime | None]
    state: Mapped[str] = mapped_column(Code, default="", server_default="")
    digest_id: Mapped[str] = mapped_column(Id, default="", server_default="")
    tries: Mapped[int] = mapped_column(default=0, server_default="0")
    next_try_at: Mapped[datetime | None]
    # Why it was not delivered, as the reply code of the mail server (RFC 3463), never its words.
    problem: Mapped[str] = mapped_column(Code, default="", server_default="")
