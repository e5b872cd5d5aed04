"""Steps with passkeys that several tests take: somebody who is signed in, with a device beside the screen."""

from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select

from signaltable.domain import Actor
from signaltable.flow.coming_in import passkeys
from signaltable.flow.coming_in.actors import ANONYMOUS
from signaltable.flow.coming_in.proving import remember
from signaltable.flow.coming_in.sessions import actor_of_session, open_session
from signaltable.models import Account, SecondFactor
from signaltable.passkeys import Site
from signaltable.transaction import Program, reading, transaction
from tests.authenticator import Device

SITE = Site("localhost", "http://localhost")


@dataclass
class Holder:
    """Somebody with a session in which they just proved who they are, and a device."""

    program: Program
    login: str
    device: Device = field(default_factory=Device)
    token: str = ""

    def __post_init__(self) -> None:
        self.token = open_session(self.program, self.account, ANONYMOUS, strength="two_factors")
        self.prove_freshly()

    @property
    def account(self) -> Account:
        with reading(self.program) as session:
            return session.scalars(select(Account).where(Account.login == self.login)).one()

    @property
    def actor(self) -> Actor:
        actor = actor_of_session(self.program, self.token)
        assert actor
        return actor

    def prove_freshly(self) -> None:
        with transaction(self.program, self.actor) as tx:
            self.token = remember(tx, self.token, "code")

    def kept(self) -> list[SecondFactor]:
        """The passkeys of this person, those taken away too."""
        with reading(self.program) as session:
            query = select(SecondFactor).where(
                SecondFactor.account_id == self.account.id, SecondFactor.kind == passkeys.PASSKEY
            )
            return list(session.scalars(query.order_by(SecondFactor.made_at, SecondFactor.id)))

    def add(self, title: str = "Sleutel", **twist: Any) -> None:
        """Make a passkey on the device, as `Device.make` with this twist."""
        asked = passkeys.ask_for_new(self.program, self.account.id, SITE, "Tafel")
        self.take_in(passkeys.answered(asked.token, self.device.make(asked.options, **twist)), title)

    def take_in(self, given: str, title: str = "Sleutel") -> None:
        """Have a passkey added that came as an answer."""
        new = passkeys.read_new(self.program, self.actor, given)
        with transaction(self.program, self.actor) as tx:
            passkeys.add(tx, self.token, new, title)

    def alone(self, **twist: Any) -> str:
        """What comes from the login page with a passkey alone."""
        asked = passkeys.ask_for_proof(self.program, SITE)
        return passkeys.answered(asked.token, self.device.prove(asked.options, **twist))

    def known(self, **twist: Any) -> str:
        """What comes from somebody of whom the program knows already who it should be."""
        asked = passkeys.ask_for_proof(self.program, SITE, self.account.id)
        return passkeys.answered(asked.token, self.device.prove(asked.options, **twist))
