"""What a receiver got and took up, made once and copied for every test that begins there."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from signaltable.domain import Actor
from signaltable.flow import referrals
from signaltable.transaction import Program
from tests.disclosure_steps import GIVEN, disclosed
from tests.factories import a_signal
from tests.table_steps import submitted, use

People = Callable[[Program, str], Actor]
_once: list[Callable[..., Any]] = []


@pytest.fixture(autouse=True)
def made_once(once: Callable[..., Any]) -> Iterator[None]:
    """Import this where `given` is used."""
    _once.append(once)
    yield
    _once.pop()


def given(program: Program, actor: People, *, accept: bool = True) -> tuple[str, str]:
    """A signal of Havendam that ESSM got with the person's consent, and took up; (signal, disclosure). Begin with it."""
    return _once[-1](program, f"given to essm, {accept}", lambda: _give(program, actor, accept))


def _give(program: Program, actor: People, accept: bool) -> tuple[str, str]:
    owner = actor(program, "havendam")
    reference = submitted(program, owner, a_signal(consent=GIVEN))
    made = disclosed(program, owner, reference, "essm", ground="X1").reference
    if accept:
        use(program, actor(program, "essm"), referrals.accept, made)
    return reference, made
