"""Reading protocol requests: once, strictly, in one place.

Rules: parameters come from where the specification says and from nowhere else (a token request's
query is refused, RFC 6749 section 3.2); a repeated parameter is refused (section 3.1) unless its
specification repeats it; a parameter without a value counts as omitted (section 3.1); text that no
database can hold (NUL, broken UTF-8) is refused here, for PostgreSQL's driver would raise on it and
SQLite would not (security.md section 6, trap 3).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from flask import request

from ..errors import ProtocolError

MAX_FIELDS = 200
MAX_VALUE = 8192
MAX_FRONT_CHANNEL = 12 * 1024
REPEATABLE = frozenset({"resource", "audience"})
FORM = "application/x-www-form-urlencoded"
FAILED = "idp.failed"
CERTIFICATE = "idp.client_certificate"


class OtherLane(Exception):
    """The fast lane cannot answer this request, and nothing of it has been done yet."""


@dataclass(frozen=True, slots=True)
class Received:
    """What an endpoint for programs reads of a request, whichever lane it came by (``fast_lane``).

    ``media_type`` is lower case and without parameters; ``address`` is the client's. ``proof`` is what
    stands in the ``DPoP`` header (RFC 9449), several joined by commas as every WSGI server does.
    ``certificate`` is what a proxy we were told of says of the client's TLS certificate (RFC 8705).
    ``accept`` is the header of that name (RFC 9110 section 12.5.1).
    """

    method: str
    media_type: str
    query: bytes
    body: bytes
    authorization: str | None
    address: str
    proof: str | None = None
    certificate: str | None = None
    accept: str | None = None


def received(address_of_request: Callable[[], str]) -> Received:
    """The request of the ordinary lane. What the fast lane has tried in vain is raised here, not done twice."""
    failed = request.environ.get(FAILED)
    if failed is not None:
        raise failed
    return Received(
        request.method, request.mimetype, request.query_string, request.get_data(),
        request.headers.get("Authorization"), address_of_request(), request.headers.get("DPoP"),
        request.environ.get(CERTIFICATE), request.headers.get("Accept"),
    )  # fmt: skip


class Parameters(Mapping[str, str]):
    """Parameters by name. ``lists`` holds the repeatable ones, ``repeated`` names those that must not be."""

    def __init__(self, pairs: Sequence[tuple[str, str]]) -> None:
        sent = [(name, value) for name, value in pairs if value != ""]
        self._values = dict(reversed(sent))
        self.repeated = _repeated([name for name, _value in pairs])
        self.lists = {name: tuple(v for n, v in sent if n == name) for name in REPEATABLE}

    def __getitem__(self, name: str) -> str:
        return self._values[name]

    def __iter__(self) -> Any:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    @property
    def pairs(self) -> tuple[tuple[str, str], ...]:
        """Names and values, to be kept and read again; the first of each that was repeated wrongly."""
        single = ((name, value) for name, value in self._values.items() if name not in REPEATABLE)
        return (*single, *((name, value) for name, values in self.lists.items() for value in values))

    def require(self, name: str, section: str) -> str:
        """The value of a required parameter, or invalid_request."""
        if name not in self._values:
            raise ProtocolError("invalid_request", f"{name} is missing", section=section, parameter=name)
        return self._values[name]


def _repeated(names: Sequence[str]) -> list[str]:
    if len(set(names)) == len(names):
        return []
    return sorted({name for name in names if names.count(name) > 1 and name not in REPEATABLE})


def invalid_request(description: str, section: str, status: int = 400) -> ProtocolError:
    """RFC 6749 section 4.1.2.1 and 5.2, invalid_request."""
    return ProtocolError("invalid_request", description, section=section, status=status)


def parse(raw: bytes) -> Parameters:
    """Parse ``application/x-www-form-urlencoded`` bytes. Repeats are recorded, not yet refused."""
    try:
        pairs = parse_qsl(raw.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=MAX_FIELDS)
    except ValueError:
        raise invalid_request("the parameters are not well-formed, or too many", "RFC 6749 Appendix B") from None
    return checked(pairs)


def checked(pairs: Sequence[tuple[str, str]]) -> Parameters:
    """Parameters whose every text can be kept. Raises invalid_request."""
    for name, value in pairs:
        if not _utf8(name) or not _utf8(value):
            raise invalid_request("a parameter holds a NUL or another character that is none", "RFC 6749 Appendix A")
        if len(name) > 128 or len(value) > MAX_VALUE:
            raise invalid_request("a parameter is too long", "RFC 6749 3.1")
    return Parameters(pairs)


def form(asked: Received) -> Parameters:
    """The form of a POST to a protocol endpoint, with all the rules applied."""
    if asked.media_type != FORM:
        raise invalid_request(f"send {FORM}", "RFC 6749 3.2", 415)
    if asked.query:
        raise invalid_request("parameters belong in the body, not in the URI", "RFC 6749 2.3.1")
    parameters = parse(asked.body)
    refuse_repeats(parameters)
    return parameters


def refuse_repeats(parameters: Parameters) -> None:
    """RFC 6749 section 3.1: parameters MUST NOT be included more than once."""
    if parameters.repeated:
        raise invalid_request(f"repeated: {', '.join(parameters.repeated)}"[:200], "RFC 6749 3.1")


def query_or_form() -> Parameters:
    """The parameters of a front-channel request: the query of a GET, the form of a POST.

    Repeats are left for the caller, who must first know whether it may redirect.
    """
    if request.method == "POST":
        if request.mimetype != FORM:
            raise invalid_request(f"send {FORM}", "OpenID Connect Core 3.1.2.1", 415)
        return parse(_short(request.get_data(cache=False)))
    return parse(_short(request.query_string))


def _short(raw: bytes) -> bytes:
    """What a stranger can make us keep while nobody has signed in yet is bounded."""
    if len(raw) > MAX_FRONT_CHANNEL:
        raise invalid_request("the request is too long", "RFC 9110 15.5.15")
    return raw


def kept_size(parameters: Parameters) -> int:
    """Characters of them as they are kept: JSON in ASCII, which can be three times as long as what was sent."""
    return len(json.dumps(parameters.pairs, separators=(",", ":")))


def json_object(section: str, error: str) -> dict[str, Any]:
    """The JSON object of a request body; ``error`` names what a malformed one is called there."""
    if request.mimetype != "application/json":
        raise ProtocolError(error, "send application/json", section=section)
    return json_object_of(request.get_data(cache=False), section, error)


def json_object_of(raw: bytes, section: str, error: str) -> dict[str, Any]:
    """The JSON object that these bytes are, if a database can hold it. Raises ProtocolError."""
    try:
        document = json.loads(raw.decode("utf-8"), parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise ProtocolError(error, "the body is not JSON", section=section) from None
    if not isinstance(document, dict):
        raise ProtocolError(error, "the body is not a JSON object", section=section)
    if not storable(document):
        raise ProtocolError(error, "the body holds text or nesting that cannot be kept", section=section)
    return document


def storable(document: Mapping[str, Any]) -> bool:
    """Can a database hold it, and does it end?"""
    return all(_storable(name, 8) and _storable(value, 7) for name, value in document.items())


def _no_constant(name: str) -> None:
    raise ValueError(name)


def _storable(value: Any, depth: int) -> bool:
    """No NUL, no lone surrogate, no endless nesting, no number that JSON cannot hold."""
    if depth == 0:
        return False
    if isinstance(value, str):
        return _utf8(value)
    if isinstance(value, float):
        return value == value and value not in (float("inf"), float("-inf"))
    if isinstance(value, int):
        return abs(value) < 2**53
    if isinstance(value, list):
        return all(_storable(item, depth - 1) for item in value)
    if isinstance(value, dict):
        return all(_storable(name, depth - 1) and _storable(item, depth - 1) for name, item in value.items())
    return True


def _utf8(value: str) -> bool:
    if "\x00" in value:
        return False
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
