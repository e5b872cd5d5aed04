"""How the program is watched and stopped, as the environment says: its messages, its numbers, and how long a stop may take."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from signaltable.domain import UnusableSettings

JSON, TEXT = "json", "text"
FILE, STDERR = "file", "stderr"
FORMATS: Final = (TEXT, JSON)
PLACES: Final = (FILE, STDERR)


@dataclass(frozen=True, slots=True)
class Watching:
    """Messages in `log_format`, to `log_to`; numbers for Prometheus at `metrics`, host and port, None for nowhere.

    Before a stop the program says for `stop_delay` seconds that it is going (/gereed), and goes on answering; what is
    being answered then may take `stop_timeout` seconds.
    """

    log_format: str = TEXT
    log_to: str = FILE
    metrics: tuple[str, int] | None = None
    stop_delay: int = 0
    stop_timeout: int = 30


def read_watching(env: Mapping[str, str]) -> Watching:
    """Read the environment. Raises `UnusableSettings` with the name of the variable."""
    return Watching(
        log_format=_one_of(env, "SIGNALTABLE_LOG_FORMAT", FORMATS),
        log_to=_one_of(env, "SIGNALTABLE_LOG_TO", PLACES),
        metrics=_place(env, "SIGNALTABLE_METRICS"),
        stop_delay=_seconds(env, "SIGNALTABLE_STOP_DELAY", Watching().stop_delay, least=0, most=120),
        stop_timeout=_seconds(env, "SIGNALTABLE_STOP_TIMEOUT", Watching().stop_timeout, least=1, most=600),
    )


def _one_of(env: Mapping[str, str], name: str, choices: tuple[str, ...]) -> str:
    value = env.get(name) or choices[0]
    if value not in choices:
        raise UnusableSettings(f"{name}: expected one of {', '.join(choices)}")
    return value


def _place(env: Mapping[str, str], name: str) -> tuple[str, int] | None:
    """host:port; a port alone is no place, so that nobody opens it to the world by leaving something out."""
    value = env.get(name, "")
    host, _, port = value.rpartition(":")
    if not value:
        return None
    if not host or not port.isascii() or not port.isdigit() or not 0 < int(port) < 65536:
        raise UnusableSettings(f"{name}: expected host:port, such as 127.0.0.1:9464")
    return host.removeprefix("[").removesuffix("]"), int(port)


def _seconds(env: Mapping[str, str], name: str, otherwise: int, *, least: int, most: int) -> int:
    value = env.get(name) or str(otherwise)
    if not value.isascii() or not value.isdigit() or len(value) > 4 or not least <= int(value) <= most:
        raise UnusableSettings(f"{name}: expected a number of seconds from {least} to {most}")
    return int(value)
