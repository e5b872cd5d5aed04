"""The WSGI entry point: `gunicorn wsgi:app`."""

from signaltable.web import create_app
from signaltable.settings import Settings

app = create_app(Settings.from_env())
