"""People with a browser without script: a client that keeps cookies and fills in the token of every form."""

import re
from typing import Any

from werkzeug.test import TestResponse

from signaltable.transaction import Program
from tests.letting_in import let_in, prove
from tests.serving import served


def without_tokens(page: str) -> str:
    """A page without what its forms prove themselves with: that is random, and holds any few letters once in some thousand runs."""
    return re.sub(r'(name="csrf_token" value=")[^"]+', r"\1", page)


class Person:
    """Somebody at a browser."""

    def __init__(self, program: Program, login: str = "") -> None:
        self.program, self.client = program, served(program).test_client()
        if login:
            let_in(self.client, program, login)

    def prove(self) -> "Person":
        """This person has just proved once more who they are (step-up)."""
        prove(self.client, self.program)
        return self

    def get(self, path: str) -> TestResponse:
        return self.client.get(path)

    def post(self, path: str, data: dict[str, Any] | None = None, *, page: str = "") -> TestResponse:
        """Post as from the page at `page` (by default the page with the same address)."""
        token = re.search(r'name="csrf_token" value="([^"]+)"', self.client.get(page or path).text)
        return self.client.post(path, data={"csrf_token": token[1] if token else "", **(data or {})})
