"""Who comes in and what they may: second factors, steps of a login, machines, rights that end, acute danger, yearly review

Revision: 0008
Follows: 0007
"""

import sqlalchemy as sa
from alembic import op

from signaltable.db import UtcDateTime


revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None
# What going back from here throws away for good (docs/postgresql.md).
loses = (
    "accounts.break_glass",
    "activations",
    "emergency_accesses",
    "login_attempts.browser_digest",
    "login_attempts.kind",
    "login_attempts.network_digest",
    "login_steps",
    "machine_accounts",
    "machine_tokens",
    "machine_uses",
    "provider_logins",
    "recovery_codes",
    "request_rates",
    "rights_reviews",
    "role_grants",
    "second_factors",
    "sessions.device",
    "sessions.network",
    "sessions.strength",
)


def upgrade() -> None:
    op.create_table(
        "login_steps",
        sa.Column("token_digest", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=64), nullable=False),
        sa.Column("account_id", sa.String(length=36), nullable=False),
        sa.Column("way", sa.String(length=64), nullable=False),
        sa.Column("state", sa.JSON(), nullable=False),
        sa.Column("made_at", UtcDateTime(), nullable=False),
        sa.Column("ended_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("token_digest", name=op.f("pk_login_steps")),
    )
    with op.batch_alter_table("login_steps", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_login_steps_made_at"), ["made_at"], unique=False)

    op.create_table(
        "request_rates",
        sa.Column("who", sa.String(length=80), nullable=False),
        sa.Column("kind", sa.String(length=64), nullable=False),
        sa.Column("minute", UtcDateTime(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("who", "kind", "minute", name=op.f("pk_request_rates")),
    )
    op.create_table(
        "rights_reviews",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("agency_id", sa.String(length=36), nullable=False),
        sa.Column("made_at", UtcDateTime(), nullable=False),
        sa.Column("lines", sa.JSON(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("signed_by", sa.String(length=36), nullable=False),
        sa.Column("signed_at", UtcDateTime(), nullable=False),
        sa.Column("verdicts", sa.JSON(), nullable=False),
        sa.Column("settled_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rights_reviews")),
    )
    with op.batch_alter_table("rights_reviews", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_rights_reviews_agency_id"), ["agency_id"], unique=False)

    op.create_table(
        "machine_accounts",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("agency_id", sa.String(length=36), nullable=False),
        sa.Column("title", sa.String(length=120), nullable=False),
        sa.Column("secret_digest", sa.String(length=64), nullable=False),
        sa.Column("previous_digest", sa.String(length=64), nullable=False),
        sa.Column("previous_until", UtcDateTime(), nullable=True),
        sa.Column("certificate", sa.String(length=64), nullable=True),
        sa.Column("permissions", sa.JSON(), nullable=False),
        sa.Column("purposes", sa.JSON(), nullable=False),
        sa.Column("made_by", sa.String(length=36), nullable=False),
        sa.Column("made_at", UtcDateTime(), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.Column("ended_at", UtcDateTime(), nullable=True),
        sa.Column("used_at", UtcDateTime(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["agency_id"], ["agencies.id"], name=op.f("fk_machine_accounts_agency_id_agencies")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_machine_accounts")),
        sa.UniqueConstraint("certificate", name=op.f("uq_machine_accounts_certificate")),
    )
    with op.batch_alter_table("machine_accounts", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_machine_accounts_agency_id"), ["agency_id"], unique=False)

    op.create_table(
        "activations",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("account_id", sa.String(length=36), nullable=False),
        sa.Column("purpose", sa.String(length=64), nullable=False),
        sa.Column("code_digest", sa.String(length=64), nullable=False),
        sa.Column("made_by", sa.String(length=36), nullable=False),
        sa.Column("made_at", UtcDateTime(), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.Column("used_at", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_activations_account_id_accounts")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_activations")),
        sa.UniqueConstraint("code_digest", name=op.f("uq_activations_code_digest")),
    )
    with op.batch_alter_table("activations", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_activations_account_id"), ["account_id"], unique=False)

    op.create_table(
        "machine_tokens",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("machine_id", sa.String(length=36), nullable=False),
        sa.Column("token_digest", sa.String(length=64), nullable=False),
        sa.Column("permissions", sa.JSON(), nullable=False),
        sa.Column("purposes", sa.JSON(), nullable=False),
        sa.Column("certificate", sa.String(length=64), nullable=False),
        sa.Column("made_at", UtcDateTime(), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.Column("ended_at", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["machine_id"], ["machine_accounts.id"], name=op.f("fk_machine_tokens_machine_id_machine_accounts")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_machine_tokens")),
        sa.UniqueConstraint("token_digest", name=op.f("uq_machine_tokens_token_digest")),
    )
    with op.batch_alter_table("machine_tokens", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_machine_tokens_expires_at"), ["expires_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_machine_tokens_machine_id"), ["machine_id"], unique=False)

    op.create_table(
        "machine_uses",
        sa.Column("machine_id", sa.String(length=36), nullable=False),
        sa.Column("kind", sa.String(length=64), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("agency_id", sa.String(length=36), nullable=False),
        sa.Column("used", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["agency_id"], ["agencies.id"], name=op.f("fk_machine_uses_agency_id_agencies")),
        sa.ForeignKeyConstraint(
            ["machine_id"], ["machine_accounts.id"], name=op.f("fk_machine_uses_machine_id_machine_accounts")
        ),
        sa.PrimaryKeyConstraint("machine_id", "kind", "day", name=op.f("pk_machine_uses")),
    )
    with op.batch_alter_table("machine_uses", schema=None) as batch_op:
        batch_op.create_index("ix_machine_uses_agency", ["agency_id", "kind", "day"], unique=False)

    op.create_table(
        "provider_logins",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("account_id", sa.String(length=36), nullable=False),
        sa.Column("provider", sa.String(length=64), nullable=False),
        sa.Column("subject_digest", sa.String(length=64), nullable=False),
        sa.Column("bound_at", UtcDateTime(), nullable=False),
        sa.Column("used_at", UtcDateTime(), nullable=True),
        sa.Column("ended_at", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_provider_logins_account_id_accounts")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_provider_logins")),
        sa.UniqueConstraint("subject_digest", name=op.f("uq_provider_logins_subject_digest")),
    )
    with op.batch_alter_table("provider_logins", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_provider_logins_account_id"), ["account_id"], unique=False)

    op.create_table(
        "recovery_codes",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("account_id", sa.String(length=36), nullable=False),
        sa.Column("code_digest", sa.String(length=64), nullable=False),
        sa.Column("made_at", UtcDateTime(), nullable=False),
        sa.Column("used_at", UtcDateTime(), nullable=True),
        sa.Column("removed_at", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_recovery_codes_account_id_accounts")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_recovery_codes")),
    )
    with op.batch_alter_table("recovery_codes", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_recovery_codes_account_id"), ["account_id"], unique=False)

    op.create_table(
        "role_grants",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("account_id", sa.String(length=36), nullable=False),
        sa.Column("role", sa.String(length=64), nullable=False),
        sa.Column("reason", sa.String(length=500), nullable=False),
        sa.Column("given_by", sa.String(length=36), nullable=False),
        sa.Column("given_at", UtcDateTime(), nullable=False),
        sa.Column("begins_at", UtcDateTime(), nullable=False),
        sa.Column("ends_at", UtcDateTime(), nullable=False),
        sa.Column("ended_at", UtcDateTime(), nullable=True),
        sa.Column("ended_by", sa.String(length=36), nullable=False),
        sa.Column("told_at", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_role_grants_account_id_accounts")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_role_grants")),
    )
    with op.batch_alter_table("role_grants", schema=None) as batch_op:
        batch_op.create_index("ix_role_grants_account", ["account_id", "ends_at"], unique=False)

    op.create_table(
        "second_factors",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("account_id", sa.String(length=36), nullable=False),
        sa.Column("agency_id", sa.String(length=36), nullable=False),
        sa.Column("kind", sa.String(length=64), nullable=False),
        sa.Column("title", sa.String(length=60), nullable=False),
        sa.Column("secret_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("last_step", sa.Integer(), nullable=False),
        sa.Column("credential_id", sa.String(length=1400), nullable=True),
        sa.Column("user_handle", sa.String(length=64), nullable=False),
        sa.Column("public_key", sa.LargeBinary(), nullable=False),
        sa.Column("sign_count", sa.Integer(), nullable=False),
        sa.Column("transports", sa.JSON(), nullable=False),
        sa.Column("aaguid", sa.String(length=36), nullable=False),
        sa.Column("backed_up", sa.Boolean(), nullable=False),
        sa.Column("copied_at", UtcDateTime(), nullable=True),
        sa.Column("shown", sa.Boolean(), nullable=False),
        sa.Column("made_at", UtcDateTime(), nullable=False),
        sa.Column("confirmed_at", UtcDateTime(), nullable=True),
        sa.Column("used_at", UtcDateTime(), nullable=True),
        sa.Column("removed_at", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_second_factors_account_id_accounts")),
        sa.ForeignKeyConstraint(["agency_id"], ["agencies.id"], name=op.f("fk_second_factors_agency_id_agencies")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_second_factors")),
        sa.UniqueConstraint("credential_id", name=op.f("uq_second_factors_credential_id")),
    )
    with op.batch_alter_table("second_factors", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_second_factors_account_id"), ["account_id"], unique=False)

    op.create_table(
        "emergency_accesses",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("signal_id", sa.String(length=36), nullable=False),
        sa.Column("account_id", sa.String(length=36), nullable=False),
        sa.Column("agency_id", sa.String(length=36), nullable=False),
        sa.Column("reason_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("danger", sa.String(length=64), nullable=False),
        sa.Column("opened_at", UtcDateTime(), nullable=False),
        sa.Column("ends_at", UtcDateTime(), nullable=False),
        sa.Column("ended_at", UtcDateTime(), nullable=True),
        sa.Column("review_due_at", UtcDateTime(), nullable=False),
        sa.Column("reminded_at", UtcDateTime(), nullable=True),
        sa.Column("escalated_at", UtcDateTime(), nullable=True),
        sa.Column("reviewed_by", sa.String(length=36), nullable=False),
        sa.Column("reviewed_at", UtcDateTime(), nullable=True),
        sa.Column("verdict", sa.String(length=64), nullable=False),
        sa.Column("review_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name=op.f("fk_emergency_accesses_account_id_accounts")
        ),
        sa.ForeignKeyConstraint(["agency_id"], ["agencies.id"], name=op.f("fk_emergency_accesses_agency_id_agencies")),
        sa.ForeignKeyConstraint(["signal_id"], ["signals.id"], name=op.f("fk_emergency_accesses_signal_id_signals")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_emergency_accesses")),
    )
    with op.batch_alter_table("emergency_accesses", schema=None) as batch_op:
        batch_op.create_index("ix_emergency_accesses_account", ["account_id", "ends_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_emergency_accesses_review_due_at"), ["review_due_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_emergency_accesses_signal_id"), ["signal_id"], unique=False)

    with op.batch_alter_table("accounts", schema=None) as batch_op:
        batch_op.add_column(sa.Column("break_glass", sa.Boolean(), server_default=sa.false(), nullable=False))

    with op.batch_alter_table("login_attempts", schema=None) as batch_op:
        batch_op.add_column(sa.Column("kind", sa.String(length=64), server_default="", nullable=False))
        batch_op.add_column(sa.Column("network_digest", sa.String(length=64), server_default="", nullable=False))
        batch_op.add_column(sa.Column("browser_digest", sa.String(length=64), server_default="", nullable=False))
        batch_op.create_index("ix_login_attempts_network", ["network_digest", "at"], unique=False)

    with op.batch_alter_table("sessions", schema=None) as batch_op:
        batch_op.add_column(sa.Column("strength", sa.String(length=64), server_default="", nullable=False))
        batch_op.add_column(sa.Column("device", sa.String(length=60), server_default="", nullable=False))
        batch_op.add_column(sa.Column("network", sa.String(length=64), server_default="", nullable=False))


def downgrade() -> None:
    with op.batch_alter_table("sessions", schema=None) as batch_op:
        batch_op.drop_column("network")
        batch_op.drop_column("device")
        batch_op.drop_column("strength")

    with op.batch_alter_table("login_attempts", schema=None) as batch_op:
        batch_op.drop_index("ix_login_attempts_network")
        batch_op.drop_column("browser_digest")
        batch_op.drop_column("network_digest")
        batch_op.drop_column("kind")

    with op.batch_alter_table("accounts", schema=None) as batch_op:
        batch_op.drop_column("break_glass")

    with op.batch_alter_table("emergency_accesses", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_emergency_accesses_signal_id"))
        batch_op.drop_index(batch_op.f("ix_emergency_accesses_review_due_at"))
        batch_op.drop_index("ix_emergency_accesses_account")

    op.drop_table("emergency_accesses")
    with op.batch_alter_table("second_factors", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_second_factors_account_id"))

    op.drop_table("second_factors")
    with op.batch_alter_table("role_grants", schema=None) as batch_op:
        batch_op.drop_index("ix_role_grants_account")

    op.drop_table("role_grants")
    with op.batch_alter_table("recovery_codes", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_recovery_codes_account_id"))

    op.drop_table("recovery_codes")
    with op.batch_alter_table("provider_logins", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_provider_logins_account_id"))

    op.drop_table("provider_logins")
    with op.batch_alter_table("machine_uses", schema=None) as batch_op:
        batch_op.drop_index("ix_machine_uses_agency")

    op.drop_table("machine_uses")
    with op.batch_alter_table("machine_tokens", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_machine_tokens_machine_id"))
        batch_op.drop_index(batch_op.f("ix_machine_tokens_expires_at"))

    op.drop_table("machine_tokens")
    with op.batch_alter_table("activations", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_activations_account_id"))

    op.drop_table("activations")
    with op.batch_alter_table("machine_accounts", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_machine_accounts_agency_id"))

    op.drop_table("machine_accounts")
    with op.batch_alter_table("rights_reviews", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_rights_reviews_agency_id"))

    op.drop_table("rights_reviews")
    op.drop_table("request_rates")
    with op.batch_alter_table("login_steps", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_login_steps_made_at"))

    op.drop_table("login_steps")
