"""Somebody with a browser goes through acute danger, a role for some time and the review of rights (tests/web)."""

import re
from datetime import timedelta
from urllib.parse import urldefrag

from signaltable.flow.coming_in.actors import actor_of_login
from signaltable.flow.rights import reviews
from signaltable.transaction import transaction
from tests.table_steps import submitted

CALLED = "De buurvrouw belt: hij wordt nu in een busje geduwd."
DANGER = {"danger": "held", "reason": CALLED, "acute": "y"}
LOOKED = "De politie bevestigt wat er gebeurde, en de coordinator was niet te bereiken."


def opened_in_danger(browser, reference, **changes):
    """The page to which somebody comes who opens a case in acute danger; the answer itself when that came to nothing."""
    token = browser.token("/acuut")
    sent = browser.post("/acuut", {"reference": reference, **DANGER, "csrf_token": token, **changes})
    return urldefrag(sent.location)[0] if sent.status_code == 303 else sent


def walk_through_danger(people):
    """One case is opened, read, seen by its owner, ended, and looked back on."""
    care, officer, owner = people["delinde"], people["fg.havendam"], people["havendam"]
    reference = submitted(care.program, actor_of_login(care.program, "havendam"))
    page = opened_in_danger(care, reference)
    access = page.rpartition("/")[2]
    care.get(page)
    owner.get(f"/acuut/melding/{access}")
    care.post(f"{page}/klaar", {"csrf_token": care.token(page)})
    care.get(page)
    back = f"/acuut/nazien/{access}"
    officer.get("/acuut/nazien")
    officer.get(back)
    officer.post(back, {"verdict": "not_justified", "words": LOOKED, "csrf_token": officer.token(back)})


def walk_through_rights(people):
    """A role is given for some time and taken away; a review is signed, read back and taken along as a file."""
    admin = people["beheer"]
    give = f"/beheer/tijdelijk/geven/{actor_of_login(admin.program, 'riec').account_id}"
    day = admin.program.clock().date() + timedelta(days=3)
    role = {f"ends-{part}": str(getattr(day, part)) for part in ("day", "month", "year")}
    role |= {"role": "care-coordinator", "ends_at": "17:00", "reason": "Verlof", "csrf_token": admin.token(give)}
    listed = admin.get(urldefrag(admin.post(give, role).location)[0]).text
    (end, *_others) = re.findall(r'action="(/beheer/tijdelijk/[0-9a-f]{32}/einde)"', listed)
    admin.post(end, {"csrf_token": admin.token("/beheer/tijdelijk")})
    officer = people["fg.havendam"]
    page = "/rechten/organisatie/havendam"
    shown = officer.get(page).text
    seal, lines = (re.search(rf'name="{name}" value="([^"]+)"', shown)[1] for name in ("seal", "lines"))
    form = {"seal": seal, "lines": lines, "csrf_token": officer.token(page)}
    form |= {f"reden-{number}": "" for number in range(int(lines))}
    signed = urldefrag(officer.post(page, form).location)[0]
    for path in (signed, f"{signed}/csv", f"{signed}/pdf"):
        officer.get(path)


def taken_away(program, login):
    """The privacy officer of havendam signs, and takes the rights of this account away; gives its id."""
    officer, account = actor_of_login(program, "fg.havendam"), actor_of_login(program, login).account_id
    with transaction(program, officer) as tx:
        reviews.sign(tx, reviews.overview(tx, "havendam").now.seal, {account: "Werkt hier niet meer."})
    return account
