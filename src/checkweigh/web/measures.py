"""What Prometheus may ask of a board: its requests, its ledger, and how old the state is that it shows."""

from collections.abc import Iterable

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from .live import Live

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 1, 2.5, 5, 10)
SIGN_IN = "/sign-in"
disable_created_metrics()  # type: ignore[no-untyped-call]


class Measures:
    """The figures of one application."""

    def __init__(self, live: Live) -> None:
        self.registry = CollectorRegistry()
        self.registry.register(_Ledger(live))
        ProcessCollector(registry=self.registry)
        self._requests = Counter(
            "checkweigh_requests", "Requests answered.", ("method", "route", "status"), registry=self.registry
        )
        self._seconds = Histogram(
            "checkweigh_request_seconds",
            "How long answers took.",
            ("method", "route"),
            buckets=SECONDS,
            registry=self.registry,
        )
        self._sign_ins_failed = Counter(
            "checkweigh_failed_sign_ins", "Sign-ins that were refused.", registry=self.registry
        )
        self.streams = Gauge("checkweigh_event_readers", "Readers of the stream of events.", registry=self.registry)

    def answered(self, method: str, route: str, status: int, seconds: float | None) -> None:
        """A request was answered; a stream has no duration."""
        self._requests.labels(method, route, str(status)).inc()
        if seconds is not None:
            self._seconds.labels(method, route).observe(seconds)
        if method == "POST" and route == SIGN_IN and status >= 400:
            self._sign_ins_failed.inc()

    def text(self) -> bytes:
        """Everything, as Prometheus reads it."""
        return generate_latest(self.registry)


class _Ledger(Collector):
    """What the ledger of a board has to say, when it is asked."""

    def __init__(self, live: Live) -> None:
        self._live = live

    def collect(self) -> Iterable[Metric]:
        """The figures as they are now."""
        live = self._live
        yield GaugeMetricFamily("checkweigh_ledger_size", "Entries in the ledger.", live.ledger.size)
        yield GaugeMetricFamily("checkweigh_shown_size", "Entries of the state that pages show.", live.now().size)
        yield GaugeMetricFamily(
            "checkweigh_shown_age_seconds", "Since when the ledger has not been asked for news.", live.age()
        )
        yield CounterMetricFamily("checkweigh_appended_entries", "Entries that were appended here.", live.appended)
        yield CounterMetricFamily("checkweigh_refused_appends", "Appends that were refused here.", live.refused)
