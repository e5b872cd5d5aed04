"""Two people decide about one group at the same moment: neither decision is lost, and the group holds all of it."""

import threading

from sqlalchemy import select

from signaltable.flow import linking
from signaltable.models import Link, LinkAct, SubjectGroup
from signaltable.transaction import reading
from tests.factories import a_signal
from tests.table_steps import submitted, use


def test_decisions_about_one_group_at_the_same_moment_make_one_group(program, actor):
    # Given three signals with links between all of them, which wait for one owner
    havendam, delinde = actor(program, "havendam"), actor(program, "delinde")
    submitted(program, havendam)
    for _turn in range(2):
        submitted(program, delinde, a_signal(capacity="care-wgbo"))
    with reading(program) as session:
        links = list(session.scalars(select(Link.id)))
    assert len(links) == 3
    for line in use(program, havendam, linking.own_links):
        use(program, havendam, linking.decide, line.id, confirmed=True)
    # When that owner confirms all of them at once, each twice
    problems: list[str] = []
    ready = threading.Barrier(6)

    def confirm(link_id: str) -> None:
        ready.wait()
        try:
            use(program, delinde, linking.decide, link_id, confirmed=True)
        except Exception as problem:  # noqa: BLE001 -- whatever goes wrong in a thread must reach the assert
            problems.append(repr(problem))

    threads = [threading.Thread(target=confirm, args=(one,)) for one in links * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # Then there is one group of three, and each answer stands once
    assert problems == []
    with reading(program) as session:
        groups = [row.group_id for row in session.scalars(select(SubjectGroup))]
        acts = [(row.link_id, row.agency_id) for row in session.scalars(select(LinkAct))]
    assert (len(groups), len(set(groups))) == (3, 1)
    assert len(acts) == len(set(acts)) == 5
