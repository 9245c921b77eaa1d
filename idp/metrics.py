"""Numbers for operators, in Prometheus's text format: ``GET /metrics`` with ``IDP_METRICS_TOKEN``, else 404.

Labels are words of this module alone; nothing that a request carries becomes one, so there is nothing of
anybody in them, and nobody can make their number grow.

Why outside of Flask: requests are counted wherever they are answered, in the fast lane too, and the
endpoint answers while the databases do not. Why any ``Host`` may ask: a scraper calls each machine by its
own name.

With several workers each writes its numbers to files of a directory that ``idp serve`` makes for them,
and whoever is asked adds them up (``PROMETHEUS_MULTIPROC_DIR``). The library must be imported after that
variable is set, which is why it is imported late. What a worker has counted stays when it dies: whoever
is asked adds it to one file for all the dead, so that a worker that dies again and again leaves no more.
"""

from __future__ import annotations

import fcntl
import hmac
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import TYPE_CHECKING, Any

from .domain.outbox import Backlog, MessageKind
from .domain.ports import Clock
from .errors import Unavailable
from .settings import Settings
from .storage.hot_copy import NoWitness, Witness

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment
    from prometheus_client import CollectorRegistry

PATH = "/metrics"
DIRECTORY = "PROMETHEUS_MULTIPROC_DIR"
_SECONDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)

_LOOK_UPS = ("hit", "ended", "miss", "first", "fallback")
_FILLS = ("filled", "ended", "generation", "late", "failed")
_MARKS = ("confirmed", "unconfirmed")
_ENDPOINTS = {
    "/authorize": "authorize", "/token": "token", "/introspect": "introspect", "/revoke": "revoke",
    "/revocations": "revocations", "/userinfo": "userinfo", "/register": "register", "/logout": "logout",
    "/healthz": "health", "/readyz": "health", "/.well-known/jwks.json": "jwks",
    "/.well-known/openid-configuration": "discovery", "/.well-known/oauth-authorization-server": "discovery",
}  # fmt: skip
_BENEATH = (("/account", "account"), ("/login", "sign-in"), ("/consent", "consent"), ("/static", "static"))


@contextmanager
def shared_by_workers(settings: Settings) -> Iterator[None]:
    """A private directory for the numbers of every worker started meanwhile, gone afterwards."""
    if settings.metrics_token is None or DIRECTORY in os.environ:
        yield
        return
    with TemporaryDirectory(prefix="idp-metrics-") as folder:
        os.environ[DIRECTORY] = folder
        try:
            yield
        finally:
            del os.environ[DIRECTORY]


class NoMetrics:
    """Without a token: nothing is counted, and there is no such address."""

    def __init__(self) -> None:
        self.witness: Witness = NoWitness()

    def around(self, application: WSGIApplication) -> WSGIApplication:
        """The application as it is."""
        return application

    def watch(self, backlog: Callable[[], Sequence[Backlog]], clock: Clock) -> None:
        """Nobody asks."""


class _HotCopyNumbers:
    """Implements ``storage.hot_copy.Witness``. Every child is made at once: none is looked up by name."""

    def __init__(self, registry: CollectorRegistry) -> None:
        from prometheus_client import Counter, Gauge

        def counter(name: str, text: str, outcomes: Iterable[str]) -> Mapping[str, Any]:
            made = Counter(f"idp_hot_copy_{name}", text, ["outcome"], registry=registry)
            return {outcome: made.labels(outcome) for outcome in outcomes}

        self._look_ups = counter("look_ups", "Look-ups of sessions in the hot copy", _LOOK_UPS)
        self._fills = counter("fills", "Leases offered to the hot copy", _FILLS)
        self._marks = counter("tombstones", "Endings told to the hot copy", _MARKS)
        text = "Redis servers that workers leave alone because they do not answer"
        self._open = Gauge("idp_redis_breakers_open", text, registry=registry, multiprocess_mode="livesum")

    def looked_up(self, outcome: str) -> None:
        """One look-up."""
        self._look_ups[outcome].inc()

    def filled(self, outcome: str) -> None:
        """One fill."""
        self._fills[outcome].inc()

    def marked(self, outcome: str) -> None:
        """One ending."""
        self._marks[outcome].inc()

    def breaker(self, opened: bool) -> None:
        """A breaker changed."""
        self._open.inc(1 if opened else -1)


class _OutboxNumbers:
    """How many messages wait, and for how long the one that is due longest: asked when somebody asks.

    A retry moves when a message is due, so one that is long overdue is one that no worker takes up. While
    the database is away there are no such numbers, and the others are told all the same.
    """

    def __init__(self, backlog: Callable[[], Sequence[Backlog]], clock: Clock) -> None:
        self._backlog = backlog
        self._clock = clock

    def collect(self) -> Iterator[Any]:
        """Called by the registry it is registered with."""
        from prometheus_client.core import GaugeMetricFamily

        waiting = GaugeMetricFamily("idp_outbox_waiting", "Messages to be delivered", labels=["kind"])
        overdue = GaugeMetricFamily("idp_outbox_overdue_seconds", "Age of the longest overdue message", labels=["kind"])
        try:
            found = {item.kind: item for item in self._backlog()}
        except Unavailable:
            return
        now = self._clock.now()
        for kind in MessageKind:
            item = found.get(kind)
            waiting.add_metric([kind.value], item.waiting if item else 0)
            overdue.add_metric([kind.value], max(0.0, (now - item.oldest_due).total_seconds()) if item else 0)
        yield from (waiting, overdue)


class Metrics:
    """The numbers of this process, and the endpoint that tells those of all."""

    def __init__(self, token: str, prefix: str) -> None:
        from prometheus_client import CollectorRegistry, Histogram

        self._registry = CollectorRegistry()
        self._asked = CollectorRegistry()
        self._expected = f"Bearer {token}".encode()
        self._prefix = prefix
        self._requests = Histogram(
            "idp_request_seconds", "Seconds until an answer begins", ["endpoint", "status"], registry=self._registry,
            buckets=_SECONDS,
        )  # fmt: skip
        self._known: dict[tuple[str, str], Any] = {}
        self.witness: Witness = _HotCopyNumbers(self._registry)

    def around(self, application: WSGIApplication) -> WSGIApplication:
        """Count what ``application`` answers, and answer ``/metrics`` before it."""

        def counted(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
            path = environ.get("PATH_INFO", "")
            if path == self._prefix + PATH:
                return self._tell(environ, start_response)
            began = perf_counter()

            def start(status: str, *rest: Any) -> Any:
                self._observe(path, status[:3], perf_counter() - began)
                return start_response(status, *rest)

            return application(environ, start)

        return counted

    def watch(self, backlog: Callable[[], Sequence[Backlog]], clock: Clock) -> None:
        """Tell of the outbox, too."""
        self._asked.register(_OutboxNumbers(backlog, clock))

    def _observe(self, path: str, status: str, seconds: float) -> None:
        key = (endpoint(path.removeprefix(self._prefix)), status)
        child = self._known.get(key)
        if child is None:
            child = self._known[key] = self._requests.labels(*key)
        child.observe(seconds)

    def _tell(self, environ: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
        given = environ.get("HTTP_AUTHORIZATION", "").encode("utf-8", "surrogateescape")
        if not hmac.compare_digest(given, self._expected):
            headers = [("WWW-Authenticate", 'Bearer realm="metrics"'), ("Content-Length", "0")]
            start_response("401 Unauthorized", headers)
            return []
        from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

        body = _everybodys(self._registry) + generate_latest(self._asked)
        headers = [("Content-Type", CONTENT_TYPE_LATEST), ("Content-Length", str(len(body)))]
        start_response("200 OK", [*headers, ("Cache-Control", "no-store")])
        return [body]


def from_settings(settings: Settings) -> Metrics | NoMetrics:
    """Counting begins with a token for whoever asks."""
    if settings.metrics_token is None:
        return NoMetrics()
    return Metrics(settings.metrics_token.get_secret_value(), settings.path_prefix)


def endpoint(path: str) -> str:
    """One of a few words for a path of ours; ``other`` for whatever anybody may ask for."""
    found = _ENDPOINTS.get(path)
    if found is not None:
        return found
    return next((word for start, word in _BENEATH if path.startswith(start)), "other")


def _everybodys(own: CollectorRegistry) -> bytes:
    """The numbers of every worker, where there are several; gauges of those that are gone are left out."""
    from prometheus_client import CollectorRegistry, generate_latest, multiprocess

    folder = os.environ.get(DIRECTORY)
    if folder is None:
        return generate_latest(own)
    everybody = CollectorRegistry()
    multiprocess.MultiProcessCollector(everybody, path=folder)  # type: ignore[no-untyped-call]
    with _one_at_a_time(Path(folder)):
        for file in sorted(Path(folder).glob("*_*.db")):
            pid = file.stem.rpartition("_")[2]
            if pid.isdigit() and not _alive(int(pid)):
                _bury(file)
        return generate_latest(everybody)


@contextmanager
def _one_at_a_time(folder: Path) -> Iterator[None]:
    """Nobody adds up what another is moving."""
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _bury(file: Path) -> None:
    """Add what a dead worker has counted to the file of all the dead; its gauges are true no more."""
    from prometheus_client.mmap_dict import MmapedDict

    kind = file.stem.rpartition("_")[0]
    if not kind.startswith("gauge"):
        dead = MmapedDict(str(file.with_name(f"{kind}_dead.db")))  # type: ignore[no-untyped-call]
        for key, value, *_rest in MmapedDict.read_all_values_from_file(file):  # type: ignore[no-untyped-call]
            dead.write_value(key, dead.read_value(key)[0] + value, 0.0)  # type: ignore[no-untyped-call]
        dead.close()  # type: ignore[no-untyped-call]
    file.unlink()


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
