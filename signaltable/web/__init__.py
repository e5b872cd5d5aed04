"""The pages. `create_app` puts together blueprints, login manager and error pages, and nothing else."""

from dataclasses import replace

from flask import Flask
from flask_babel import Babel
from flask_wtf.csrf import CSRFProtect
from jinja2 import StrictUndefined

from signaltable import api
from signaltable.program import open_program
from signaltable.settings import Settings
from signaltable.transaction import Program
from signaltable.web import (
    account,
    activating,
    admin,
    approvals,
    asking,
    attachments,
    attending,
    auditor,
    blind_check,
    card,
    compiled_templates,
    cookies,
    disclosures,
    duties,
    emergency,
    errors,
    escalations,
    exclusions,
    figures,
    filters,
    grants,
    guards,
    headers,
    hosts,
    identity_requests,
    in_turn,
    inbox,
    incidents,
    intake_about,
    intake_check,
    jobs,
    keys,
    leaving,
    links,
    machines,
    mails,
    meetings,
    minutes,
    misuse,
    moving,
    overview,
    passkeys,
    provider,
    questions,
    rates,
    recusals,
    reflection,
    rights,
    samples,
    screen,
    search,
    security,
    signals,
    signing_in,
    subject_erasures,
    subject_reports,
    table_case,
    tables,
    tasks,
    text_checks,
    transfers,
    triage,
    uploads,
    watching,
    witness,
)

BLUEPRINTS = (
    api.pages,
    *{account.pages, activating.pages, signing_in.pages, security.pages},
    *{admin.pages, tables.pages},
    approvals.pages,
    asking.pages,
    attachments.pages,
    auditor.pages,
    blind_check.pages,
    card.pages,
    disclosures.pages,
    duties.pages,
    emergency.pages,
    exclusions.pages,
    figures.pages,
    grants.pages,
    identity_requests.pages,
    inbox.pages,
    transfers.pages,
    escalations.pages,
    incidents.pages,
    jobs.pages,
    *{intake_about.pages, intake_check.pages},  # One blueprint, to which each screen adds its own page.
    keys.pages,
    leaving.pages,
    links.pages,
    machines.pages,
    mails.pages,
    minutes.pages,
    misuse.pages,
    overview.pages,
    passkeys.pages,
    provider.pages,
    questions.pages,
    recusals.pages,
    rights.pages,
    samples.pages,
    screen.pages,
    search.pages,
    reflection.pages,
    signals.pages,
    subject_erasures.pages,
    subject_reports.pages,
    # One blueprint, to which each module adds its own pages.
    *{table_case.pages, meetings.pages, attending.pages, moving.pages},
    tasks.pages,
    text_checks.pages,
    triage.pages,
    watching.pages,
    witness.pages,
)


def begin_app(settings: Settings) -> Flask:
    """What the application is made on: all that the code of templates depends on, and nothing of a home or a database."""
    app = Flask("signaltable", template_folder=str(settings.templates), static_folder=str(guards.STATIC))
    app.config.update(
        BABEL_TRANSLATION_DIRECTORIES=str(guards.TRANSLATIONS),
        BABEL_DEFAULT_LOCALE="nl",
        BABEL_DEFAULT_TIMEZONE="Europe/Amsterdam",
    )
    app.jinja_env.undefined = StrictUndefined
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    Babel(app, locale_selector=account.language)
    filters.register(app)
    compiled_templates.keep(app.jinja_env, settings.templates)
    return app


def create_app(settings: Settings, program: Program | None = None) -> Flask:
    """The web application. Refuses to start on unusable settings, a broken rule, or a view without permission."""
    # A worker serves many requests, each with a trace of its own.
    program = replace(program or open_program(settings), work=None)
    app = begin_app(settings)
    app.config.update(
        SESSION_COOKIE_NAME="__Host-signaltable" if settings.secure_cookies else "signaltable",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=settings.secure_cookies,
        MAX_CONTENT_LENGTH=uploads.FORM_BYTES,
        MAX_FORM_MEMORY_SIZE=uploads.FORM_BYTES,
        MAX_FORM_PARTS=uploads.FORM_PARTS,
        # The token is the proof. The referrer that Flask-WTF would also ask over TLS is never sent: Referrer-Policy.
        WTF_CSRF_SSL_STRICT=False,
        WTF_CSRF_TIME_LIMIT=None,  # The token lives as long as the session; a long form must not lose what was typed.
    )
    cookies.use_keys(app, program.keys)
    app.session_interface = cookies.KeyedSessions(program.keys)
    app.extensions["signaltable"] = program
    watching.register(app, program)
    uploads.register(app, program)
    forms = CSRFProtect(app)
    forms.exempt(leaving.pages)
    forms.exempt(api.pages)  # No cookie counts there, so no other site can send a browser.
    account.login_manager.init_app(app)
    for blueprint in BLUEPRINTS:
        app.register_blueprint(blueprint)
    for part in (guards, headers, errors):
        part.register(app)
    in_turn.register(app, settings)
    hosts.register(app, settings)
    rates.register(app, program)
    provider.register(app, program)
    guards.check_every_view(app)
    return app
