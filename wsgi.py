"""The WSGI entry point: `gunicorn wsgi:app`."""

from signaltable.settings import Settings
from signaltable.surroundings import keep_to_itself
from signaltable.users import check_key_apart
from signaltable.web import create_app

keep_to_itself()
settings = Settings.from_env()
check_key_apart(settings)
app = create_app(settings)
