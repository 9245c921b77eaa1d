"""A lane in front of Flask for the few requests that programs send most, when there is nothing unusual in them.

What an endpoint decides is its own ``answer``, the same in both lanes; headers come from where the ordinary
lane has them from (``web.security.always``, ``oauth.cors.headers_for``), the log line and the request id
from the same ``RequestLog``. So this module says only which requests may come here, and writes answers.

Only successes are answered here. What an endpoint raises is handed to the ordinary lane, which raises it
again where the endpoint would have (``oauth.requests.received``): one place turns errors into answers, and
nothing is done twice. What lost its transaction left nothing behind and begins anew there (``again``).
Whatever is unusual (another ``Host``, a query, conditions, another media type or method, a client that
authenticates by assertion, a DPoP proof: both are claimed for the request) takes the ordinary lane from the start.

Why: routing, Flask's contexts and its response objects cost more than an introspection itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from time import perf_counter
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from .errors import LostTransaction
from .logs import RequestLog
from .oauth.cors import headers_for
from .oauth.requests import CERTIFICATE, FAILED, FORM, OtherLane, Received
from .oauth.responses import JSON_TYPE, NO_STORE, Answer
from .oauth.rfc7517_jwks import CONDITIONS
from .settings import Settings
from .web.security import always

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_UNUSUAL = tuple(f"HTTP_{name.upper().replace('-', '_')}" for name in (*CONDITIONS, "DPoP"))
_STATUS = {status.value: f"{status.value} {status.phrase}" for status in HTTPStatus}


@runtime_checkable
class Answering(Protocol):
    """An endpoint that may stand here. ``ways`` are method, path under the issuer and its name in Flask.

    One that has a query to read says so with ``reads_query``.
    """

    ways: Sequence[tuple[str, str, str]]

    def answer(self, asked: Received) -> Answer: ...


@dataclass(frozen=True, slots=True)
class _Way:
    method: str
    endpoint: Answering
    reads_query: bool
    cors: Mapping[str, str]
    never_kept: Sequence[tuple[str, str]]


class FastLane:
    """WSGI middleware. Within ``Bodies``: what is read here is in memory."""

    def __init__(
        self, ordinary: WSGIApplication, settings: Settings, log: RequestLog, endpoints: Iterable[object]
    ) -> None:  # fmt: skip
        self.ordinary = ordinary
        self._host = settings.host.lower()
        self._log = log
        self._always = always(settings)
        self._ways = {
            (method, settings.path_prefix + path): self._way(method, endpoint, name)
            for endpoint in endpoints
            if isinstance(endpoint, Answering)
            for method, path, name in endpoint.ways
        }

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer, or let the ordinary lane answer."""
        way = self._ways.get((environ["REQUEST_METHOD"], environ.get("PATH_INFO", "")))
        if way is None or self._unusual(environ, way):
            return self.ordinary(environ, start_response)
        began, peer = perf_counter(), environ.get("REMOTE_ADDR")
        request_id = self._log.begin(peer, environ.get("HTTP_X_REQUEST_ID"))
        address = self._log.address(peer, environ.get("HTTP_X_FORWARDED_FOR"))
        try:
            answer = way.endpoint.answer(_received(way.method, environ, address))
        except (LostTransaction, OtherLane):
            return self._other(environ, start_response)
        except Exception as error:  # noqa: BLE001 - the ordinary lane raises it again
            environ[FAILED] = error
            return self._other(environ, start_response)
        start_response(_STATUS[answer.status], self._headers(way, answer, request_id))
        self._log.line(
            request_id, method=way.method, path=environ["PATH_INFO"], status=answer.status, began=began,
            address=address,
        )  # fmt: skip
        return [answer.body]

    def _other(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """The other lane, from the beginning."""
        if environ["REQUEST_METHOD"] == "POST":
            environ["wsgi.input"].seek(0)  # ``Bodies`` has put it in memory
        return self.ordinary(environ, start_response)

    def _unusual(self, environ: WSGIEnvironment, way: _Way) -> bool:
        return bool(
            environ.get("HTTP_HOST", "").lower() != self._host
            or (environ.get("QUERY_STRING") and not way.reads_query)
            or environ.get("SCRIPT_NAME")
            or (environ["REQUEST_METHOD"] == "POST" and not _posted(environ))
            or any(name in environ for name in _UNUSUAL)
        )

    def _headers(self, way: _Way, answer: Answer, request_id: str) -> list[tuple[str, str]]:
        """In the order of the ordinary lane. What is signed has a media type of its own (RFC 9701, Core 5.3.2)."""
        rest = way.never_kept if answer.headers is NO_STORE else self._rest(answer.headers, way.cors)
        kind, length = answer.headers.get("Content-Type", JSON_TYPE), str(len(answer.body))
        return [("Content-Type", kind), ("Content-Length", length), *rest, ("X-Request-ID", request_id)]

    def _rest(self, own: Mapping[str, str], cors: Mapping[str, str]) -> Sequence[tuple[str, str]]:
        """What the answer and the endpoint say themselves, and what every answer says unless they do."""
        said = {name: text for name, text in {**own, **cors}.items() if name != "Content-Type"}
        return (*said.items(), *((name, text) for name, text in self._always.items() if name not in said))

    def _way(self, method: str, endpoint: Answering, name: str) -> _Way:
        cors = headers_for(name)
        return _Way(method, endpoint, getattr(endpoint, "reads_query", False), cors, self._rest(NO_STORE, cors))


def _posted(environ: WSGIEnvironment) -> bool:
    """Is there a form?"""
    return environ.get("CONTENT_TYPE") == FORM and environ.get("CONTENT_LENGTH", "") not in ("", "0")


def _received(method: str, environ: WSGIEnvironment, address: str) -> Received:
    authorization, certificate = environ.get("HTTP_AUTHORIZATION"), environ.get(CERTIFICATE)
    if method != "POST":
        query = environ.get("QUERY_STRING", "").encode("latin-1")
        return Received(method, "", query, b"", authorization, address, certificate=certificate)
    return Received(
        method, FORM, b"", environ["wsgi.input"].read(), authorization, address, certificate=certificate,
        accept=environ.get("HTTP_ACCEPT"),
    )  # fmt: skip
