"""The books: metrics, one log line a request, and tokens by key; never any content."""

import logging
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache

import orjson
from prometheus_client import CollectorRegistry, Counter, Histogram, disable_created_metrics
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from dunoe.residency.tenant import Resident
from dunoe.server.call import Call
from dunoe.store.usage import UsageBook

log = logging.getLogger("dunoe.server")

_TTFT_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300)
_GAP_S = (0.001, 0.0025, 0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)
_WAIT_S = (0.001, 0.01, 0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600)
_TOTAL_S = (0.005, 0.01, 0.05, 0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800)


disable_created_metrics()  # type: ignore[no-untyped-call]  # a second series for every counter


class Meters:
    """The Prometheus metrics of one server."""

    def __init__(self, view: Callable[[], Sequence[Resident]]) -> None:
        self.registry = CollectorRegistry(auto_describe=False)
        by = ["model", "role"]
        self.requests = Counter(
            "dunoe_requests",
            "requests answered",
            ["path", *by, "status"],
            registry=self.registry,
        )
        self.duration = Histogram(
            "dunoe_request_seconds",
            "whole requests",
            ["path"],
            buckets=_TOTAL_S,
            registry=self.registry,
        )
        self.ttft = Histogram(
            "dunoe_ttft_seconds",
            "request to first token",
            by,
            buckets=_TTFT_S,
            registry=self.registry,
        )
        self.queued = Histogram(
            "dunoe_queue_seconds",
            "waits for a slot, without the load",
            by,
            buckets=_WAIT_S,
            registry=self.registry,
        )
        self.loading = Histogram(
            "dunoe_load_wait_seconds",
            "waits for a load, of requests that had one",
            by,
            buckets=_WAIT_S,
            registry=self.registry,
        )
        self.gap = Histogram(
            "dunoe_inter_token_seconds",
            "token to token",
            by,
            buckets=_GAP_S,
            registry=self.registry,
        )
        self.tokens = Counter(
            "dunoe_tokens", "tokens read and written", ["direction", *by], registry=self.registry
        )
        self.drift = Counter(
            "dunoe_prompt_drift",
            "answers whose prompt the engine counted otherwise than we did",
            ["model"],
            registry=self.registry,
        )
        self.registry.register(Residents(view))

    @lru_cache(maxsize=256)  # noqa: B019 - as many as there are models; lives as long as the server
    def gap_of(self, model: str, role: str) -> Histogram:
        """The inter-token histogram of one model, looked up once and not for every token."""
        return self.gap.labels(model, role)

    @lru_cache(maxsize=1024)  # noqa: B019 - routes times models; lives as long as the server
    def row(self, path: str, model: str, role: str, status: int) -> "Row":
        """What calls of one kind are counted with."""
        return Row(
            self.requests.labels(path, model, role, str(status)),
            self.duration.labels(path),
            self.queued.labels(model, role),
            self.loading.labels(model, role),
            self.ttft.labels(model, role),
            self.tokens.labels("in", model, role),
            self.tokens.labels("out", model, role),
        )


@dataclass(frozen=True, slots=True)
class Row:
    """The metrics of one kind of call, looked up once."""

    requests: Counter
    duration: Histogram
    queued: Histogram
    loading: Histogram
    ttft: Histogram
    tokens_in: Counter
    tokens_out: Counter


class Residents(Collector):
    """What residency knows, read when somebody looks."""

    def __init__(self, view: Callable[[], Sequence[Resident]]) -> None:
        self.view = view

    def collect(self) -> Iterable[Metric]:
        """One family a fact, one sample a model."""
        by = ["model"]
        waiting = GaugeMetricFamily("dunoe_queue_waiting", "requests that wait", labels=by)
        running = GaugeMetricFamily("dunoe_in_flight", "requests being answered", labels=by)
        loaded = GaugeMetricFamily("dunoe_loaded", "1 while the model is loaded", labels=by)
        loads = CounterMetricFamily("dunoe_loads", "times loaded", labels=by)
        failed = CounterMetricFamily("dunoe_load_failures", "loads that failed", labels=by)
        load_s = CounterMetricFamily("dunoe_load_seconds", "time spent loading", labels=by)
        for one in self.view():
            waiting.add_metric([one.name], one.waiting)
            running.add_metric([one.name], one.in_flight)
            loaded.add_metric([one.name], float(one.state == "ready"))
            loads.add_metric([one.name], one.loads)
            failed.add_metric([one.name], one.load_failures)
            load_s.add_metric([one.name], one.load_s)
        return [waiting, running, loaded, loads, failed, load_s]


class Books:
    """Closes a call: counts it, logs it, charges its key."""

    def __init__(self, meters: Meters, usage: UsageBook, *, log_requests: bool) -> None:
        self.meters, self.usage, self.log_requests = meters, usage, log_requests

    def close(self, call: Call) -> None:
        """Enter one finished call. Cheap: memory only, but for the log line."""
        total_s = time.perf_counter() - call.began
        model = call.model.name if call.model is not None else ""
        row = self.meters.row(call.label, model, call.role, call.status)
        row.requests.inc()
        row.duration.observe(total_s)
        if call.queued_s is not None:
            row.queued.observe(call.queued_s)
        if call.load_s:
            row.loading.observe(call.load_s)
        if call.ttft_s is not None:
            row.ttft.observe(call.ttft_s)
        if call.tokens_in or call.tokens_out:
            row.tokens_in.inc(call.tokens_in)
            row.tokens_out.inc(call.tokens_out)
            key = call.key.id if call.key is not None else None
            self.usage.add(key, model, call.tokens_in, call.tokens_out)
        if call.drift:
            self.meters.drift.labels(model).inc()
            log.warning(
                "request %s: %s read %+d tokens more than we counted", call.id, model, call.drift
            )
        if self.log_requests:
            _write(_line(call, model, total_s))


def _write(line: str) -> None:
    """Onto stderr, past `logging`, which takes ten times as long and had nothing to add to the line."""
    with suppress(OSError, ValueError):  # a broken pipe, a closed stream: answers go on
        sys.stderr.write(line)


def _line(call: Call, model: str, total_s: float) -> str:
    times = {
        "queue_ms": call.queued_s,
        "load_ms": call.load_s,
        "prefill_ms": call.prefill_s,
        "ttft_ms": call.ttft_s,
        "total_ms": total_s,
    }
    line = {
        "time": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "id": call.id,
        "path": call.path,
        "status": call.status,
        "key": call.key.name if call.key is not None else None,
        "from": call.address,
        "model": model or None,
        "role": call.role or None,
        **{name: round(value * 1000, 2) for name, value in times.items() if value is not None},
        "tokens_in": call.tokens_in,
        "tokens_out": call.tokens_out,
    }
    if call.drift:
        line["drift"] = call.drift
    if call.problem:
        line["problem"] = call.problem
    return orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE).decode()
