"""The first tables

Revision: 0001
Follows:
"""

import sqlalchemy as sa
from alembic import op

from signaltable.db import UtcDateTime


revision = "0001"
down_revision = None
branch_labels = None
depends_on = None
# What going back from here throws away for good (docs/postgresql.md).
loses = (
    "account_roles",
    "accounts",
    "agencies",
    "agency_destinations",
    "agenda_items",
    "disclosures",
    "drafts",
    "excluded_tags",
    "job_runs",
    "link_verdicts",
    "links",
    "log_checkpoints",
    "log_details",
    "log_entries",
    "log_head",
    "login_attempts",
    "mails",
    "match_tags",
    "meetings",
    "notes",
    "questions",
    "regional_tables",
    "sessions",
    "signal_moves",
    "signals",
    "subject_fields",
    "subject_keys",
    "subjects",
    "table_members",
)


def upgrade() -> None:
    op.create_table(
        "agencies",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("title", sa.String(length=200), nullable=False),
        sa.Column("kind", sa.String(length=64), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_agencies")),
        sa.UniqueConstraint("title", name=op.f("uq_agencies_title")),
    )
    op.create_table(
        "job_runs",
        sa.Column("job", sa.String(length=64), nullable=False),
        sa.Column("slot", sa.String(length=32), nullable=False),
        sa.Column("claimed_at", UtcDateTime(), nullable=False),
        sa.Column("finished_at", UtcDateTime(), nullable=True),
        sa.Column("outcome", sa.String(length=200), nullable=False),
        sa.PrimaryKeyConstraint("job", "slot", name=op.f("pk_job_runs")),
    )
    op.create_table(
        "log_checkpoints",
        sa.Column("size", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("signed_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("size", name=op.f("pk_log_checkpoints")),
    )
    op.create_table(
        "log_entries",
        sa.Column("seq", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("entry", sa.LargeBinary(), nullable=False),
        sa.Column("leaf", sa.LargeBinary(length=32), nullable=False),
        sa.Column("recorded_at", UtcDateTime(), nullable=False),
        sa.Column("action", sa.String(length=64), nullable=False),
        sa.Column("outcome", sa.String(length=64), nullable=False),
        sa.Column("agency", sa.String(length=36), nullable=False),
        sa.Column("actor", sa.String(length=36), nullable=False),
        sa.Column("object_type", sa.String(length=64), nullable=False),
        sa.Column("object", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_log_entries")),
    )
    with op.batch_alter_table("log_entries", schema=None) as batch_op:
        batch_op.create_index("ix_log_entries_action", ["action", "seq"], unique=False)
        batch_op.create_index("ix_log_entries_agency", ["agency", "seq"], unique=False)
        batch_op.create_index("ix_log_entries_object", ["object", "seq"], unique=False)
        batch_op.create_index(batch_op.f("ix_log_entries_recorded_at"), ["recorded_at"], unique=False)

    op.create_table(
        "log_head",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("frontier", sa.LargeBinary(), nullable=False),
        sa.Column("recorded_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_log_head")),
    )
    op.create_table(
        "login_attempts",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("login_digest", sa.String(length=64), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_login_attempts")),
    )
    with op.batch_alter_table("login_attempts", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_login_attempts_at"), ["at"], unique=False)
        batch_op.create_index(batch_op.f("ix_login_attempts_login_digest"), ["login_digest"], unique=False)

    op.create_table(
        "regional_tables",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("title", sa.String(length=200), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_regional_tables")),
        sa.UniqueConstraint("title", name=op.f("uq_regional_tables_title")),
    )
    op.create_table(
        "accounts",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("login", sa.String(length=120), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("password_hash", sa.String(length=200), nullable=False),
        sa.Column("first_password", sa.Boolean(), nullable=False),
        sa.Column("agency_id", sa.String(length=36), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("language", sa.String(length=2), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["agency_id"], ["agencies.id"], name=op.f("fk_accounts_agency_id_agencies")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_accounts")),
        sa.UniqueConstraint("login", name=op.f("uq_accounts_login")),
    )
    with op.batch_alter_table("accounts", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_accounts_agency_id"), ["agency_id"], unique=False)

    op.create_table(
        "agency_destinations",
        sa.Column("agency_id", sa.String(length=36), nullable=False),
        sa.Column("destination", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(["agency_id"], ["agencies.id"], name=op.f("fk_agency_destinations_agency_id_agencies")),
        sa.PrimaryKeyConstraint("agency_id", "destination", name=op.f("pk_agency_destinations")),
    )
    op.create_table(
        "excluded_tags",
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("set_id", sa.String(length=64), nullable=False),
        sa.Column("owner_agency", sa.String(length=36), nullable=False),
        sa.Column("label", sa.String(length=200), nullable=False),
        sa.Column("review_on", sa.Date(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["owner_agency"], ["agencies.id"], name=op.f("fk_excluded_tags_owner_agency_agencies")),
        sa.PrimaryKeyConstraint("digest", "set_id", name=op.f("pk_excluded_tags")),
    )
    op.create_table(
        "log_details",
        sa.Column("seq", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("salt", sa.LargeBinary(length=32), nullable=False),
        sa.Column("details", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["seq"], ["log_entries.seq"], name=op.f("fk_log_details_seq_log_entries")),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_log_details")),
    )
    op.create_table(
        "meetings",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("table_id", sa.String(length=36), nullable=False),
        sa.Column("held_on", sa.Date(), nullable=False),
        sa.Column("title", sa.String(length=200), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["table_id"], ["regional_tables.id"], name=op.f("fk_meetings_table_id_regional_tables")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_meetings")),
    )
    with op.batch_alter_table("meetings", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_meetings_table_id"), ["table_id"], unique=False)

    op.create_table(
        "table_members",
        sa.Column("table_id", sa.String(length=36), nullable=False),
        sa.Column("agency_id", sa.String(length=36), nullable=False),
        sa.ForeignKeyConstraint(["agency_id"], ["agencies.id"], name=op.f("fk_table_members_agency_id_agencies")),
        sa.ForeignKeyConstraint(
            ["table_id"], ["regional_tables.id"], name=op.f("fk_table_members_table_id_regional_tables")
        ),
        sa.PrimaryKeyConstraint("table_id", "agency_id", name=op.f("pk_table_members")),
    )
    with op.batch_alter_table("table_members", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_table_members_agency_id"), ["agency_id"], unique=False)

    op.create_table(
        "account_roles",
        sa.Column("account_id", sa.String(length=36), nullable=False),
        sa.Column("role", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_account_roles_account_id_accounts")),
        sa.PrimaryKeyConstraint("account_id", "role", name=op.f("pk_account_roles")),
    )
    op.create_table(
        "drafts",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("account_id", sa.String(length=36), nullable=False),
        sa.Column("agency_id", sa.String(length=36), nullable=False),
        sa.Column("step", sa.Integer(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_drafts_account_id_accounts")),
        sa.ForeignKeyConstraint(["agency_id"], ["agencies.id"], name=op.f("fk_drafts_agency_id_agencies")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_drafts")),
    )
    with op.batch_alter_table("drafts", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_drafts_account_id"), ["account_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_drafts_expires_at"), ["expires_at"], unique=False)

    op.create_table(
        "mails",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("account_id", sa.String(length=36), nullable=False),
        sa.Column("template", sa.String(length=64), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("written_at", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_mails_account_id_accounts")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_mails")),
    )
    with op.batch_alter_table("mails", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_mails_account_id"), ["account_id"], unique=False)

    op.create_table(
        "sessions",
        sa.Column("token_digest", sa.String(length=64), nullable=False),
        sa.Column("account_id", sa.String(length=36), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("seen_at", UtcDateTime(), nullable=False),
        sa.Column("ended_at", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_sessions_account_id_accounts")),
        sa.PrimaryKeyConstraint("token_digest", name=op.f("pk_sessions")),
    )
    with op.batch_alter_table("sessions", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_sessions_account_id"), ["account_id"], unique=False)

    op.create_table(
        "signals",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("reference", sa.String(length=16), nullable=False),
        sa.Column("owner_agency", sa.String(length=36), nullable=False),
        sa.Column("submitter", sa.String(length=36), nullable=False),
        sa.Column("capacity", sa.String(length=64), nullable=False),
        sa.Column("table_id", sa.String(length=36), nullable=False),
        sa.Column("state", sa.String(length=64), nullable=False),
        sa.Column("urgency", sa.String(length=64), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("observed_on", sa.Date(), nullable=True),
        sa.Column("municipality", sa.String(length=120), nullable=False),
        sa.Column("source_quality", sa.String(length=64), nullable=False),
        sa.Column("facts", sa.JSON(), nullable=False),
        sa.Column("form_rows", sa.JSON(), nullable=False),
        sa.Column("indicators", sa.JSON(), nullable=False),
        sa.Column("flags", sa.JSON(), nullable=False),
        sa.Column("consent", sa.JSON(), nullable=False),
        sa.Column("narrative_masked", sa.Text(), nullable=False),
        sa.Column("owner_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("advice", sa.JSON(), nullable=False),
        sa.Column("policy_digest", sa.String(length=64), nullable=False),
        sa.Column("missing", sa.JSON(), nullable=False),
        sa.Column("keep_until", sa.Date(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["owner_agency"], ["agencies.id"], name=op.f("fk_signals_owner_agency_agencies")),
        sa.ForeignKeyConstraint(["submitter"], ["accounts.id"], name=op.f("fk_signals_submitter_accounts")),
        sa.ForeignKeyConstraint(["table_id"], ["regional_tables.id"], name=op.f("fk_signals_table_id_regional_tables")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_signals")),
        sa.UniqueConstraint("reference", name=op.f("uq_signals_reference")),
    )
    with op.batch_alter_table("signals", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_signals_keep_until"), ["keep_until"], unique=False)
        batch_op.create_index("ix_signals_owner_created", ["owner_agency", "created_at", "id"], unique=False)
        batch_op.create_index(batch_op.f("ix_signals_state"), ["state"], unique=False)
        batch_op.create_index("ix_signals_table_created", ["table_id", "created_at", "id"], unique=False)

    op.create_table(
        "agenda_items",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("meeting_id", sa.String(length=36), nullable=False),
        sa.Column("signal_id", sa.String(length=36), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("decision", sa.String(length=64), nullable=False),
        sa.Column("reason", sa.String(length=1000), nullable=False),
        sa.Column("holder_agency", sa.String(length=36), nullable=True),
        sa.Column("due_on", sa.Date(), nullable=True),
        sa.Column("decided_by", sa.String(length=36), nullable=False),
        sa.Column("decided_at", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["holder_agency"], ["agencies.id"], name=op.f("fk_agenda_items_holder_agency_agencies")
        ),
        sa.ForeignKeyConstraint(["meeting_id"], ["meetings.id"], name=op.f("fk_agenda_items_meeting_id_meetings")),
        sa.ForeignKeyConstraint(["signal_id"], ["signals.id"], name=op.f("fk_agenda_items_signal_id_signals")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_agenda_items")),
        sa.UniqueConstraint("meeting_id", "signal_id", name=op.f("uq_agenda_items_meeting_id_signal_id")),
    )
    with op.batch_alter_table("agenda_items", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_agenda_items_meeting_id"), ["meeting_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_agenda_items_signal_id"), ["signal_id"], unique=False)

    op.create_table(
        "disclosures",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("reference", sa.String(length=16), nullable=False),
        sa.Column("signal_id", sa.String(length=36), nullable=False),
        sa.Column("provider_agency", sa.String(length=36), nullable=False),
        sa.Column("recipient_agency", sa.String(length=36), nullable=False),
        sa.Column("destination", sa.String(length=64), nullable=False),
        sa.Column("purpose", sa.String(length=64), nullable=False),
        sa.Column("ground", sa.String(length=64), nullable=False),
        sa.Column("ground_digest", sa.String(length=64), nullable=False),
        sa.Column("policy_digest", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=64), nullable=False),
        sa.Column("fields", sa.JSON(), nullable=False),
        sa.Column("categories", sa.JSON(), nullable=False),
        sa.Column("evidence_hashes", sa.JSON(), nullable=False),
        sa.Column("evidence_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("obligations", sa.JSON(), nullable=False),
        sa.Column("requested_by", sa.String(length=36), nullable=False),
        sa.Column("requested_at", UtcDateTime(), nullable=False),
        sa.Column("approved_by", sa.String(length=36), nullable=False),
        sa.Column("approved_at", UtcDateTime(), nullable=True),
        sa.Column("disclosed_at", UtcDateTime(), nullable=True),
        sa.Column("payload_hash", sa.String(length=64), nullable=False),
        sa.Column("payload_recipient", sa.LargeBinary(), nullable=False),
        sa.Column("payload_provider", sa.LargeBinary(), nullable=False),
        sa.Column("due_on", sa.Date(), nullable=True),
        sa.Column("responded_by", sa.String(length=36), nullable=False),
        sa.Column("responded_at", UtcDateTime(), nullable=True),
        sa.Column("response_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("feedback", sa.String(length=64), nullable=False),
        sa.Column("feedback_at", UtcDateTime(), nullable=True),
        sa.Column("feedback_sealed", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint("ground <> ''", name=op.f("ck_disclosures_has_ground")),
        sa.ForeignKeyConstraint(
            ["provider_agency"], ["agencies.id"], name=op.f("fk_disclosures_provider_agency_agencies")
        ),
        sa.ForeignKeyConstraint(
            ["recipient_agency"], ["agencies.id"], name=op.f("fk_disclosures_recipient_agency_agencies")
        ),
        sa.ForeignKeyConstraint(["signal_id"], ["signals.id"], name=op.f("fk_disclosures_signal_id_signals")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_disclosures")),
        sa.UniqueConstraint("reference", name=op.f("uq_disclosures_reference")),
    )
    with op.batch_alter_table("disclosures", schema=None) as batch_op:
        batch_op.create_index(
            "ix_disclosures_recipient", ["recipient_agency", "state", "requested_at", "id"], unique=False
        )
        batch_op.create_index(batch_op.f("ix_disclosures_signal_id"), ["signal_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_disclosures_state"), ["state"], unique=False)

    op.create_table(
        "signal_moves",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("signal_id", sa.String(length=36), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("state_from", sa.String(length=64), nullable=False),
        sa.Column("state_to", sa.String(length=64), nullable=False),
        sa.Column("account_id", sa.String(length=36), nullable=False),
        sa.Column("agency_id", sa.String(length=36), nullable=False),
        sa.Column("reason", sa.String(length=500), nullable=False),
        sa.ForeignKeyConstraint(["signal_id"], ["signals.id"], name=op.f("fk_signal_moves_signal_id_signals")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_signal_moves")),
    )
    with op.batch_alter_table("signal_moves", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_signal_moves_signal_id"), ["signal_id"], unique=False)

    op.create_table(
        "subjects",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("signal_id", sa.String(length=36), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=64), nullable=False),
        sa.Column("role", sa.String(length=64), nullable=False),
        sa.Column("age_band", sa.String(length=64), nullable=False),
        sa.Column("gender", sa.String(length=64), nullable=False),
        sa.Column("erased_at", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["signal_id"], ["signals.id"], name=op.f("fk_subjects_signal_id_signals")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_subjects")),
        sa.UniqueConstraint("signal_id", "number", name=op.f("uq_subjects_signal_id_number")),
    )
    with op.batch_alter_table("subjects", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_subjects_signal_id"), ["signal_id"], unique=False)

    op.create_table(
        "links",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("subject_a", sa.String(length=36), nullable=False),
        sa.Column("subject_b", sa.String(length=36), nullable=False),
        sa.Column("outcome", sa.String(length=64), nullable=False),
        sa.Column("compared", sa.JSON(), nullable=False),
        sa.Column("state", sa.String(length=64), nullable=False),
        sa.Column("proposed_at", UtcDateTime(), nullable=False),
        sa.CheckConstraint("subject_a < subject_b", name=op.f("ck_links_ordered")),
        sa.ForeignKeyConstraint(["subject_a"], ["subjects.id"], name=op.f("fk_links_subject_a_subjects")),
        sa.ForeignKeyConstraint(["subject_b"], ["subjects.id"], name=op.f("fk_links_subject_b_subjects")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_links")),
        sa.UniqueConstraint("subject_a", "subject_b", name=op.f("uq_links_subject_a_subject_b")),
    )
    with op.batch_alter_table("links", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_links_state"), ["state"], unique=False)
        batch_op.create_index(batch_op.f("ix_links_subject_a"), ["subject_a"], unique=False)
        batch_op.create_index(batch_op.f("ix_links_subject_b"), ["subject_b"], unique=False)

    op.create_table(
        "match_tags",
        sa.Column("subject_id", sa.String(length=36), nullable=False),
        sa.Column("set_id", sa.String(length=64), nullable=False),
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("key_version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["subject_id"], ["subjects.id"], name=op.f("fk_match_tags_subject_id_subjects")),
        sa.PrimaryKeyConstraint("subject_id", "set_id", "digest", name=op.f("pk_match_tags")),
    )
    with op.batch_alter_table("match_tags", schema=None) as batch_op:
        batch_op.create_index("ix_match_tags_digest", ["digest", "subject_id"], unique=False)

    op.create_table(
        "notes",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("item_id", sa.String(length=36), nullable=False),
        sa.Column("account_id", sa.String(length=36), nullable=False),
        sa.Column("agency_id", sa.String(length=36), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["item_id"], ["agenda_items.id"], name=op.f("fk_notes_item_id_agenda_items")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notes")),
    )
    with op.batch_alter_table("notes", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_notes_item_id"), ["item_id"], unique=False)

    op.create_table(
        "questions",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("signal_id", sa.String(length=36), nullable=False),
        sa.Column("subject_id", sa.String(length=36), nullable=True),
        sa.Column("agency_id", sa.String(length=36), nullable=False),
        sa.Column("asked_by", sa.String(length=36), nullable=False),
        sa.Column("asked_at", UtcDateTime(), nullable=False),
        sa.Column("due_on", sa.Date(), nullable=False),
        sa.Column("note", sa.String(length=1000), nullable=False),
        sa.Column("ground", sa.String(length=64), nullable=False),
        sa.Column("answer", sa.String(length=64), nullable=False),
        sa.Column("context", sa.Text(), nullable=False),
        sa.Column("anonymous", sa.Boolean(), nullable=False),
        sa.Column("answered_by", sa.String(length=36), nullable=False),
        sa.Column("answered_at", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["agency_id"], ["agencies.id"], name=op.f("fk_questions_agency_id_agencies")),
        sa.ForeignKeyConstraint(["signal_id"], ["signals.id"], name=op.f("fk_questions_signal_id_signals")),
        sa.ForeignKeyConstraint(["subject_id"], ["subjects.id"], name=op.f("fk_questions_subject_id_subjects")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_questions")),
    )
    with op.batch_alter_table("questions", schema=None) as batch_op:
        batch_op.create_index("ix_questions_agency", ["agency_id", "answer", "due_on", "id"], unique=False)
        batch_op.create_index(batch_op.f("ix_questions_signal_id"), ["signal_id"], unique=False)

    op.create_table(
        "subject_fields",
        sa.Column("subject_id", sa.String(length=36), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("sure", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["subject_id"], ["subjects.id"], name=op.f("fk_subject_fields_subject_id_subjects")),
        sa.PrimaryKeyConstraint("subject_id", "name", name=op.f("pk_subject_fields")),
    )
    op.create_table(
        "subject_keys",
        sa.Column("subject_id", sa.String(length=36), nullable=False),
        sa.Column("agency_id", sa.String(length=36), nullable=False),
        sa.Column("wrapped", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["agency_id"], ["agencies.id"], name=op.f("fk_subject_keys_agency_id_agencies")),
        sa.ForeignKeyConstraint(["subject_id"], ["subjects.id"], name=op.f("fk_subject_keys_subject_id_subjects")),
        sa.PrimaryKeyConstraint("subject_id", "agency_id", name=op.f("pk_subject_keys")),
    )
    op.create_table(
        "link_verdicts",
        sa.Column("link_id", sa.String(length=36), nullable=False),
        sa.Column("agency_id", sa.String(length=36), nullable=False),
        sa.Column("account_id", sa.String(length=36), nullable=False),
        sa.Column("confirmed", sa.Boolean(), nullable=False),
        sa.Column("reason_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["agency_id"], ["agencies.id"], name=op.f("fk_link_verdicts_agency_id_agencies")),
        sa.ForeignKeyConstraint(["link_id"], ["links.id"], name=op.f("fk_link_verdicts_link_id_links")),
        sa.PrimaryKeyConstraint("link_id", "agency_id", name=op.f("pk_link_verdicts")),
    )

    op.execute("INSERT INTO log_head (id, size, frontier, recorded_at) VALUES (1, 0, '', 0)")
    for table in ("log_entries", "log_checkpoints"):
        _forbid_change(table)


def _forbid_change(table: str) -> None:
    # A fence, not the proof: whoever removes the trigger is found by the tree (audit/FORMAT.md).
    if op.get_bind().dialect.name == "sqlite":
        for verb in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER {table}_no_{verb.lower()} BEFORE {verb} ON {table} "
                "BEGIN SELECT RAISE(ABORT, 'the log only grows'); END"
            )
        return
    op.execute(
        "CREATE OR REPLACE FUNCTION log_only_grows() RETURNS trigger AS $$ "
        "BEGIN RAISE EXCEPTION 'the log only grows'; END $$ LANGUAGE plpgsql"
    )
    op.execute(
        f"CREATE TRIGGER {table}_only_grows BEFORE UPDATE OR DELETE ON {table} "
        "FOR EACH ROW EXECUTE FUNCTION log_only_grows()"
    )


def downgrade() -> None:
    if op.get_bind().dialect.name != "sqlite":
        op.execute("DROP FUNCTION IF EXISTS log_only_grows CASCADE")
    op.drop_table("link_verdicts")
    op.drop_table("subject_keys")
    op.drop_table("subject_fields")
    with op.batch_alter_table("questions", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_questions_signal_id"))
        batch_op.drop_index("ix_questions_agency")

    op.drop_table("questions")
    with op.batch_alter_table("notes", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_notes_item_id"))

    op.drop_table("notes")
    with op.batch_alter_table("match_tags", schema=None) as batch_op:
        batch_op.drop_index("ix_match_tags_digest")

    op.drop_table("match_tags")
    with op.batch_alter_table("links", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_links_subject_b"))
        batch_op.drop_index(batch_op.f("ix_links_subject_a"))
        batch_op.drop_index(batch_op.f("ix_links_state"))

    op.drop_table("links")
    with op.batch_alter_table("subjects", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_subjects_signal_id"))

    op.drop_table("subjects")
    with op.batch_alter_table("signal_moves", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_signal_moves_signal_id"))

    op.drop_table("signal_moves")
    with op.batch_alter_table("disclosures", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_disclosures_state"))
        batch_op.drop_index(batch_op.f("ix_disclosures_signal_id"))
        batch_op.drop_index("ix_disclosures_recipient")

    op.drop_table("disclosures")
    with op.batch_alter_table("agenda_items", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_agenda_items_signal_id"))
        batch_op.drop_index(batch_op.f("ix_agenda_items_meeting_id"))

    op.drop_table("agenda_items")
    with op.batch_alter_table("signals", schema=None) as batch_op:
        batch_op.drop_index("ix_signals_table_created")
        batch_op.drop_index(batch_op.f("ix_signals_state"))
        batch_op.drop_index("ix_signals_owner_created")
        batch_op.drop_index(batch_op.f("ix_signals_keep_until"))

    op.drop_table("signals")
    with op.batch_alter_table("sessions", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_sessions_account_id"))

    op.drop_table("sessions")
    with op.batch_alter_table("mails", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_mails_account_id"))

    op.drop_table("mails")
    with op.batch_alter_table("drafts", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_drafts_expires_at"))
        batch_op.drop_index(batch_op.f("ix_drafts_account_id"))

    op.drop_table("drafts")
    op.drop_table("account_roles")
    with op.batch_alter_table("table_members", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_table_members_agency_id"))

    op.drop_table("table_members")
    with op.batch_alter_table("meetings", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_meetings_table_id"))

    op.drop_table("meetings")
    op.drop_table("log_details")
    op.drop_table("excluded_tags")
    op.drop_table("agency_destinations")
    with op.batch_alter_table("accounts", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_accounts_agency_id"))

    op.drop_table("accounts")
    op.drop_table("regional_tables")
    with op.batch_alter_table("login_attempts", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_login_attempts_login_digest"))
        batch_op.drop_index(batch_op.f("ix_login_attempts_at"))

    op.drop_table("login_attempts")
    op.drop_table("log_head")
    with op.batch_alter_table("log_entries", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_log_entries_recorded_at"))
        batch_op.drop_index("ix_log_entries_object")
        batch_op.drop_index("ix_log_entries_agency")
        batch_op.drop_index("ix_log_entries_action")

    op.drop_table("log_entries")
    op.drop_table("log_checkpoints")
    op.drop_table("job_runs")
    op.drop_table("agencies")
