"""Public documents (key set, discovery) as bytes and headers made once per change, answered before anything else.

What they say is their endpoint's ``answer``, the same object until it changes; headers come from where the other
lanes have them from. A condition that names the very entity tag is answered 304 here (RFC 9110 section 13.1.2);
whatever else is unusual, and whatever cannot be had just now, is left to the lanes behind.

Why there is neither a line in the log nor a request id, as for static files: everybody may keep these documents
for minutes, so that one was asked for tells nothing of anybody, and saying so would cost several times the answer.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from .oauth.cors import headers_for
from .oauth.responses import JSON_TYPE, Answer
from .oauth.rfc7517_jwks import CONDITIONS
from .settings import Settings
from .web.security import always

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

    Headers = list[tuple[str, str]]

_CONDITION = "HTTP_IF_NONE_MATCH"
_UNUSUAL = {f"HTTP_{name.upper().replace('-', '_')}" for name in CONDITIONS} - {_CONDITION}
_OF_CONTENT = {"Content-Type", "Content-Length"}  # a 304 has no content (RFC 9110 section 15.4.5)


@runtime_checkable
class Publishing(Protocol):
    """An endpoint of public documents: ``documents`` are paths under the issuer with their names in Flask."""

    documents: Sequence[tuple[str, str]]

    def answer(self) -> Answer: ...


@dataclass(frozen=True, slots=True)
class _Prepared:
    answer: Answer
    headers: Headers
    unchanged: Headers


class _Document:
    def __init__(self, endpoint: Publishing, headers: Mapping[str, str], otherwise: Mapping[str, str]) -> None:
        self._endpoint, self._headers, self._otherwise = endpoint, headers, otherwise
        self._prepared: _Prepared | None = None

    def prepared(self) -> _Prepared:
        """As it is now. Raises what the endpoint raises."""
        answer, known = self._endpoint.answer(), self._prepared
        if known is not None and known.answer is answer:
            return known
        made = {"Content-Type": JSON_TYPE, "Content-Length": str(len(answer.body)), **answer.headers, **self._headers}
        headers = list((made | {name: text for name, text in self._otherwise.items() if name not in made}).items())
        unchanged = [(name, text) for name, text in headers if name not in _OF_CONTENT]
        self._prepared = known = _Prepared(answer, headers, unchanged)
        return known


class Documents:
    """WSGI middleware."""

    def __init__(self, application: WSGIApplication, settings: Settings, endpoints: Iterable[object]) -> None:
        self._application = application
        self._host = settings.host
        self._at = {
            settings.path_prefix + path: _Document(endpoint, headers_for(name), always(settings))
            for endpoint in endpoints
            if isinstance(endpoint, Publishing)
            for path, name in endpoint.documents
        }

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer, or let the application answer."""
        document = self._at.get(environ.get("PATH_INFO", ""))
        if document is None or not self._usual(environ):
            return self._application(environ, start_response)
        try:
            prepared = document.prepared()
        except Exception:  # noqa: BLE001 - the application meets the same error, and makes an answer of it
            return self._application(environ, start_response)
        condition = environ.get(_CONDITION)
        if condition is None:
            start_response("200 OK", prepared.headers.copy())
            return [prepared.answer.body]
        if condition != prepared.answer.headers.get("ETag"):
            return self._application(environ, start_response)
        start_response("304 Not Modified", prepared.unchanged.copy())
        return []

    def _usual(self, environ: WSGIEnvironment) -> bool:
        return (
            environ["REQUEST_METHOD"] == "GET"
            and environ.get("HTTP_HOST") == self._host
            and not environ.get("QUERY_STRING")
            and not environ.get("SCRIPT_NAME")
            and not environ.get("CONTENT_LENGTH")
            and "HTTP_TRANSFER_ENCODING" not in environ
            and environ.keys().isdisjoint(_UNUSUAL)
        )
