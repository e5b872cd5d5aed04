"""The mark of the schema as the web knows it, and what the web does not load."""

import subprocess
import sys

from alembic.script import ScriptDirectory

from signaltable import schema

# What changes a schema, sends mails, plans jobs, cleans files or finds names in texts: each takes megabytes in every worker, and more
# ways to be broken into.
NOT_IN_THE_WEB = {"alembic", "apscheduler", "deduce", "pikepdf", "puremagic", "smtplib", "signaltable.jobs.work"}


def test_the_newest_migration_is_the_one_that_alembic_finds():
    assert schema.newest() == ScriptDirectory(str(schema.MIGRATIONS)).get_current_head()


def test_the_web_does_not_load_what_it_does_not_use():
    asked = "import signaltable.web, sys; print(*sys.modules)"
    found = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    assert NOT_IN_THE_WEB & set(found.stdout.split()) == set()
