"""Which pages a person can open, for tabs that show no page that would be refused."""

from flask import current_app

from signaltable.access import Allowed, may
from signaltable.web.guards import actor


def open_pages() -> frozenset[str]:
    """The endpoints that exist and that the actor's roles open."""
    views = current_app.view_functions
    return frozenset(
        endpoint
        for endpoint, view in views.items()
        if any(isinstance(may(actor(), one), Allowed) for one in getattr(view, "needed_permissions", ()))
    )
