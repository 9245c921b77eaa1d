"""Request bodies are read whole, in time and up to a size, before the application sees the request.

The attack: headers that announce a body, five bytes of it, silence. Granian 2.8 reads a body when the
application asks, blocks one of its few threads for that, and knows no time limit (its
``header_read_timeout`` ends with the headers): a handful of idle connections stopped the provider.

A blocking read cannot be given up by the thread that is in it. So a helper thread reads and the
request's thread waits: ``DEADLINE`` at most, and ``GRACE`` only once ``SEATS`` requests of this
process wait already, for whoever waits holds a thread that others need. Granian cannot tell whether a
body has arrived already, so every body takes this way; a request without one takes none of it.

Why the last byte of such a refusal is never sent: as long as a read is pending, Granian keeps the
connection, whatever ``Connection`` says, and with it our helper; an answer shorter than it says makes
it close (RFC 9112 section 8: the message ends with the connection). The missing byte is a newline after
the JSON document.
"""

from __future__ import annotations

import io
import json
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from http import HTTPStatus
from queue import Empty, SimpleQueue
from threading import BoundedSemaphore, Lock, Thread
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed.wsgi import InputStream, StartResponse, WSGIApplication, WSGIEnvironment

DEADLINE = 5.0  # seconds for a whole body
GRACE = 0.25  # seconds for a whole body while others are being waited for
SEATS = 2  # requests of a process that may wait for longer than that, half of four threads
READERS = 64  # helper threads of a process, stuck ones included
FLUSH = 0.02  # seconds in which an answer leaves before its connection is closed
_RETRY_AFTER = 2

_Outcome = bytes | Exception


class Refused(Exception):
    """A body that the application does not get to see."""

    def __init__(self, status: HTTPStatus, description: str, *, stuck: bool = False) -> None:
        super().__init__(description)
        self.status, self.description, self.stuck = status, description, stuck


@dataclass(frozen=True, slots=True)
class _Job:
    stream: InputStream
    length: int
    outcome: SimpleQueue[_Outcome]


class Readers:
    """Helper threads: kept when idle, as starting one costs more than a read; bounded, as some get stuck."""

    def __init__(self, limit: int = READERS) -> None:
        self._limit = limit
        self._started = 0
        self._starting = Lock()
        self._idle: deque[SimpleQueue[_Job]] = deque()

    def read(self, stream: InputStream, length: int) -> SimpleQueue[_Outcome]:
        """Where up to ``length`` bytes will arrive. Raises Refused (503) if every helper is stuck."""
        job = _Job(stream, length, SimpleQueue())
        self._take().put(job)
        return job.outcome

    def _take(self) -> SimpleQueue[_Job]:
        try:
            return self._idle.pop()
        except IndexError:
            return self._start()

    def _start(self) -> SimpleQueue[_Job]:
        with self._starting:
            if self._started >= self._limit:
                raise Refused(HTTPStatus.SERVICE_UNAVAILABLE, "too many slow requests; try again (RFC 9110 15.6.4)")
            self._started += 1
        inbox: SimpleQueue[_Job] = SimpleQueue()
        Thread(target=self._work, args=(inbox,), name="idp-body", daemon=True).start()
        return inbox

    def _work(self, inbox: SimpleQueue[_Job]) -> None:
        while True:
            job = inbox.get()
            outcome = _read(job.stream, job.length)
            self._idle.append(inbox)
            job.outcome.put(outcome)
            del job, outcome  # an idle helper keeps nobody's password


def _read(stream: InputStream, length: int) -> _Outcome:
    """Up to ``length`` bytes, fewer only at the end of the stream; a server's error is the sender's failure."""
    parts, missing = [], length
    try:
        while missing > 0 and (part := stream.read(missing)):
            parts.append(part)
            missing -= len(part)
    except Exception as error:  # noqa: BLE001 - every server has its own
        return error
    return b"".join(parts)


class Bodies:
    """WSGI middleware. Outermost: no code of ours ever reads from a socket."""

    def __init__(
        self, application: WSGIApplication, limit: int, *, readers: Readers | None = None, seats: int = SEATS,
        deadline: float = DEADLINE, grace: float = GRACE,
    ) -> None:  # fmt: skip
        self._application, self._limit = application, limit
        self._readers = readers or Readers()
        self._seats = BoundedSemaphore(seats)
        self._deadline, self._grace = deadline, min(grace, deadline)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer, or let the application answer a request that is all here."""
        chunked = "HTTP_TRANSFER_ENCODING" in environ
        if not chunked and environ.get("CONTENT_LENGTH", "") in ("", "0"):
            return self._application(environ, start_response)
        try:
            body = self._chunked(environ) if chunked else self._announced(environ)
        except Refused as refused:
            return _refuse(refused, start_response)
        environ.pop("HTTP_TRANSFER_ENCODING", None)
        environ.update({"wsgi.input": io.BytesIO(body), "wsgi.input_terminated": True})
        environ["CONTENT_LENGTH"] = str(len(body))
        return self._application(environ, start_response)

    def _announced(self, environ: WSGIEnvironment) -> bytes:
        """A body as long as announced: a shorter one is a message cut off, not a message (RFC 9112 section 8)."""
        announced = environ["CONTENT_LENGTH"]
        if not (announced.isascii() and announced.isdecimal()):
            raise Refused(HTTPStatus.BAD_REQUEST, "Content-Length is no number (RFC 9110 8.6)")
        if len(announced) > 18 or int(announced) > self._limit:
            raise _too_large()
        body = self._wait(environ, int(announced))
        if len(body) < int(announced):
            raise Refused(HTTPStatus.BAD_REQUEST, "the body ends too early (RFC 9112 8)")
        return body

    def _chunked(self, environ: WSGIEnvironment) -> bytes:
        """A body that announces no length: one byte more than we take tells that it is too large."""
        if not environ.get("wsgi.input_terminated"):
            raise Refused(HTTPStatus.LENGTH_REQUIRED, "send Content-Length (RFC 9110 15.5.12)")
        body = self._wait(environ, self._limit + 1)
        if len(body) > self._limit:
            raise _too_large()
        return body

    def _wait(self, environ: WSGIEnvironment, length: int) -> bytes:
        end = time.monotonic() + self._deadline
        outcome = self._readers.read(environ["wsgi.input"], length)
        try:
            read = outcome.get(timeout=self._grace)
        except Empty:
            read = self._wait_longer(outcome, end)
        if isinstance(read, Exception):
            raise Refused(HTTPStatus.BAD_REQUEST, "the body cannot be read (RFC 9112 8)")
        return read

    def _wait_longer(self, outcome: SimpleQueue[_Outcome], end: float) -> _Outcome:
        """Until ``end`` if there is a seat for one more who is slow."""
        late = Refused(HTTPStatus.REQUEST_TIMEOUT, "the body did not arrive in time (RFC 9110 15.5.9)", stuck=True)
        if not self._seats.acquire(blocking=False):
            raise late
        try:
            return outcome.get(timeout=max(0.0, end - time.monotonic()))
        except Empty:
            raise late from None
        finally:
            self._seats.release()


def _too_large() -> Refused:
    return Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "the body is too large (RFC 9110 15.5.14)")


def _refuse(refused: Refused, start_response: StartResponse) -> Iterable[bytes]:
    """JSON for all: people rarely see it. The rest of the body would be taken for a request, so: close."""
    name = "temporarily_unavailable" if refused.status >= 500 else "invalid_request"
    document = json.dumps({"error": name, "error_description": refused.description}, separators=(",", ":")).encode()
    headers = [
        ("Content-Type", "application/json"), ("Content-Length", str(len(document) + refused.stuck)),
        ("Cache-Control", "no-store"), ("X-Content-Type-Options", "nosniff"), ("Connection", "close"),
    ]  # fmt: skip
    if refused.status == HTTPStatus.SERVICE_UNAVAILABLE:
        headers.append(("Retry-After", str(_RETRY_AFTER)))
    start_response(f"{refused.status.value} {refused.status.phrase}", headers)
    return _cut_off(document, time.sleep) if refused.stuck else [document]


def _cut_off(document: bytes, sleep: Callable[[float], None]) -> Iterator[bytes]:
    """One byte less than announced; the end comes when the document has left, or it would not leave."""
    yield document
    sleep(FLUSH)
