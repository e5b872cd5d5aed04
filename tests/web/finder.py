"""Somebody at a browser who keeps every address and every form that the pages offer."""

import re

from werkzeug.exceptions import HTTPException

from tests.letting_in import let_in
from tests.web.crawl import Page, entries_of_trace

# A few of each kind: more addresses of one view would lead to the same answer.
OF_A_VIEW = 2


class Finder:
    """One person, or with an empty login somebody who did not sign in."""

    def __init__(self, app, program, login):
        self.app, self.program, self.login = app, program, login
        self.client = app.test_client()
        if login:
            let_in(self.client, program, login)
        self.addresses, self.forms = set(), {}
        self._offered = {}

    def view(self, path, method="GET"):
        try:
            return self.app.url_map.bind("localhost").match(path.partition("?")[0], method)[0]
        except HTTPException:
            return ""

    def look_around(self, *starts):
        """Open some addresses of every view that can be come to, and keep what they offer."""
        waiting, opened, times = [*starts, "/overzicht"], set(), {}
        while waiting:
            path = waiting.pop(0)
            view = self.view(path)
            if path in opened or view in {"", "static"} or (times.get(view, 0) >= OF_A_VIEW and path not in starts):
                continue
            opened.add(path)
            times[view] = times.get(view, 0) + 1
            answer = self.client.get(path)
            if answer.status_code != 200:
                continue
            self.addresses.add(path)
            if answer.mimetype == "text/html":
                page = Page(path)
                page.feed(answer.text)
                self.addresses.update(page.links)
                self.forms |= {one.action: one for one in page.forms}
                waiting += page.links

    def is_offered(self, form):
        """Whether the page of a form offers it to this person too, who only found no link to it.

        A page is looked at once: what is tried with its forms is refused, and changes nothing of what it offers.
        """
        if form.page not in self._offered:
            answer = self.client.get(form.page)
            page = Page(form.page)
            if answer.status_code == 200:
                page.feed(answer.text)
            self._offered[form.page] = {one.action for one in page.forms}
        return form.action in self._offered[form.page]

    def token(self):
        """The token of any form."""
        page = self.client.get("/overzicht" if self.login else "/aanmelden", follow_redirects=True).text
        return re.search(r'name="csrf_token" value="([^"]+)"', page)[1]

    def left(self, answer):
        """The entries that a request left."""
        trace = answer.headers["traceresponse"].split("-")[1]
        return list(entries_of_trace(self.program, trace))
