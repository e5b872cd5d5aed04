"""Keys that rotate, links that people undo, excluded values with an owner, files, text checks, asking who somebody is

Revision: 0006
Follows: 0005
"""

import sqlalchemy as sa
from alembic import op

from signaltable.db import UtcDateTime


revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None
# What going back from here throws away for good (docs/postgresql.md).
loses = (
    "attachment_parts",
    "attachments",
    "budget_uses",
    "excluded_tags.exclusion_id",
    "excluded_tags.key_version",
    "exclusions",
    "identity_requests",
    "key_rotations",
    "link_acts",
    "link_notices",
    "links.ended_at",
    "links.origin",
    "match_sketches",
    "sessions.proved_at",
    "signal_keys",
    "subject_erasures",
    "subject_groups",
    "text_checks",
)


def upgrade() -> None:
    # Nothing could fill this table before there was a page for it, and its digests had no value to make new ones of.
    op.drop_table("excluded_tags")
    op.create_table(
        "exclusions",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("owner_agency", sa.String(length=36), nullable=False),
        sa.Column("part", sa.String(length=64), nullable=False),
        sa.Column("shelter", sa.Boolean(), nullable=False),
        sa.Column("value_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("added_by", sa.String(length=36), nullable=False),
        sa.Column("added_at", UtcDateTime(), nullable=False),
        sa.Column("review_on", sa.Date(), nullable=False),
        sa.Column("reviewed_at", UtcDateTime(), nullable=True),
        sa.Column("ended_at", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["owner_agency"], ["agencies.id"], name=op.f("fk_exclusions_owner_agency_agencies")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_exclusions")),
    )
    with op.batch_alter_table("exclusions", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_exclusions_owner_agency"), ["owner_agency"], unique=False)

    op.create_table(
        "key_rotations",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("purpose", sa.String(length=64), nullable=False),
        sa.Column("agency_id", sa.String(length=36), nullable=True),
        sa.Column("from_version", sa.Integer(), nullable=False),
        sa.Column("to_version", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=64), nullable=False),
        sa.Column("stage", sa.String(length=64), nullable=False),
        sa.Column("cursor", sa.String(length=200), nullable=False),
        sa.Column("done", sa.Integer(), nullable=False),
        sa.Column("of", sa.Integer(), nullable=False),
        sa.Column("suite", sa.String(length=64), nullable=False),
        sa.Column("keep_old", sa.Boolean(), nullable=False),
        sa.Column("asked_by", sa.String(length=36), nullable=False),
        sa.Column("started_at", UtcDateTime(), nullable=False),
        sa.Column("finished_at", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["agency_id"], ["agencies.id"], name=op.f("fk_key_rotations_agency_id_agencies")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_key_rotations")),
    )
    with op.batch_alter_table("key_rotations", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_key_rotations_state"), ["state"], unique=False)

    op.create_table(
        "budget_uses",
        sa.Column("account_id", sa.String(length=36), nullable=False),
        sa.Column("kind", sa.String(length=64), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("agency_id", sa.String(length=36), nullable=False),
        sa.Column("used", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_budget_uses_account_id_accounts")),
        sa.ForeignKeyConstraint(["agency_id"], ["agencies.id"], name=op.f("fk_budget_uses_agency_id_agencies")),
        sa.PrimaryKeyConstraint("account_id", "kind", "day", name=op.f("pk_budget_uses")),
    )
    with op.batch_alter_table("budget_uses", schema=None) as batch_op:
        batch_op.create_index("ix_budget_uses_agency", ["agency_id", "kind", "day"], unique=False)

    op.create_table(
        "excluded_tags",
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("set_id", sa.String(length=64), nullable=False),
        sa.Column("exclusion_id", sa.String(length=36), nullable=False),
        sa.Column("key_version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["exclusion_id"], ["exclusions.id"], name=op.f("fk_excluded_tags_exclusion_id_exclusions")
        ),
        sa.PrimaryKeyConstraint("digest", "set_id", "exclusion_id", name=op.f("pk_excluded_tags")),
    )
    op.create_table(
        "attachments",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("signal_id", sa.String(length=36), nullable=True),
        sa.Column("draft_id", sa.String(length=36), nullable=True),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=64), nullable=False),
        sa.Column("media_type", sa.String(length=80), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("name_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("virus_check", sa.String(length=64), nullable=False),
        sa.Column("text_state", sa.String(length=64), nullable=False),
        sa.Column("found", sa.JSON(), nullable=False),
        sa.Column("added_by", sa.String(length=36), nullable=False),
        sa.Column("added_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["draft_id"], ["drafts.id"], name=op.f("fk_attachments_draft_id_drafts")),
        sa.ForeignKeyConstraint(["signal_id"], ["signals.id"], name=op.f("fk_attachments_signal_id_signals")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_attachments")),
        sa.UniqueConstraint("draft_id", "number", name=op.f("uq_attachments_draft_id_number")),
        sa.UniqueConstraint("signal_id", "number", name=op.f("uq_attachments_signal_id_number")),
    )
    op.create_table(
        "signal_keys",
        sa.Column("signal_id", sa.String(length=36), nullable=False),
        sa.Column("agency_id", sa.String(length=36), nullable=False),
        sa.Column("wrapped", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["agency_id"], ["agencies.id"], name=op.f("fk_signal_keys_agency_id_agencies")),
        sa.ForeignKeyConstraint(["signal_id"], ["signals.id"], name=op.f("fk_signal_keys_signal_id_signals")),
        sa.PrimaryKeyConstraint("signal_id", "agency_id", name=op.f("pk_signal_keys")),
    )
    op.create_table(
        "text_checks",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("signal_id", sa.String(length=36), nullable=False),
        sa.Column("place", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=64), nullable=False),
        sa.Column("asked_at", UtcDateTime(), nullable=False),
        sa.Column("checked_at", UtcDateTime(), nullable=True),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("found_sealed", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["signal_id"], ["signals.id"], name=op.f("fk_text_checks_signal_id_signals")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_text_checks")),
    )
    with op.batch_alter_table("text_checks", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_text_checks_signal_id"), ["signal_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_text_checks_state"), ["state"], unique=False)

    op.create_table(
        "attachment_parts",
        sa.Column("attachment_id", sa.String(length=36), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["attachment_id"], ["attachments.id"], name=op.f("fk_attachment_parts_attachment_id_attachments")
        ),
        sa.PrimaryKeyConstraint("attachment_id", "number", name=op.f("pk_attachment_parts")),
    )
    op.create_table(
        "identity_requests",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("reference", sa.String(length=16), nullable=False),
        sa.Column("subject_id", sa.String(length=36), nullable=False),
        sa.Column("signal_id", sa.String(length=36), nullable=False),
        sa.Column("owner_agency", sa.String(length=36), nullable=False),
        sa.Column("agency_id", sa.String(length=36), nullable=False),
        sa.Column("account_id", sa.String(length=36), nullable=False),
        sa.Column("roles", sa.String(length=200), nullable=False),
        sa.Column("way", sa.String(length=64), nullable=False),
        sa.Column("thing", sa.String(length=64), nullable=False),
        sa.Column("known_as", sa.String(length=64), nullable=False),
        sa.Column("ground", sa.String(length=64), nullable=False),
        sa.Column("ground_digest", sa.String(length=64), nullable=False),
        sa.Column("policy_digest", sa.String(length=64), nullable=False),
        sa.Column("purpose", sa.String(length=64), nullable=False),
        sa.Column("fields", sa.JSON(), nullable=False),
        sa.Column("obligations", sa.JSON(), nullable=False),
        sa.Column("asked_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("state", sa.String(length=64), nullable=False),
        sa.Column("cause", sa.String(length=64), nullable=False),
        sa.Column("asked_at", UtcDateTime(), nullable=False),
        sa.Column("decided_by", sa.String(length=36), nullable=False),
        sa.Column("decided_roles", sa.String(length=200), nullable=False),
        sa.Column("decided_at", UtcDateTime(), nullable=True),
        sa.Column("answer_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("opened_at", UtcDateTime(), nullable=True),
        sa.Column("until", UtcDateTime(), nullable=True),
        sa.Column("ended_at", UtcDateTime(), nullable=True),
        sa.Column("wrapped", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["agency_id"], ["agencies.id"], name=op.f("fk_identity_requests_agency_id_agencies")),
        sa.ForeignKeyConstraint(
            ["owner_agency"], ["agencies.id"], name=op.f("fk_identity_requests_owner_agency_agencies")
        ),
        sa.ForeignKeyConstraint(["signal_id"], ["signals.id"], name=op.f("fk_identity_requests_signal_id_signals")),
        sa.ForeignKeyConstraint(["subject_id"], ["subjects.id"], name=op.f("fk_identity_requests_subject_id_subjects")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_identity_requests")),
        sa.UniqueConstraint("reference", name=op.f("uq_identity_requests_reference")),
    )
    with op.batch_alter_table("identity_requests", schema=None) as batch_op:
        batch_op.create_index("ix_identity_requests_account", ["account_id", "asked_at", "id"], unique=False)
        batch_op.create_index(batch_op.f("ix_identity_requests_agency_id"), ["agency_id"], unique=False)
        batch_op.create_index("ix_identity_requests_owner", ["owner_agency", "state", "asked_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_identity_requests_signal_id"), ["signal_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_identity_requests_state"), ["state"], unique=False)
        batch_op.create_index(batch_op.f("ix_identity_requests_subject_id"), ["subject_id"], unique=False)

    op.create_table(
        "link_notices",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("act_id", sa.String(length=36), nullable=False),
        sa.Column("agency_id", sa.String(length=36), nullable=False),
        sa.Column("relation", sa.String(length=64), nullable=False),
        sa.Column("signal_id", sa.String(length=36), nullable=False),
        sa.Column("disclosure_id", sa.String(length=36), nullable=True),
        sa.Column("kind", sa.String(length=64), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("read_at", UtcDateTime(), nullable=True),
        sa.Column("read_by", sa.String(length=36), nullable=False),
        sa.ForeignKeyConstraint(["agency_id"], ["agencies.id"], name=op.f("fk_link_notices_agency_id_agencies")),
        sa.ForeignKeyConstraint(
            ["disclosure_id"], ["disclosures.id"], name=op.f("fk_link_notices_disclosure_id_disclosures")
        ),
        sa.ForeignKeyConstraint(["signal_id"], ["signals.id"], name=op.f("fk_link_notices_signal_id_signals")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_link_notices")),
    )
    with op.batch_alter_table("link_notices", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_link_notices_act_id"), ["act_id"], unique=False)
        batch_op.create_index("ix_link_notices_agency", ["agency_id", "read_at", "at", "id"], unique=False)
        batch_op.create_index(batch_op.f("ix_link_notices_signal_id"), ["signal_id"], unique=False)

    op.create_table(
        "match_sketches",
        sa.Column("subject_id", sa.String(length=36), nullable=False),
        sa.Column("key_version", sa.Integer(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["subject_id"], ["subjects.id"], name=op.f("fk_match_sketches_subject_id_subjects")),
        sa.PrimaryKeyConstraint("subject_id", name=op.f("pk_match_sketches")),
    )
    op.create_table(
        "subject_erasures",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("reference", sa.String(length=16), nullable=False),
        sa.Column("subject_id", sa.String(length=36), nullable=False),
        sa.Column("agency_id", sa.String(length=36), nullable=False),
        sa.Column("account_id", sa.String(length=36), nullable=False),
        sa.Column("ground", sa.String(length=64), nullable=False),
        sa.Column("asked_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("state", sa.String(length=64), nullable=False),
        sa.Column("asked_at", UtcDateTime(), nullable=False),
        sa.Column("decided_by", sa.String(length=36), nullable=False),
        sa.Column("decided_at", UtcDateTime(), nullable=True),
        sa.Column("exception", sa.String(length=64), nullable=False),
        sa.Column("answers", sa.JSON(), nullable=False),
        sa.Column("answer_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("told", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["agency_id"], ["agencies.id"], name=op.f("fk_subject_erasures_agency_id_agencies")),
        sa.ForeignKeyConstraint(["subject_id"], ["subjects.id"], name=op.f("fk_subject_erasures_subject_id_subjects")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_subject_erasures")),
        sa.UniqueConstraint("reference", name=op.f("uq_subject_erasures_reference")),
    )
    with op.batch_alter_table("subject_erasures", schema=None) as batch_op:
        batch_op.create_index("ix_subject_erasures_agency", ["agency_id", "asked_at", "id"], unique=False)
        batch_op.create_index(batch_op.f("ix_subject_erasures_state"), ["state"], unique=False)
        batch_op.create_index(batch_op.f("ix_subject_erasures_subject_id"), ["subject_id"], unique=False)

    op.create_table(
        "subject_groups",
        sa.Column("subject_id", sa.String(length=36), nullable=False),
        sa.Column("group_id", sa.String(length=36), nullable=False),
        sa.ForeignKeyConstraint(["subject_id"], ["subjects.id"], name=op.f("fk_subject_groups_subject_id_subjects")),
        sa.PrimaryKeyConstraint("subject_id", name=op.f("pk_subject_groups")),
    )
    with op.batch_alter_table("subject_groups", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_subject_groups_group_id"), ["group_id"], unique=False)

    op.create_table(
        "link_acts",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("link_id", sa.String(length=36), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("act", sa.String(length=64), nullable=False),
        sa.Column("agency_id", sa.String(length=36), nullable=False),
        sa.Column("account_id", sa.String(length=36), nullable=False),
        sa.Column("reason_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("undoes", sa.String(length=36), nullable=False),
        sa.Column("cause", sa.String(length=36), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["link_id"], ["links.id"], name=op.f("fk_link_acts_link_id_links")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_link_acts")),
        sa.UniqueConstraint("link_id", "number", name=op.f("uq_link_acts_link_id_number")),
    )
    with op.batch_alter_table("link_acts", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_link_acts_cause"), ["cause"], unique=False)

    with op.batch_alter_table("links", schema=None) as batch_op:
        batch_op.add_column(sa.Column("origin", sa.String(length=64), server_default="", nullable=False))
        batch_op.add_column(sa.Column("ended_at", UtcDateTime(), nullable=True))
        batch_op.create_index("ix_links_newest", ["proposed_at", "id"], unique=False)

    with op.batch_alter_table("match_tags", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_match_tags_digest"))
        batch_op.create_index("ix_match_tags_digest", ["digest", "set_id", "subject_id"], unique=False)

    with op.batch_alter_table("sessions", schema=None) as batch_op:
        batch_op.add_column(sa.Column("proved_at", UtcDateTime(), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("sessions", schema=None) as batch_op:
        batch_op.drop_column("proved_at")

    with op.batch_alter_table("match_tags", schema=None) as batch_op:
        batch_op.drop_index("ix_match_tags_digest")
        batch_op.create_index(batch_op.f("ix_match_tags_digest"), ["digest", "subject_id"], unique=False)

    with op.batch_alter_table("links", schema=None) as batch_op:
        batch_op.drop_index("ix_links_newest")
        batch_op.drop_column("ended_at")
        batch_op.drop_column("origin")

    with op.batch_alter_table("link_acts", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_link_acts_cause"))

    op.drop_table("link_acts")
    with op.batch_alter_table("subject_groups", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_subject_groups_group_id"))

    op.drop_table("subject_groups")
    with op.batch_alter_table("subject_erasures", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_subject_erasures_subject_id"))
        batch_op.drop_index(batch_op.f("ix_subject_erasures_state"))
        batch_op.drop_index("ix_subject_erasures_agency")

    op.drop_table("subject_erasures")
    op.drop_table("match_sketches")
    with op.batch_alter_table("link_notices", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_link_notices_signal_id"))
        batch_op.drop_index("ix_link_notices_agency")
        batch_op.drop_index(batch_op.f("ix_link_notices_act_id"))

    op.drop_table("link_notices")
    with op.batch_alter_table("identity_requests", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_identity_requests_subject_id"))
        batch_op.drop_index(batch_op.f("ix_identity_requests_state"))
        batch_op.drop_index(batch_op.f("ix_identity_requests_signal_id"))
        batch_op.drop_index("ix_identity_requests_owner")
        batch_op.drop_index(batch_op.f("ix_identity_requests_agency_id"))
        batch_op.drop_index("ix_identity_requests_account")

    op.drop_table("identity_requests")
    op.drop_table("attachment_parts")
    with op.batch_alter_table("text_checks", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_text_checks_state"))
        batch_op.drop_index(batch_op.f("ix_text_checks_signal_id"))

    op.drop_table("text_checks")
    op.drop_table("signal_keys")
    op.drop_table("attachments")
    op.drop_table("excluded_tags")
    with op.batch_alter_table("budget_uses", schema=None) as batch_op:
        batch_op.drop_index("ix_budget_uses_agency")

    op.drop_table("budget_uses")
    with op.batch_alter_table("key_rotations", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_key_rotations_state"))

    op.drop_table("key_rotations")
    with op.batch_alter_table("exclusions", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_exclusions_owner_agency"))

    op.drop_table("exclusions")
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
