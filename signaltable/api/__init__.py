"""What systems of partners ask of the program: JSON under /api, with a token of a machine account and nothing else."""

import signaltable.api.lists
import signaltable.api.own
import signaltable.api.questions
import signaltable.api.tokens  # noqa: F401 -- each of these adds its operations to the blueprint
from signaltable.api.operations import PREFIX, pages
from signaltable.api.problems import answer_of

__all__ = ["PREFIX", "answer_of", "is_api", "pages"]


def is_api(path: str) -> bool:
    """Whether a path belongs to the API, also one that is not there."""
    return path == PREFIX or path.startswith(f"{PREFIX}/")
