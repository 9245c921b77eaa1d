"""What lost its transaction to another one is done again from its beginning, before anybody hears of it.

PostgreSQL may give a transaction up for a deadlock or a serialization failure (SQLSTATE 40P01, 40001), at
any statement and at COMMIT; nothing of it remains. ``storage.database`` repeats a single statement by
itself. A transaction it cannot: ``with work():`` is a context manager, and what a service decided inside it
rested on what it had read there. So the whole request is dispatched again, and that is sound because

- it is all here: bodies are read before the application sees anything (``bodies``);
- its sender might repeat it just so after a 503: every step is a claim, which finds what another attempt
  has done, or does it. The one exception is a client assertion, which its sender would make anew: what this
  request has claimed is its own (``claims_of``).

An attempt that counted against a brake before it lost is counted again, as its sender's would be.

Why at the edge of WSGI and not around a view: a view leaves traces in its request context (cookies to set,
what was read once); the next attempt gets a new one.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Hashable, Iterable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar

import structlog

from .errors import LostTransaction

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

T = TypeVar("T")

REPEATS = 3
_PAUSE_SECONDS = 0.02  # a rival's transaction takes a few milliseconds
_LOST, _CLAIMED = "idp.lost", "idp.claimed"

log = structlog.get_logger(__name__)


class Again:
    """WSGI middleware, inside ``Bodies``. The answer of the last attempt stands, whatever it is."""

    def __init__(self, application: WSGIApplication) -> None:
        self._application = application

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer the request."""
        environ[_CLAIMED] = set()
        for repeat in range(1, REPEATS + 1):
            attempt = dict(environ)
            held = _Held()
            answer = self._application(attempt, held.start_response)
            if _LOST not in attempt:
                start_response(*held.arguments)
                return answer
            _discard(answer)
            log.warning("a request lost its transaction and is done again", repeat=repeat)
            _pause(repeat)
            with suppress(KeyError, AttributeError, OSError):
                environ["wsgi.input"].seek(0)
        return self._application(dict(environ), start_response)


class _Held:
    """An answer's beginning, not sent yet."""

    def __init__(self) -> None:
        self.arguments: tuple[Any, ...] = ()

    def start_response(self, *arguments: Any) -> Callable[[bytes], object]:
        self.arguments = arguments
        return _no_write


def _no_write(_data: bytes) -> object:
    raise NotImplementedError("answers are returned, not written (PEP 3333)")


def _discard(answer: Iterable[bytes]) -> None:
    close = getattr(answer, "close", None)
    if close is not None:
        close()


def note(environ: dict[str, Any], error: Exception) -> None:
    """Called with every error that a request ends in, by the application."""
    if isinstance(error, LostTransaction):
        environ[_LOST] = True


def claims_of(environ: Mapping[str, Any]) -> set[Hashable]:
    """What earlier attempts of this very request have claimed, to be added to."""
    claims: set[Hashable] = environ.get(_CLAIMED, set())
    return claims


def until_kept(act: Callable[[], T]) -> T:
    """For what is no request: run it, and again while its transaction is lost."""
    for repeat in range(1, REPEATS + 1):
        try:
            return act()
        except LostTransaction:
            log.warning("what lost its transaction is done again", repeat=repeat)
            _pause(repeat)
    return act()


def _pause(repeat: int) -> None:
    """Longer each time, and never as long as the rival's, who may pause as well."""
    time.sleep(_PAUSE_SECONDS * repeat * (1 + os.urandom(1)[0] / 255))
