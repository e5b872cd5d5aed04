"""What people do at their browsers, each act with a line in the journal before and after."""

import random
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.crash import journal
from tests.crash.browser import Answer, Browser, Cut, Fields, hidden, value_of
from tests.crash.journal import Journal

# Words that stand in every identity and account that is typed here: nothing outside the database may hold them.
CANARY = "Kanarinda"
_CODE = re.compile(r'class="st-demo-code">([\d ]+)<')
_REFERENCE = re.compile(r"S-[0-9A-Z]{4}-[0-9A-Z]{2}")
_TO_JUDGE = re.compile(r'href="/triage/(S-[0-9A-Z]{4}-[0-9A-Z]{2})"')
_PROBLEM = re.compile(r'<ul class="st-errors__list">(.*?)</ul>', re.DOTALL)
_DRAFT = re.compile(r"/signalen/nieuw/([0-9a-f]{32})/")
STEP1 = [("version", ""), ("acute_danger", "no"), ("safe_to_continue", "yes"), ("urgency", "five-working-days")]
ABOUT = [
    *(("role", "possible_victim"), ("age", "adult"), ("age_years", ""), ("gender", "woman")),
    *(("id-given_name", CANARY), ("id-surname", "Proefveld"), ("id-birth_date", "1996"), ("unsure", "birth_date")),
    *(("flags", "lvb"), ("capacity", "municipality-wmo"), ("status", "not_asked"), ("action", "next")),
]
CONSENT = [
    *(("EXPLICIT_CONSENT-recipient", "this"), ("EXPLICIT_CONSENT-given_by", "person")),
    *(("EXPLICIT_CONSENT-categories", one) for one in ("identity", "contact", "narrative", "pseudonymous")),
    *(("EXPLICIT_CONSENT-form", "spoken"), ("EXPLICIT_CONSENT-language", "Pools")),
    *(("EXPLICIT_CONSENT-interpreter", "professional"), ("EXPLICIT_CONSENT-asked_by", "casemanager")),
    *(("EXPLICIT_CONSENT-text_version", "2026-1"), ("EXPLICIT_CONSENT-explicit", "y")),
    *(("EXPLICIT_CONSENT-told_withdrawal", "y"), ("NEC-motivation", f"Zonder naam is {CANARY} niet te bereiken.")),
]
# What people look at besides the page on which everybody begins.
LISTS = {"avim": ("/vragen",), "voorzitter": ("/tafel",), "coordinator": ("/triage", "/tafel", "/cijfers")}


class Wrong(Exception):
    """A page came that nobody should get; which, is in the journal."""


@dataclass
class Person:
    """Somebody at a browser, with what they have to do."""

    browser: Browser
    login: str
    password: str
    journal: Journal
    chance: random.Random
    questions: list[str] = field(default_factory=list)
    signals: list[str] = field(default_factory=list)
    agenda: list[str] = field(default_factory=list)
    waiting: list[str] = field(default_factory=list)
    made: list[str] = field(default_factory=list)

    def sign_in(self) -> None:
        """With a password and the code that the demonstration shows."""
        self.browser.cookies.clear()
        given = [("login", self.login), ("password", self.password), ("next", "")]
        self._decide("log_in", self.login, "/aanmelden", given, page="/aanmelden", wanted={302, 303})
        shown = _CODE.search(self._seen(self.browser.get("/aanmelden/tweede-stap")).text)
        if shown is None:
            return
        step = "/aanmelden/tweede-stap"
        self._decide("session", self.login, step, [("way", "code"), ("given", shown[1])], page=step, wanted={302, 303})

    def live(self, going_on: Callable[[], bool]) -> None:
        """Do one thing after the other, whatever happens to the program."""
        acts = self._acts()
        inside = False
        while going_on():
            try:
                if not inside:
                    self.sign_in()
                    inside = True
                elif self.chance.random() < 0.03:
                    inside = False
                    self._decide("log_out", self.login, "/afmelden", [], page="/overzicht", wanted={302, 303})
                else:
                    self.chance.choice(acts)()
            except (Cut, Wrong):
                self._wait()
            except Outside:
                inside = False

    def _acts(self) -> list[Callable[[], None]]:
        """What this person does, as often as it stands here."""
        if self.login == "avim":
            return [self.look, *[self.answer] * 3]
        if self.login == "voorzitter":
            return [self.look, self.search, *[self.decide] * 3]
        if self.login == "coordinator":
            return [self.look, self.search, *[self.judge] * 3]
        owner = [self.submit, self.submit, self.discard, self.submit_with_file, self.withdraw]
        return [self.look, self.search, self.open_own, *owner, *[self.disclose] * 2]

    # -- acts ----------------------------------------------------------------------------------------------------------

    def look(self) -> None:
        """Look at lists."""
        for page in ("/overzicht", *LISTS.get(self.login, ("/signalen",))):
            self._seen(self.browser.get(page))

    def search(self) -> None:
        """Search: what was acknowledged is found, by its reference, by whoever submitted it."""
        wanted = self.chance.choice(self.made) if self.made else ""
        typed = wanted or self.chance.choice(("loon", "gezin", "loon gezin"))
        found = self._seen(self.browser.post("/zoeken", [("text", typed), ("state", ""), ("before", "")]))
        if wanted and f'href="/signalen/{wanted}"' not in found.text:
            self._wrong("search", found)

    def open_own(self) -> None:
        """Open what was acknowledged, in whichever process answers."""
        if self.made:
            self._seen(self.browser.get(f"/signalen/{self.chance.choice(self.made)}"))

    def judge(self) -> None:
        """Judge a case for the table; when those that were there are done, one that somebody submitted just now."""
        if not self.waiting:
            listed = self._seen(self.browser.get("/triage?toestand=submitted")).text
            self.waiting = self.chance.sample(found, 1) if (found := _TO_JUDGE.findall(listed)) else []
            if not self.waiting:
                return
        reference = self.waiting.pop()
        page = f"/triage/{reference}"
        answer = self._seen(self.browser.get(page), {200, 404})
        if answer.status == 404:
            # Its owner took it back since the list; the check at the end looks whether that is so.
            self.journal.note("gone", reference, journal.DONE)
            return
        shown = answer.text
        if f'action="{page}/beoordelen"' not in shown:
            return  # It came to a state in which nobody judges.
        form = [("urgency", "five-working-days"), ("result", "triaged"), ("reason", "Zo kan het beter")]
        form += [("version", value_of(shown, "version"))]
        self._decide("judge", reference, f"{page}/beoordelen", form, page=page, again=True)

    def decide(self) -> None:
        """Decide on a case at the table."""
        if self.agenda:
            page = self.agenda.pop()
            form = [("decision", "watch"), ("holder", ""), ("reason", "Eerst zien hoe het gaat")]
            form += [(f"due_on-{name}", "") for name in ("day", "month", "year")]
            self._decide("decide", page.rpartition("/")[2], f"{page}/besluit", form, page=page, again=True)

    def submit(self, *, with_file: bool = False) -> None:
        """A signal in four steps; the last one is sent again when nobody knows what came of it."""
        draft, unique = self._draft()
        if with_file:
            self._files(draft)
        page = f"/signalen/nieuw/{draft}/controle"
        shown = self._seen(self.browser.get(page)).text
        form = [(name, value_of(shown, name)) for name in ("version", "seen")]
        found = self._decide("submit", draft, page, [*form, ("action", "submit")], page=page, again=True)
        reference = _REFERENCE.search(found.location) if found else None
        if reference:
            self.journal.note("signal", draft, journal.DONE, f"{reference[0]} {unique}")
            self.made.append(reference[0])

    def submit_with_file(self) -> None:
        """The same with files, of which one goes away again."""
        self.submit(with_file=True)

    def discard(self) -> None:
        """A draft that is thrown away."""
        draft, _unique = self._draft()
        self._decide("discard", draft, f"/signalen/nieuw/{draft}/weg", [], page="/signalen/nieuw")

    def withdraw(self) -> None:
        """Take back a signal of one's own."""
        if self.made:
            reference = self.made.pop()
            page = f"/signalen/{reference}"
            self._decide(
                "withdraw", reference, f"{page}/intrekken", [("reason", "Een vergissing")], page=page, again=True
            )

    def answer(self) -> None:
        """Answer a question."""
        if self.questions:
            question = self.questions.pop()
            form = [("answer", self.chance.choice(("hit", "no_hit"))), ("context", "")]
            page = f"/vragen/{question}"
            self._decide("answer", question, f"{page}/antwoord", form, page=page, again=True)

    def disclose(self) -> None:
        """Disclose a signal to the care coordination, with consent."""
        if not self.signals:
            return
        reference = self.signals.pop()
        shown = self._seen(self.browser.get(f"/signalen/{reference}/verstrekken")).text
        choice = re.search(rf'href="(/signalen/{reference}/verstrekken/[0-9a-f]{{32}})"', shown)
        if choice is None:
            return
        page = self._seen(self.browser.get(choice[1])).text
        form: Fields = [*CONSENT]
        for name in ("day", "month", "year"):
            form.append((f"EXPLICIT_CONSENT-given_on-{name}", value_of(page, f"EXPLICIT_CONSENT-given_on-{name}")))
        form += [(name, one) for name in ("ground", "seen", "subjects") for one in hidden(page, name)]
        looked = self._seen(self.browser.post(choice[1], [*form, ("step", "look")], choice[1]), {200, 422}).text
        form = [one for one in form if one[0] not in ("ground", "seen", "subjects")]
        form += [(name, one) for name in ("ground", "seen", "subjects") for one in hidden(looked, name)]
        self._decide("disclose", reference, choice[1], [*form, ("step", "disclose")], page=choice[1], again=True)

    # -- parts of acts -------------------------------------------------------------------------------------------------

    def _draft(self) -> tuple[str, str]:
        """A draft that only has to be submitted; with the word that stands in this text alone."""
        # No digits: one text in a thousand then held what looks like a citizen service number, which no text may hold.
        unique = CANARY + "".join(secrets.choice("bcdfghjklmnp") for _one in range(12))
        start = self._seen(self.browser.post("/signalen/nieuw", [*STEP1, ("action", "next")]), {303})
        found = _DRAFT.search(start.location)
        assert found
        draft = found[1]
        step = f"/signalen/nieuw/{draft}/2"
        seen = [("version", value_of(self._seen(self.browser.get(step)).text, "version"))]
        seen += [("narrative", f"{unique} Proefveld krijgt geen loon."), ("municipality", "Havendam"), ("online", "no")]
        seen += [("source_quality", "seen"), ("forms", "labour"), ("row-wages", "1"), ("action", "next")]
        seen += [(f"observed_on-{name}", "") for name in ("day", "month", "year")]
        self._seen(self.browser.post(step, seen), {303})
        step = f"/signalen/nieuw/{draft}/3"
        version = value_of(self._seen(self.browser.get(step)).text, "version")
        self._seen(self.browser.post(step, [("version", version), *ABOUT]), {303})
        return draft, unique

    def _files(self, draft: str) -> None:
        page = f"/signalen/nieuw/{draft}/bijlagen"
        for number in (1, 2):
            self._upload(draft, page, number)
        self._decide("remove_file", f"{draft} 1", f"{page}/1/weg", [], page=page)

    def _upload(self, draft: str, page: str, number: int) -> None:
        about = f"{draft} {number}"
        self.journal.note("file", about, journal.SENT)
        words = f"Bijlage {number} van {CANARY}. ".encode() * self.chance.randrange(1, 40_000)
        answer = self._judged("file", about, self.browser.upload(page, f"{CANARY}.txt", words), {303})
        if answer is None:
            raise Wrong

    # -- what came back ------------------------------------------------------------------------------------------------

    def _decide(
        self,
        kind: str,
        about: str,
        path: str,
        form: Fields,
        *,
        page: str,
        wanted: set[int] | None = None,
        again: bool = False,
    ) -> Answer | None:
        """Send the form that counts, and write down what came of it. The answer when it was acknowledged.

        With `again`, the same button is pressed once more when no answer came or the program is not sure.
        """
        whole = [("csrf_token", self.browser.token(page)), *form]
        self.journal.note(kind, about, journal.SENT)
        try:
            found = self._judged(kind, about, self.browser.send(path, whole), wanted or {303})
        except Cut:
            if not again:
                raise
        else:
            return found
        for _try in range(60):
            self._wait()
            try:
                return self._judged(kind, about, self.browser.send(path, whole), wanted or {303})
            except Cut:
                continue
        raise Cut("nobody came back")

    def _judged(self, kind: str, about: str, answer: Answer, wanted: set[int]) -> Answer | None:
        if answer.status in wanted and not _is_door(answer):
            self.journal.note(kind, about, journal.DONE, answer.location if kind == "submit" else "")
            return answer
        if answer.status == 503:
            self._check_unavailable(answer)
            unsure = 'data-stored="unsure"' in answer.text
            self.journal.note(kind, about, journal.UNSURE if unsure else journal.NOTHING)
            raise Cut("unavailable")
        if answer.status in {401, 403, 404, 409, 422, 302, 303, 429}:
            self.journal.note(kind, about, journal.REFUSED, f"{answer.status} {answer.location}")
            if answer.status == 401 or _is_door(answer):
                raise Outside
            return None
        self._wrong(kind, answer)
        return None

    def _seen(self, answer: Answer, wanted: set[int] | None = None) -> Answer:
        """A page on the way. Raises `Cut` when the program is away, as it says itself."""
        if answer.status == 503:
            self._check_unavailable(answer)
            raise Cut("unavailable")
        if answer.status == 401 or _is_door(answer):
            raise Outside
        if answer.status not in (wanted or {200}):
            self._wrong("page", answer)
        return answer

    def _check_unavailable(self, answer: Answer) -> None:
        if not answer.retry_after or "<h1" not in answer.text or "112" not in answer.text:
            self._wrong("503", answer)

    def _wrong(self, kind: str, answer: Answer) -> None:
        told = re.search(r"<h1[^>]*>(.*?)</h1>", answer.text, re.DOTALL)
        said = " ".join(re.sub("<[^>]+>", " ", told[1]).split()) if told else answer.text[:200]
        why = [" ".join(re.sub("<[^>]+>", " ", one).split()) for one in _PROBLEM.findall(answer.text)]
        said = " ".join([str(answer.status), answer.location, said, *why])
        self.journal.note(kind, self.login, journal.WRONG, said)
        raise Wrong

    def _wait(self) -> None:
        import time

        time.sleep(0.1 + self.chance.random() * 0.2)


def _is_door(answer: Answer) -> bool:
    """Whether an answer leads to where people sign in."""
    return answer.location.partition("?")[0] == "/aanmelden"


class Outside(Exception):
    """The session is over; somebody has to sign in again."""
