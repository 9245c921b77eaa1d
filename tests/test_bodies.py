"""Bodies in time and up to a size (security.md section 6, trap 12; security review: idle connections)."""

from __future__ import annotations

import io
import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from idp.bodies import Bodies, Readers

LIMIT = 1000


@dataclass
class Wire:
    """``wsgi.input``: gives its parts, then stalls until hung up, as Granian's does, then ends."""

    parts: list[bytes]
    stalls: bool = False
    reads: int = 0
    hung_up: threading.Event = field(default_factory=threading.Event)

    def read(self, size: int) -> bytes:
        self.reads += 1
        if not self.parts:
            if self.stalls:
                self.hung_up.wait(30)
            return b""
        part = self.parts.pop(0)
        if len(part) > size:
            self.parts.insert(0, part[size:])
        return part[:size]


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def error(self) -> str:
        return str(json.loads(self.body)["error"])


def echo(environ: dict[str, object], start_response: object) -> list[bytes]:
    """Answers with what the application got, read as a careless application reads."""
    body = environ["wsgi.input"].read()  # type: ignore[attr-defined]
    start_response("200 OK", [("Seen", str(environ.get("CONTENT_LENGTH")))])  # type: ignore[operator]
    return [body]


def post(bodies: Bodies, wire: object, **environ: object) -> Answer:
    seen: list[tuple[str, list[tuple[str, str]]]] = []
    answer = bodies({"wsgi.input": wire, "wsgi.input_terminated": True, **environ}, lambda *args: seen.append(args))  # type: ignore[arg-type, misc, return-value, func-returns-value]
    body = b"".join(answer)
    ((status, headers),) = seen
    return Answer(int(status[:3]), dict(headers), body)


@pytest.fixture
def stalled() -> Iterator[Wire]:
    wire = Wire([b"gran"], stalls=True)
    yield wire
    wire.hung_up.set()


@pytest.fixture
def bodies() -> Bodies:
    return Bodies(echo, LIMIT, deadline=0.3, grace=0.05)  # type: ignore[arg-type]


@pytest.mark.parametrize("parts", [[b"x" * LIMIT], [b"ab", b"\x00\r\n", b"c" * 900], [b"a"]])
def test_the_bytes_sent_are_delivered(bodies: Bodies, parts: list[bytes]) -> None:
    whole = b"".join(parts)
    announced = post(bodies, Wire([*parts, b"GET / HTTP/1.1"]), CONTENT_LENGTH=str(len(whole)))
    chunked = post(bodies, Wire(parts), HTTP_TRANSFER_ENCODING="chunked")
    assert announced == chunked == Answer(200, {"Seen": str(len(whole))}, whole)


def test_nothing_is_read_where_no_body_is(bodies: Bodies) -> None:
    wire, before = Wire([b"x"]), threading.active_count()
    for environ in ({}, {"CONTENT_LENGTH": ""}, {"CONTENT_LENGTH": "0"}):
        given: list[object] = []
        untouched = Bodies(lambda env, _start, given=given: given.append(env["wsgi.input"]) or [], LIMIT)  # type: ignore[misc, arg-type, func-returns-value]
        untouched({"wsgi.input": wire, **environ}, lambda *_: None)  # type: ignore[arg-type, return-value]
        assert given == [wire]
    assert (wire.reads, threading.active_count()) == (0, before)


def test_a_body_that_stalls_is_given_up(bodies: Bodies, stalled: Wire) -> None:
    began = time.monotonic()
    answer = post(bodies, stalled, CONTENT_LENGTH="100")
    assert 0.25 < time.monotonic() - began < 2
    assert (answer.status, answer.error) == (408, "invalid_request")
    assert (answer.headers["Connection"], answer.headers["Cache-Control"]) == ("close", "no-store")
    assert int(answer.headers["Content-Length"]) == len(answer.body) + 1, "a server closes what is not complete"


def test_a_chunked_body_that_stalls_is_given_up(bodies: Bodies, stalled: Wire) -> None:
    assert post(bodies, stalled, HTTP_TRANSFER_ENCODING="chunked").status == 408


def test_a_body_that_drips_is_given_up_at_the_deadline_of_the_whole(bodies: Bodies) -> None:
    class Drip(Wire):
        def read(self, size: int) -> bytes:
            time.sleep(0.04)
            return super().read(1)

    began = time.monotonic()
    assert post(bodies, Drip([b"x" * 40]), CONTENT_LENGTH="40").status == 408
    assert time.monotonic() - began < 1


def test_a_slow_body_in_time_is_taken(bodies: Bodies) -> None:
    wire = Wire([], stalls=True)
    threading.Timer(0.15, lambda: (wire.parts.append(b"late"), wire.hung_up.set())).start()
    slow = Wire([], stalls=False)
    slow.read = lambda size: (wire.hung_up.wait(5) and Wire.read(wire, size)) or b""  # type: ignore[method-assign]
    assert post(bodies, slow, CONTENT_LENGTH="4").body == b"late"


def test_only_so_many_are_waited_for_longer() -> None:
    bodies = Bodies(echo, LIMIT, seats=1, deadline=1.0, grace=0.02)  # type: ignore[arg-type]
    wires = [Wire([], stalls=True) for _ in range(5)]
    first = threading.Thread(target=post, args=(bodies, wires[0]), kwargs={"CONTENT_LENGTH": "9"})
    first.start()
    time.sleep(0.15)
    began = time.monotonic()
    assert [post(bodies, wire, CONTENT_LENGTH="9").status for wire in wires[1:]] == [408] * 4
    assert time.monotonic() - began < 0.7
    assert post(bodies, Wire([b"quick"]), CONTENT_LENGTH="5").body == b"quick"
    first.join()
    for wire in wires:
        wire.hung_up.set()


@pytest.mark.parametrize("announced", [str(LIMIT + 1), "9" * 5000])
def test_too_large_by_its_own_word_is_refused_unread(bodies: Bodies, announced: str) -> None:
    wire = Wire([b"x"])
    answer = post(bodies, wire, CONTENT_LENGTH=announced)
    assert (answer.status, answer.error, answer.headers["Connection"]) == (413, "invalid_request", "close")
    assert int(answer.headers["Content-Length"]) == len(answer.body)
    assert wire.reads == 0


def test_too_large_in_chunks_is_refused_once_it_is(bodies: Bodies) -> None:
    wire = Wire([b"x" * 100] * 50)
    answer = post(bodies, wire, HTTP_TRANSFER_ENCODING="chunked")
    assert (answer.status, answer.headers["Connection"]) == (413, "close")
    assert wire.reads == LIMIT // 100 + 1


@pytest.mark.parametrize("announced", ["-1", "+5", "5, 5", "٣", "0x5", "1e2"])
def test_a_length_that_is_no_number(bodies: Bodies, announced: str) -> None:
    assert post(bodies, Wire([b"x" * 9]), CONTENT_LENGTH=announced).status == 400


def test_a_body_cut_off_is_not_taken_for_a_whole_one(bodies: Bodies) -> None:
    answer = post(bodies, Wire([b"scope=a"]), CONTENT_LENGTH="9")
    assert (answer.status, answer.error, answer.headers["Connection"]) == (400, "invalid_request", "close")


def test_a_server_that_fails_to_read(bodies: Bodies) -> None:
    class Broken(Wire):
        def read(self, size: int) -> bytes:
            raise OSError("connection reset")

    assert post(bodies, Broken([]), CONTENT_LENGTH="9").status == 400


def test_chunks_that_the_server_does_not_end_are_not_waited_for(bodies: Bodies) -> None:
    wire = Wire([b"x"], stalls=True)
    answer = post(bodies, wire, **{"HTTP_TRANSFER_ENCODING": "chunked", "wsgi.input_terminated": False})
    assert (answer.status, wire.reads) == (411, 0)


def test_helpers_are_bounded_and_come_back() -> None:
    bodies = Bodies(echo, LIMIT, readers=Readers(2), deadline=0.05, grace=0.05)  # type: ignore[arg-type]
    wires = [Wire([], stalls=True) for _ in range(2)]
    assert [post(bodies, wire, CONTENT_LENGTH="9").status for wire in wires] == [408, 408]
    full = post(bodies, Wire([b"x"]), CONTENT_LENGTH="1")
    assert (full.status, full.error, full.headers["Connection"]) == (503, "temporarily_unavailable", "close")
    assert int(full.headers["Retry-After"]) > 0
    for wire in wires:
        wire.hung_up.set()
    end = time.monotonic() + 5
    while post(bodies, Wire([b"x"]), CONTENT_LENGTH="1").status == 503:
        assert time.monotonic() < end


def test_one_helper_serves_request_after_request() -> None:
    bodies, before = Bodies(echo, LIMIT), threading.active_count()  # type: ignore[arg-type]
    for number in range(200):
        body = b"%d" % number
        assert post(bodies, io.BytesIO(body), CONTENT_LENGTH=str(len(body))).body == body
    assert threading.active_count() == before + 1
