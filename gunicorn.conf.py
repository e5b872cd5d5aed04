"""What gunicorn reads when somebody starts it by itself: `gunicorn wsgi:app`. The same as `signaltable run` uses."""

from signaltable.web_server import OPTIONS

globals().update(OPTIONS)
