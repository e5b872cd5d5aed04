"""`signaltable doctor`: how an installation is, part by part, also one that does not start any more.

Nothing is changed, nobody's data are read, and no text of an exception or of a file is told: what is wrong is said in
words of this program, with what to do.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Final

from signaltable.breached import check_file
from signaltable.doctor import inside, outside
from signaltable.doctor.found import Check, Report, Status, ill, unseen, well
from signaltable.doctor.patient import Patient, meet
from signaltable.settings import Settings, UnusableSettings
from signaltable.storage_faults import broken_file
from signaltable.users import web_user

__all__ = ["NAMES", "Check", "Report", "Status", "examine"]

_WITHOUT_DATABASE: Final[tuple[tuple[str, Callable[[Patient], Check]], ...]] = (
    ("home", outside.home),
    ("disk", outside.disk),
    ("rules", outside.rules),
    ("keys", outside.keys),
    ("signer", outside.signer),
    ("text helper", outside.text_helper),
    ("mail", outside.mail),
    ("production", outside.production),
    ("database", inside.database),
)
NAMES: Final = ("settings", *(name for name, _look in _WITHOUT_DATABASE), *(name for name, _look in inside.LOOKS))


def examine(env: Mapping[str, str]) -> Report:
    """Look at everything. Never raises: what cannot be looked at is a check that says why."""
    try:
        settings = Settings.from_env(env)
    except UnusableSettings as error:
        return Report((_unusable(error), *(unseen(name, "the settings cannot be used") for name in NAMES[1:])))
    patient = meet(settings)
    try:
        return Report((_settings(settings), *_outside(patient), *_inside(patient)))
    finally:
        if patient.engine is not None:
            patient.engine.dispose()


def _settings(settings: Settings) -> Check:
    try:
        # What `signaltable run` refuses to start with, and nothing that is read from the environment tells.
        web_user(settings)
        check_file(settings.breached_passwords)
    except UnusableSettings as error:
        return _unusable(error)
    return well("settings", f"{settings.mode}, home {settings.home}")


def _unusable(error: UnusableSettings) -> Check:
    told = " ".join(str(error).split())
    return ill("settings", told, "set that variable right (docs/operate.md, Settings)")


def _outside(patient: Patient) -> Iterator[Check]:
    for name, look in _WITHOUT_DATABASE:
        yield _looked(name, lambda look=look: look(patient))  # type: ignore[misc]


def _inside(patient: Patient) -> Iterator[Check]:
    fits = True
    for name, look in inside.LOOKS:
        if patient.engine is None:
            yield unseen(name, "the database does not answer")
        elif name in inside.NEED_TABLES and not fits:
            yield unseen(name, "the tables are not those of this program")
        else:
            check = _looked(name, lambda look=look: _in_session(patient, look))  # type: ignore[misc]
            fits = fits and (name != "migrations" or check.status is Status.OK)
            yield check


def _in_session(patient: Patient, look: inside.Look) -> Check:
    with patient.session() as session:
        return look(patient, session)


def _looked(name: str, look: Callable[[], Check]) -> Check:
    try:
        return look()
    except Exception as error:  # noqa: BLE001 -- a broken part must not hide the others; its text may quote anything
        told, _, do = broken_file(error).partition("; ")
        told = told or f"could not be looked at ({type(error).__name__})"
        return ill(name, told, do or "look at signaltable.log, and run this again")
