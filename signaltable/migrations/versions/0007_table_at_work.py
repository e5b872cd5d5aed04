"""Several tables, meetings with minutes and tasks, stuck cases, terms that are put off, mails that are sent

Revision: 0007
Follows: 0006
"""

import sqlalchemy as sa
from alembic import op

from signaltable.db import UtcDateTime


revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None
# What going back from here throws away for good (docs/postgresql.md).
loses = (
    "accounts.mail_address",
    "accounts.mail_bounced_at",
    "agenda_items.proposed_for",
    "attendances",
    "disclosures.feedback_due_on",
    "disclosures.parent_id",
    "disclosures.parent_told",
    "disclosures.revoked_at",
    "disclosures.revoked_by",
    "disclosures.revoked_for",
    "disclosures.revoked_sealed",
    "escalations",
    "feedbacks",
    "job_runs.from_slot",
    "job_runs.slots",
    "job_turns",
    "mails.digest_id",
    "mails.next_try_at",
    "mails.problem",
    "mails.state",
    "mails.task_id",
    "mails.task_kind",
    "mails.tries",
    "mails.urgent",
    "meeting_tasks",
    "meetings.begins",
    "meetings.cancelled_at",
    "meetings.chair",
    "meetings.changed_at",
    "meetings.closed_at",
    "meetings.ends",
    "meetings.place",
    "meetings.sequence",
    "minutes",
    "minutes_parts",
    "missed_dates",
    "notes.minuted",
    "postponements",
    "questions.context_at",
    "questions.context_capacity",
    "questions.context_categories",
    "questions.context_ground",
    "questions.context_ground_digest",
    "questions.context_table",
    "questions.fact",
    "questions.postponed",
    "questions.purpose",
    "questions.reminded_at",
    "questions.version",
    "questions.withdrawn_at",
    "recusals",
    "reflection_periods",
    "regional_tables.closed_at",
    "regional_tables.region",
    "regional_tables.theme",
    "sessions.last_form",
    "sessions.last_form_at",
    "signal_table_moves",
    "signals.keep_warned_at",
    "signals.outcome",
)


def upgrade() -> None:
    op.create_table(
        "job_turns",
        sa.Column("job", sa.String(length=64), nullable=False),
        sa.Column("through", sa.String(length=32), nullable=False),
        sa.Column("token", sa.String(length=36), nullable=False),
        sa.Column("began_at", UtcDateTime(), nullable=True),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("last_slot", sa.String(length=32), server_default="", nullable=False),
        sa.Column("failing_since", UtcDateTime(), nullable=True),
        sa.Column("try_at", UtcDateTime(), nullable=True),
        sa.Column("problem", sa.String(length=200), server_default="", nullable=False),
        sa.Column("untold", sa.Integer(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("job", name=op.f("pk_job_turns")),
    )
    op.create_table(
        "attendances",
        sa.Column("meeting_id", sa.String(length=36), nullable=False),
        sa.Column("account_id", sa.String(length=36), nullable=False),
        sa.Column("agency_id", sa.String(length=36), nullable=False),
        sa.Column("answer", sa.String(length=64), nullable=False),
        sa.Column("presence", sa.String(length=64), nullable=False),
        sa.Column("replaces", sa.String(length=36), nullable=False),
        sa.Column("noted_by", sa.String(length=36), nullable=False),
        sa.Column("noted_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_attendances_account_id_accounts")),
        sa.ForeignKeyConstraint(["agency_id"], ["agencies.id"], name=op.f("fk_attendances_agency_id_agencies")),
        sa.ForeignKeyConstraint(["meeting_id"], ["meetings.id"], name=op.f("fk_attendances_meeting_id_meetings")),
        sa.PrimaryKeyConstraint("meeting_id", "account_id", name=op.f("pk_attendances")),
    )
    op.create_table(
        "minutes",
        sa.Column("meeting_id", sa.String(length=36), nullable=False),
        sa.Column("state", sa.String(length=64), nullable=False),
        sa.Column("made_by", sa.String(length=36), nullable=False),
        sa.Column("made_at", UtcDateTime(), nullable=False),
        sa.Column("shared_at", UtcDateTime(), nullable=True),
        sa.Column("approved_at", UtcDateTime(), nullable=True),
        sa.Column("approved_by", sa.String(length=36), nullable=False),
        sa.Column("approved_in", sa.String(length=36), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["meeting_id"], ["meetings.id"], name=op.f("fk_minutes_meeting_id_meetings")),
        sa.PrimaryKeyConstraint("meeting_id", name=op.f("pk_minutes")),
    )
    op.create_table(
        "escalations",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("signal_id", sa.String(length=36), nullable=False),
        sa.Column("cause", sa.String(length=64), nullable=False),
        sa.Column("level", sa.String(length=64), nullable=False),
        sa.Column("opened_at", UtcDateTime(), nullable=False),
        sa.Column("due_on", sa.Date(), nullable=False),
        sa.Column("raised_at", UtcDateTime(), nullable=True),
        sa.Column("settled_at", UtcDateTime(), nullable=True),
        sa.Column("settled_by", sa.String(length=36), nullable=False),
        sa.Column("result", sa.String(length=64), nullable=False),
        sa.Column("holder_agency", sa.String(length=36), nullable=False),
        sa.Column("reason", sa.String(length=1000), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["signal_id"], ["signals.id"], name=op.f("fk_escalations_signal_id_signals")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_escalations")),
    )
    with op.batch_alter_table("escalations", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_escalations_signal_id"), ["signal_id"], unique=False)

    op.create_table(
        "minutes_parts",
        sa.Column("meeting_id", sa.String(length=36), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.String(length=64), nullable=False),
        sa.Column("signal_id", sa.String(length=36), nullable=True),
        sa.Column("content", sa.JSON(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(
            ["meeting_id"], ["minutes.meeting_id"], name=op.f("fk_minutes_parts_meeting_id_minutes")
        ),
        sa.ForeignKeyConstraint(["signal_id"], ["signals.id"], name=op.f("fk_minutes_parts_signal_id_signals")),
        sa.PrimaryKeyConstraint("meeting_id", "number", name=op.f("pk_minutes_parts")),
    )
    with op.batch_alter_table("minutes_parts", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_minutes_parts_signal_id"), ["signal_id"], unique=False)

    op.create_table(
        "missed_dates",
        sa.Column("signal_id", sa.String(length=36), nullable=False),
        sa.Column("kind", sa.String(length=64), nullable=False),
        sa.Column("object_id", sa.String(length=36), nullable=False),
        sa.Column("due_on", sa.Date(), nullable=False),
        sa.Column("noted_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["signal_id"], ["signals.id"], name=op.f("fk_missed_dates_signal_id_signals")),
        sa.PrimaryKeyConstraint("signal_id", "kind", "object_id", "due_on", name=op.f("pk_missed_dates")),
    )
    op.create_table(
        "postponements",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("kind", sa.String(length=64), nullable=False),
        sa.Column("object_id", sa.String(length=36), nullable=False),
        sa.Column("signal_id", sa.String(length=36), nullable=False),
        sa.Column("agency_id", sa.String(length=36), nullable=False),
        sa.Column("account_id", sa.String(length=36), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("before", sa.Date(), nullable=False),
        sa.Column("until", sa.Date(), nullable=False),
        sa.Column("reason_sealed", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["signal_id"], ["signals.id"], name=op.f("fk_postponements_signal_id_signals")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_postponements")),
    )
    with op.batch_alter_table("postponements", schema=None) as batch_op:
        batch_op.create_index("ix_postponements_object", ["kind", "object_id", "at"], unique=False)
        batch_op.create_index(batch_op.f("ix_postponements_signal_id"), ["signal_id"], unique=False)

    op.create_table(
        "recusals",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("signal_id", sa.String(length=36), nullable=False),
        sa.Column("account_id", sa.String(length=36), nullable=False),
        sa.Column("agency_id", sa.String(length=36), nullable=False),
        sa.Column("kind", sa.String(length=64), nullable=False),
        sa.Column("reason_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("declared_by", sa.String(length=36), nullable=False),
        sa.Column("declared_at", UtcDateTime(), nullable=False),
        sa.Column("ended_by", sa.String(length=36), nullable=False),
        sa.Column("ended_at", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_recusals_account_id_accounts")),
        sa.ForeignKeyConstraint(["agency_id"], ["agencies.id"], name=op.f("fk_recusals_agency_id_agencies")),
        sa.ForeignKeyConstraint(["signal_id"], ["signals.id"], name=op.f("fk_recusals_signal_id_signals")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_recusals")),
    )
    with op.batch_alter_table("recusals", schema=None) as batch_op:
        batch_op.create_index("ix_recusals_account", ["account_id", "ended_at", "signal_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_recusals_signal_id"), ["signal_id"], unique=False)

    op.create_table(
        "signal_table_moves",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("signal_id", sa.String(length=36), nullable=False),
        sa.Column("from_table", sa.String(length=36), nullable=False),
        sa.Column("to_table", sa.String(length=36), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("account_id", sa.String(length=36), nullable=False),
        sa.Column("agency_id", sa.String(length=36), nullable=False),
        sa.Column("reason", sa.String(length=500), nullable=False),
        sa.ForeignKeyConstraint(
            ["from_table"], ["regional_tables.id"], name=op.f("fk_signal_table_moves_from_table_regional_tables")
        ),
        sa.ForeignKeyConstraint(["signal_id"], ["signals.id"], name=op.f("fk_signal_table_moves_signal_id_signals")),
        sa.ForeignKeyConstraint(
            ["to_table"], ["regional_tables.id"], name=op.f("fk_signal_table_moves_to_table_regional_tables")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_signal_table_moves")),
    )
    with op.batch_alter_table("signal_table_moves", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_signal_table_moves_signal_id"), ["signal_id"], unique=False)

    op.create_table(
        "feedbacks",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("disclosure_id", sa.String(length=36), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("account_id", sa.String(length=36), nullable=False),
        sa.Column("result", sa.String(length=64), nullable=False),
        sa.Column("agency_id", sa.String(length=36), nullable=False),
        sa.Column("words_sealed", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["agency_id"], ["agencies.id"], name=op.f("fk_feedbacks_agency_id_agencies")),
        sa.ForeignKeyConstraint(
            ["disclosure_id"], ["disclosures.id"], name=op.f("fk_feedbacks_disclosure_id_disclosures")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_feedbacks")),
        sa.UniqueConstraint("disclosure_id", "number", name=op.f("uq_feedbacks_disclosure_id_number")),
    )
    op.create_table(
        "meeting_tasks",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("item_id", sa.String(length=36), nullable=False),
        sa.Column("signal_id", sa.String(length=36), nullable=False),
        sa.Column("agency_id", sa.String(length=36), nullable=False),
        sa.Column("text", sa.String(length=500), nullable=False),
        sa.Column("due_on", sa.Date(), nullable=False),
        sa.Column("made_by", sa.String(length=36), nullable=False),
        sa.Column("made_at", UtcDateTime(), nullable=False),
        sa.Column("postponed", sa.Integer(), nullable=False),
        sa.Column("reminded_at", UtcDateTime(), nullable=True),
        sa.Column("result", sa.String(length=64), nullable=False),
        sa.Column("answer", sa.String(length=1000), nullable=False),
        sa.Column("settled_by", sa.String(length=36), nullable=False),
        sa.Column("settled_at", UtcDateTime(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["agency_id"], ["agencies.id"], name=op.f("fk_meeting_tasks_agency_id_agencies")),
        sa.ForeignKeyConstraint(["item_id"], ["agenda_items.id"], name=op.f("fk_meeting_tasks_item_id_agenda_items")),
        sa.ForeignKeyConstraint(["signal_id"], ["signals.id"], name=op.f("fk_meeting_tasks_signal_id_signals")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_meeting_tasks")),
    )
    with op.batch_alter_table("meeting_tasks", schema=None) as batch_op:
        batch_op.create_index("ix_meeting_tasks_agency", ["agency_id", "settled_at", "due_on", "id"], unique=False)
        batch_op.create_index(batch_op.f("ix_meeting_tasks_item_id"), ["item_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_meeting_tasks_signal_id"), ["signal_id"], unique=False)

    op.create_table(
        "reflection_periods",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("signal_id", sa.String(length=36), nullable=False),
        sa.Column("subject_id", sa.String(length=36), nullable=False),
        sa.Column("agency_id", sa.String(length=36), nullable=False),
        sa.Column("began_on", sa.Date(), nullable=False),
        sa.Column("ends_on", sa.Date(), nullable=False),
        sa.Column("noted_by", sa.String(length=36), nullable=False),
        sa.Column("noted_at", UtcDateTime(), nullable=False),
        sa.Column("warned_at", UtcDateTime(), nullable=True),
        sa.Column("ended_on", sa.Date(), nullable=True),
        sa.Column("result", sa.String(length=64), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["agency_id"], ["agencies.id"], name=op.f("fk_reflection_periods_agency_id_agencies")),
        sa.ForeignKeyConstraint(["signal_id"], ["signals.id"], name=op.f("fk_reflection_periods_signal_id_signals")),
        sa.ForeignKeyConstraint(
            ["subject_id"], ["subjects.id"], name=op.f("fk_reflection_periods_subject_id_subjects")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reflection_periods")),
    )
    with op.batch_alter_table("reflection_periods", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_reflection_periods_signal_id"), ["signal_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_reflection_periods_subject_id"), ["subject_id"], unique=False)

    with op.batch_alter_table("accounts", schema=None) as batch_op:
        batch_op.add_column(sa.Column("mail_address", sa.String(length=190), server_default="", nullable=False))
        batch_op.add_column(sa.Column("mail_bounced_at", UtcDateTime(), nullable=True))

    with op.batch_alter_table("agenda_items", schema=None) as batch_op:
        batch_op.add_column(sa.Column("proposed_for", sa.JSON(), server_default="[]", nullable=False))

    with op.batch_alter_table("disclosures", schema=None) as batch_op:
        batch_op.add_column(sa.Column("parent_id", sa.String(length=36), nullable=True))
        batch_op.add_column(sa.Column("parent_told", sa.Boolean(), server_default=sa.text("(false)"), nullable=False))
        batch_op.add_column(sa.Column("feedback_due_on", sa.Date(), nullable=True))
        batch_op.add_column(sa.Column("revoked_at", UtcDateTime(), nullable=True))
        batch_op.add_column(sa.Column("revoked_by", sa.String(length=36), server_default="", nullable=False))
        batch_op.add_column(sa.Column("revoked_for", sa.String(length=64), server_default="", nullable=False))
        batch_op.add_column(sa.Column("revoked_sealed", sa.LargeBinary(), nullable=True))
        batch_op.create_index(batch_op.f("ix_disclosures_parent_id"), ["parent_id"], unique=False)
        batch_op.create_foreign_key(
            batch_op.f("fk_disclosures_parent_id_disclosures"), "disclosures", ["parent_id"], ["id"]
        )

    with op.batch_alter_table("job_runs", schema=None) as batch_op:
        batch_op.add_column(sa.Column("from_slot", sa.String(length=32), server_default="", nullable=False))
        batch_op.add_column(sa.Column("slots", sa.Integer(), server_default="0", nullable=False))

    with op.batch_alter_table("mails", schema=None) as batch_op:
        batch_op.add_column(sa.Column("urgent", sa.Boolean(), server_default=sa.text("(false)"), nullable=False))
        batch_op.add_column(sa.Column("task_kind", sa.String(length=64), server_default="", nullable=False))
        batch_op.add_column(sa.Column("task_id", sa.String(length=36), server_default="", nullable=False))
        batch_op.add_column(sa.Column("state", sa.String(length=64), server_default="", nullable=False))
        batch_op.add_column(sa.Column("digest_id", sa.String(length=36), server_default="", nullable=False))
        batch_op.add_column(sa.Column("tries", sa.Integer(), server_default="0", nullable=False))
        batch_op.add_column(sa.Column("next_try_at", UtcDateTime(), nullable=True))
        batch_op.add_column(sa.Column("problem", sa.String(length=64), server_default="", nullable=False))
        batch_op.create_index("ix_mails_waiting", ["state", "next_try_at", "id"], unique=False)

    with op.batch_alter_table("meetings", schema=None) as batch_op:
        batch_op.add_column(sa.Column("begins", sa.String(length=5), server_default="", nullable=False))
        batch_op.add_column(sa.Column("ends", sa.String(length=5), server_default="", nullable=False))
        batch_op.add_column(sa.Column("place", sa.String(length=200), server_default="", nullable=False))
        batch_op.add_column(sa.Column("chair", sa.String(length=36), server_default="", nullable=False))
        batch_op.add_column(sa.Column("sequence", sa.Integer(), server_default="0", nullable=False))
        batch_op.add_column(sa.Column("changed_at", UtcDateTime(), nullable=True))
        batch_op.add_column(sa.Column("cancelled_at", UtcDateTime(), nullable=True))
        batch_op.add_column(sa.Column("closed_at", UtcDateTime(), nullable=True))

    with op.batch_alter_table("notes", schema=None) as batch_op:
        batch_op.add_column(sa.Column("minuted", sa.Boolean(), server_default=sa.text("(false)"), nullable=False))

    with op.batch_alter_table("questions", schema=None) as batch_op:
        batch_op.add_column(sa.Column("fact", sa.String(length=64), server_default="", nullable=False))
        batch_op.add_column(sa.Column("purpose", sa.String(length=64), server_default="", nullable=False))
        batch_op.add_column(sa.Column("context_ground", sa.String(length=64), server_default="", nullable=False))
        batch_op.add_column(sa.Column("context_ground_digest", sa.String(length=64), server_default="", nullable=False))
        batch_op.add_column(sa.Column("context_categories", sa.JSON(), server_default="[]", nullable=False))
        batch_op.add_column(sa.Column("context_capacity", sa.String(length=64), server_default="", nullable=False))
        batch_op.add_column(sa.Column("context_table", sa.String(length=36), server_default="", nullable=False))
        batch_op.add_column(sa.Column("context_at", UtcDateTime(), nullable=True))
        batch_op.add_column(sa.Column("postponed", sa.Integer(), server_default="0", nullable=False))
        batch_op.add_column(sa.Column("reminded_at", UtcDateTime(), nullable=True))
        batch_op.add_column(sa.Column("withdrawn_at", UtcDateTime(), nullable=True))
        batch_op.add_column(sa.Column("version", sa.Integer(), server_default="0", nullable=False))

    with op.batch_alter_table("regional_tables", schema=None) as batch_op:
        batch_op.add_column(sa.Column("region", sa.String(length=120), server_default="", nullable=False))
        batch_op.add_column(sa.Column("theme", sa.String(length=64), server_default="", nullable=False))
        batch_op.add_column(sa.Column("closed_at", UtcDateTime(), nullable=True))

    with op.batch_alter_table("sessions", schema=None) as batch_op:
        batch_op.add_column(sa.Column("last_form", sa.String(length=64), server_default="", nullable=False))
        batch_op.add_column(sa.Column("last_form_at", UtcDateTime(), nullable=True))

    with op.batch_alter_table("signals", schema=None) as batch_op:
        batch_op.add_column(sa.Column("outcome", sa.String(length=64), server_default="", nullable=False))
        batch_op.add_column(sa.Column("keep_warned_at", UtcDateTime(), nullable=True))
    # What was written into the outbox counts as sent.
    op.execute("UPDATE mails SET state = 'sent' WHERE written_at IS NOT NULL")


def downgrade() -> None:
    with op.batch_alter_table("signals", schema=None) as batch_op:
        batch_op.drop_column("keep_warned_at")
        batch_op.drop_column("outcome")

    with op.batch_alter_table("sessions", schema=None) as batch_op:
        batch_op.drop_column("last_form_at")
        batch_op.drop_column("last_form")

    with op.batch_alter_table("regional_tables", schema=None) as batch_op:
        batch_op.drop_column("closed_at")
        batch_op.drop_column("theme")
        batch_op.drop_column("region")

    with op.batch_alter_table("questions", schema=None) as batch_op:
        batch_op.drop_column("version")
        batch_op.drop_column("withdrawn_at")
        batch_op.drop_column("reminded_at")
        batch_op.drop_column("postponed")
        batch_op.drop_column("context_at")
        batch_op.drop_column("context_table")
        batch_op.drop_column("context_capacity")
        batch_op.drop_column("context_categories")
        batch_op.drop_column("context_ground_digest")
        batch_op.drop_column("context_ground")
        batch_op.drop_column("purpose")
        batch_op.drop_column("fact")

    with op.batch_alter_table("notes", schema=None) as batch_op:
        batch_op.drop_column("minuted")

    with op.batch_alter_table("meetings", schema=None) as batch_op:
        batch_op.drop_column("closed_at")
        batch_op.drop_column("cancelled_at")
        batch_op.drop_column("changed_at")
        batch_op.drop_column("sequence")
        batch_op.drop_column("chair")
        batch_op.drop_column("place")
        batch_op.drop_column("ends")
        batch_op.drop_column("begins")

    with op.batch_alter_table("mails", schema=None) as batch_op:
        batch_op.drop_index("ix_mails_waiting")
        batch_op.drop_column("problem")
        batch_op.drop_column("next_try_at")
        batch_op.drop_column("tries")
        batch_op.drop_column("digest_id")
        batch_op.drop_column("state")
        batch_op.drop_column("task_id")
        batch_op.drop_column("task_kind")
        batch_op.drop_column("urgent")

    with op.batch_alter_table("job_runs", schema=None) as batch_op:
        batch_op.drop_column("slots")
        batch_op.drop_column("from_slot")

    with op.batch_alter_table("disclosures", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("fk_disclosures_parent_id_disclosures"), type_="foreignkey")
        batch_op.drop_index(batch_op.f("ix_disclosures_parent_id"))
        batch_op.drop_column("revoked_sealed")
        batch_op.drop_column("revoked_for")
        batch_op.drop_column("revoked_by")
        batch_op.drop_column("revoked_at")
        batch_op.drop_column("feedback_due_on")
        batch_op.drop_column("parent_told")
        batch_op.drop_column("parent_id")

    with op.batch_alter_table("agenda_items", schema=None) as batch_op:
        batch_op.drop_column("proposed_for")

    with op.batch_alter_table("accounts", schema=None) as batch_op:
        batch_op.drop_column("mail_bounced_at")
        batch_op.drop_column("mail_address")

    with op.batch_alter_table("reflection_periods", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_reflection_periods_subject_id"))
        batch_op.drop_index(batch_op.f("ix_reflection_periods_signal_id"))

    op.drop_table("reflection_periods")
    with op.batch_alter_table("meeting_tasks", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_meeting_tasks_signal_id"))
        batch_op.drop_index(batch_op.f("ix_meeting_tasks_item_id"))
        batch_op.drop_index("ix_meeting_tasks_agency")

    op.drop_table("meeting_tasks")
    op.drop_table("feedbacks")
    with op.batch_alter_table("signal_table_moves", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_signal_table_moves_signal_id"))

    op.drop_table("signal_table_moves")
    with op.batch_alter_table("recusals", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_recusals_signal_id"))
        batch_op.drop_index("ix_recusals_account")

    op.drop_table("recusals")
    with op.batch_alter_table("postponements", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_postponements_signal_id"))
        batch_op.drop_index("ix_postponements_object")

    op.drop_table("postponements")
    op.drop_table("missed_dates")
    with op.batch_alter_table("minutes_parts", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_minutes_parts_signal_id"))

    op.drop_table("minutes_parts")
    with op.batch_alter_table("escalations", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_escalations_signal_id"))

    op.drop_table("escalations")
    op.drop_table("minutes")
    op.drop_table("attendances")
    op.drop_table("job_turns")
