"""The mark of the schema as the web knows it, and what the web does not load."""

import subprocess
import sys

from alembic.script import ScriptDirectory

from signaltable import schema

# What changes a schema, sends mails, plans jobs, cleans files or finds names in texts: each takes megabytes in every worker, and more
# ways to be broken into. And what is loaded at its first use, since many workers never come to it.
NOT_IN_THE_WEB = {
    *{"alembic", "apscheduler", "deduce", "pikepdf", "puremagic", "smtplib", "signaltable.jobs.work"},
    *{"authlib", "icalendar", "joserfc", "pkcs11", "reportlab", "requests", "segno", "webauthn"},
}
# The master of the web listens and forks; it knows no table and no rule.
NOT_IN_THE_MASTER = {"sqlalchemy", "pydantic", "flask", "cryptography", "signaltable.web"}


def test_the_newest_migration_is_the_one_that_alembic_finds():
    assert schema.newest() == ScriptDirectory(str(schema.MIGRATIONS)).get_current_head()


def test_the_web_does_not_load_what_it_does_not_use():
    assert NOT_IN_THE_WEB & loaded("signaltable.web") == set()


def test_the_master_of_the_web_loads_hardly_anything():
    assert NOT_IN_THE_MASTER & loaded("signaltable.serve") == set()


def loaded(module: str) -> set[str]:
    asked = f"import {module}, sys; print(*sys.modules)"
    found = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    return set(found.stdout.split())
