"""The WSGI entry point: `gunicorn wsgi:app`."""

from signaltable.settings import Settings
from signaltable.web import create_app

app = create_app(Settings.from_env())
