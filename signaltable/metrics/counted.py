"""What the processes of this machine counted, as families of numbers."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Final

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from signaltable.board import Board
from signaltable.build import VERSION
from signaltable.counting import BEYOND, STEPS

# Name on the board -> what it is called, what it says, and its labels.
COUNTERS: Final[Mapping[str, tuple[str, str, tuple[str, ...]]]] = MappingProxyType(
    {
        "requests": ("signaltable_requests", "Answers by the web.", ("route", "method", "status")),
        "transactions": ("signaltable_transactions", "Transactions that were stored.", ()),
        "refusals": ("signaltable_refusals", "Refusals by the gate, as the log records them.", ("action", "reason")),
        "rate_limited": ("signaltable_rate_limited", "Requests that came too often.", ()),
        "replica_lists": ("signaltable_replica_lists", "Lists that were read from the replica.", ()),
        "replica_fallbacks": (
            "signaltable_replica_fallbacks",
            "Lists that were read from the primary although there is a replica.",
            ("reason",),
        ),
        "worker_restarts": (
            "signaltable_worker_restarts",
            "Web workers that ended by themselves and were replaced.",
            (),
        ),
    }
)
SECONDS: Final = "seconds"
CONNECTIONS: Final = "db_connections"


class Counted(Collector):
    """The numbers of a board."""

    def __init__(self, board: Board) -> None:
        self._board = board

    def collect(self) -> Iterator[Metric]:
        """Every family, empty ones too, so that a rule over it finds it."""
        by_name: dict[str, dict[tuple[str, ...], float]] = defaultdict(dict)
        for key, value in self._board.totals().items():
            name, *labels = key.split("|")
            by_name[name][tuple(labels)] = value
        for name, (called, says, labels_of) in COUNTERS.items():
            family = CounterMetricFamily(called, says, labels=labels_of)
            found = by_name[name] or ({} if labels_of else {(): 0.0})
            for values, value in sorted(found.items()):
                if len(values) == len(labels_of):
                    family.add_metric(list(values), value)
            yield family
        yield _seconds(by_name)
        used = GaugeMetricFamily(
            "signaltable_db_connections_in_use", "Connections to the database that workers use now."
        )
        used.add_metric([], by_name[CONNECTIONS].get((), 0.0))
        yield used
        build = GaugeMetricFamily("signaltable_build_info", "Which version of the program this is.", labels=["version"])
        build.add_metric([VERSION], 1.0)
        yield build


def _seconds(by_name: Mapping[str, Mapping[tuple[str, ...], float]]) -> Metric:
    family = HistogramMetricFamily(
        "signaltable_request_seconds", "Time of an answer, without sending it.", labels=["route"]
    )
    steps: dict[str, dict[str, float]] = defaultdict(dict)
    for (route, step), count in by_name[SECONDS].items():
        steps[route][step] = count
    for route, counts in sorted(steps.items()):
        so_far, buckets = 0.0, []
        for step in (*(f"{one:g}" for one in STEPS), BEYOND):
            so_far += counts.get(step, 0.0)
            buckets.append((step, so_far))
        family.add_metric([route], buckets, by_name[f"{SECONDS}_sum"].get((route,), 0.0))
    return family
