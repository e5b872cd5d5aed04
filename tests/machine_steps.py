"""Systems of partners, for tests: accounts made as an administrator makes them, and a client that shows tokens."""

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from signaltable.domain import Actor
from signaltable.flow import machines
from signaltable.flow.coming_in.actors import actor_of_login
from signaltable.flow.machines import MachineTerms, NewSecret
from signaltable.transaction import Program, transaction
from tests.serving import served

ANSWERS, KEEPS = "enrich:answer:asked", "checkpoint:keep:own-agency"
HEADER = "X-Client-Cert"


def administrator(program: Program) -> Actor:
    """Who makes accounts of systems."""
    return actor_of_login(program, "beheer")


def agency_of(program: Program, login: str) -> str:
    """The agency of a person of the demo region."""
    return actor_of_login(program, login).agency_id


def terms(program: Program, **changes: Any) -> MachineTerms:
    """What an account usually is: everything that a system may, to be asked without names, for a month."""
    usual = MachineTerms("Zaaksysteem", [ANSWERS, KEEPS], ["P1"], program.clock().date() + timedelta(days=30))
    return replace(usual, **changes)


def a_machine(program: Program, login: str = "avim", *, secret: bool = True, **changes: Any) -> NewSecret:
    """An account for the agency of this person."""
    with transaction(program, administrator(program)) as tx:
        return machines.record_machine(tx, agency_of(program, login), terms(program, **changes), secret=secret)


def version_of(program: Program, machine_id: str) -> int:
    """Where an account stands, as the form of the administrator has it."""
    with transaction(program, administrator(program)) as tx:
        return machines.machine_of(tx, machine_id).version


def change(program: Program, what: Any, machine_id: str, *arguments: Any, **options: Any) -> Any:
    """Do one thing of flow.machines with an account as it stands."""
    version = version_of(program, machine_id)
    with transaction(program, administrator(program)) as tx:
        return what(tx, machine_id, *arguments, version=version, **options)


class Machine:
    """A system of a partner: it gets a token when it needs one and asks with it."""

    def __init__(
        self, program: Program, made: NewSecret, headers: Mapping[str, str] | None = None, **wanted: str
    ) -> None:
        self.client: FlaskClient = served(program).test_client()
        self.made, self.headers, self.wanted = made, dict(headers or {}), wanted
        self.token = ""

    def get_token(self, **changes: str) -> TestResponse:
        form = {"grant_type": "client_credentials", "client_id": self.made.machine_id, **self.wanted}
        if self.made.secret:
            form["client_secret"] = self.made.secret
        answer = self.client.post("/api/token", data=form | changes, headers=self.headers)
        if answer.status_code == 200:
            self.token = answer.json["access_token"]
        return answer

    def bearer(self) -> dict[str, str]:
        if not self.token:
            assert self.get_token().status_code == 200
        return {**self.headers, "Authorization": f"Bearer {self.token}"}

    def get(self, path: str, **options: Any) -> TestResponse:
        return self.client.get(path, headers=self.bearer(), **options)

    def post(self, path: str, json: Any = None, **options: Any) -> TestResponse:
        sent = {"json": json} if json is not None else {}
        return self.client.post(path, headers=self.bearer(), **sent, **options)


def basic(name: str, secret: str) -> dict[str, str]:
    """The header of HTTP Basic."""
    return {"Authorization": "Basic " + base64.b64encode(f"{name}:{secret}".encode()).decode()}


_KEY = ec.generate_private_key(ec.SECP256R1())


def a_certificate(name: str = "systeem.avim.example") -> x509.Certificate:
    """A certificate as a partner has one."""
    who = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    made = x509.CertificateBuilder().subject_name(who).issuer_name(who).public_key(_KEY.public_key())
    made = made.serial_number(x509.random_serial_number())
    made = made.not_valid_before(datetime(2026, 1, 1)).not_valid_after(datetime(2030, 1, 1))  # noqa: DTZ001
    return made.sign(_KEY, hashes.SHA256())


def thumbprint(certificate: x509.Certificate) -> str:
    return hashlib.sha256(certificate.public_bytes(Encoding.DER)).hexdigest()


def rfc_9440(certificate: x509.Certificate) -> str:
    """A certificate as a proxy tells it in a header."""
    return f":{base64.b64encode(certificate.public_bytes(Encoding.DER)).decode()}:"
