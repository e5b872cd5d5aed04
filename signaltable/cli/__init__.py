"""The command line. Exit codes: 0 done, 1 refused or findings, 2 unusable input (one line on stderr, no traceback).

Commands import what they need when they run: `signaltable route` must not wait for the web or the database.
"""

import os

import click

from signaltable.cli import (
    bench,
    blind_check,
    demo,
    doctor,
    generate,
    ground,
    home,
    jobs,
    keys,
    keys_rotate,
    link_bench,
    log,
    log_fsck,
    log_keys,
    log_processing,
    log_restored,
    mails,
    migrate,
    move,
    policies,
    policies_card,
    policies_check,
    policies_compare,
    policies_show,
    scan,
    signals,
    signer,
)
from signaltable.cli.kit import Commands


@click.group(cls=Commands)
@click.version_option(package_name="signaltable")
def main() -> None:
    """Open source software for the Dutch signaaltafel mensenhandel."""
    os.umask(0o077)  # Whatever a command writes is for its user alone.


for command in (
    home.init,
    demo.demo,
    generate.generate,
    home.run,
    doctor.doctor,
    migrate.migrate,
    move.move,
    jobs.jobs,
    home.accounts,
    home.invite,
    signals.submit,
    signals.route,
    link_bench.link_bench,
    scan.scan,
    blind_check.blind_check,
    ground.ground,
    log.audit,
    policies.policies,
    keys.keys,
    signer.signer,
    mails.mail,
    bench.bench,
):
    main.add_command(command)
log.audit.add_command(log_fsck.audit_fsck)
log.audit.add_command(log_processing.processing_log)
log.audit.add_command(log_restored.restored)
log.audit.add_command(log_keys.rotate_key)
keys.keys.add_command(keys_rotate.rotate)
keys.keys.add_command(signer.for_signer)
policies.policies.add_command(policies_card.card)
policies.policies.add_command(policies_compare.compare)
policies.policies.add_command(policies_show.show)
policies.policies.add_command(policies_check.check)
