"""What a server counts for Prometheus (the extra `metrics`), in a registry of its own.

Nothing of it stands in the way of a request unless it was asked for.
"""

import asyncio
from collections.abc import Generator
from contextlib import closing

from mockgpt.core.case import Outcome
from mockgpt.core.exchange import Exchange
from mockgpt.core.plan import Head, Pause, Plan, Step, singly
from mockgpt.core.playing import UNSCRIPTED
from mockgpt.server.send import Sender

TEXT = "text/plain; version=0.0.4; charset=utf-8"  # Prometheus's exposition formats

_RULES = 1_000  # that are told apart: scenarios may be replaced without end
_OTHERS = "(others)"
_LASTED = (0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)  # seconds
_LATE = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1)


class MetricsUnavailableError(Exception):
    """Nothing can be counted; says what to mend."""


class Metrics:
    """Counts what is answered. Raises MetricsUnavailableError without the package."""

    def __init__(self) -> None:
        try:
            from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
        except ImportError as error:
            raise MetricsUnavailableError(
                "metrics need the package prometheus_client; run: pip install 'mockgpt[metrics]'"
            ) from error
        self._registry = of = CollectorRegistry()
        self._rules: set[str] = set()
        self._requests = Counter(
            "mockgpt_requests",
            "Requests that were answered, by the rule that did.",
            ("endpoint", "status", "rule"),
            registry=of,
        )
        self._faults = Counter(
            "mockgpt_faults",
            "Faults that were applied to answers.",
            ("endpoint", "rule", "fault"),
            registry=of,
        )
        self._lasted = Histogram(
            "mockgpt_stream_seconds",
            "How long streams lasted.",
            ("endpoint",),
            registry=of,
            buckets=_LASTED,
        )
        self._late = Histogram(
            "mockgpt_chunk_lateness_seconds",
            "How much later than due what followed a wait was sent.",
            registry=of,
            buckets=_LATE,
        )
        self._open = Gauge(
            "mockgpt_open_streams", "Streams that are being sent.", ("endpoint",), registry=of
        )

    def count(self, exchange: Exchange) -> None:
        """Count an exchange that is over."""
        endpoint, rule = exchange.endpoint or "", self._label(exchange)
        status = "" if exchange.status is None else str(exchange.status)
        self._requests.labels(endpoint, status, rule).inc()
        for fault in set(exchange.faults):
            self._faults.labels(endpoint, rule, fault).inc()

    async def send(self, sender: Sender, outcome: Outcome) -> None:
        """Send an answer and watch it."""
        with closing(self._watched(outcome.plan, outcome.case.known.record.endpoint or "")) as plan:
            await sender.send(plan)

    def text(self) -> bytes:
        """Return all of it in Prometheus's text format."""
        from prometheus_client import generate_latest

        return generate_latest(self._registry)

    def _label(self, exchange: Exchange) -> str:
        rule = exchange.rule
        if rule is None:
            return UNSCRIPTED.id if exchange.chosen == "filler" else ""
        if len(self._rules) < _RULES:
            self._rules.add(rule)
        return rule if rule in self._rules else _OTHERS

    def _watched(self, plan: Plan, endpoint: str) -> Generator[Step, None, None]:
        """Yield a plan's steps as they are sent; one whose length is unknown is a stream."""
        now = asyncio.get_running_loop().time
        begun = due = now()
        streams = False
        try:
            for step in singly(plan):  # every wait is looked at
                if isinstance(step, Head) and step.length is None:
                    streams = True
                    self._open.labels(endpoint).inc()
                yield step
                if isinstance(step, Pause):
                    due += step.seconds
                    self._late.observe(max(0.0, now() - due))
        finally:
            if streams:
                self._open.labels(endpoint).dec()
                self._lasted.labels(endpoint).observe(now() - begun)
