"""A person as a process of its own: `python -m tests.crash.client PLAN`. Ends when its parent closes standard input."""

import json
import random
import select
import sys
from pathlib import Path

from tests.crash.browser import Browser
from tests.crash.journal import Journal
from tests.crash.people import Person
from tests.crash.running import within


def main() -> int:
    """Work until told to end."""
    plan = json.loads(sys.argv[1])
    person = Person(
        Browser(plan["ports"], timeout=within(30)),
        plan["login"],
        plan["password"],
        Journal(Path(plan["journal"])),
        random.Random(plan["seed"]),
        questions=plan["questions"],
        signals=plan["signals"],
        agenda=plan["agenda"],
        waiting=plan["waiting"],
    )
    person.live(lambda: not select.select([sys.stdin], [], [], 0)[0])
    return 0


if __name__ == "__main__":
    sys.exit(main())
