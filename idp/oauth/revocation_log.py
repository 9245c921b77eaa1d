"""The revocation log on the wire (design.md 4.3): what resource servers follow. No RFC has it; the rules are ours.

``GET /revocations``, with a bearer token (RFC 6750) of scope ``revocations`` whose audience is the issuer.
``after=N`` gives what came after entry N, in order; without it, everything that may still matter. The
answer is JSON::

    {"head": 1234, "more": false, "poll": 0.15,
     "entries": [{"seq": 1230, "kind": "sid", "value": "…", "at": 1767225600.123, "exp": 1767226560}]}

Whoever had everything up to ``after`` now has everything up to ``head``; ``more`` says that the page was cut
off. An entry of kind ``sub`` or ``client_id`` kills the tokens issued at or before ``at``; ``sid`` and
``jti`` kill whatever carries them; after ``exp`` it may be forgotten.

Why an ``after`` beyond the head is 410 and not an empty page: such a follower has seen numbers that this
database has never given, so the database is a restored one and will give them to other entries.

Why the log is not cut to what concerns each reader's audience: a ``sid`` tells nothing to whoever has not
seen a token with it, and one order for all is what makes resuming exact. The reason of an ending and the
session behind a ``sid`` are not told, and no name of a person who has pairwise ones (``services.sessions``). What
remains: that several ``sid`` ended at one moment tells those who have seen tokens with two of them, and so two APIs
that lay their tokens side by side, that both may be one person's; so would the moment of their silence.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from flask import Blueprint, Response, request
from werkzeug.exceptions import MethodNotAllowed

from ..domain.ports import Revocations
from ..domain.revocation import LogPage, Revocation
from ..domain.scope import REVOCATIONS
from ..errors import ProtocolError
from .requests import Parameters, Received, invalid_request, parse, received, refuse_repeats
from .responses import Answer, as_response
from .rfc6750_bearer import insufficient_scope, invalid_token
from .rfc9068_access_token import AccessToken
from .sender_constraint import PresentedTokens

PATH = "/revocations"
PAGE = 1000
POLL_SECONDS = 0.15
LONGEST_WAIT = 30
_SEQ = re.compile(r"0|[1-9][0-9]{0,15}")  # a JSON number that every reader has exactly (RFC 8259 section 6)
_WAIT = re.compile(r"[0-9]{1,2}(\.[0-9]{1,3})?")


@dataclass(frozen=True, slots=True)
class Asked:
    """One request: whose, and for what. ``after`` None is a snapshot; ``wait`` is in seconds."""

    token: AccessToken
    after: int | None
    wait: float


class Following:
    """Who may read the log, and what they are given; free of HTTP servers."""

    def __init__(self, presented: PresentedTokens, uris: Sequence[str], revocations: Revocations) -> None:
        self._presented = presented
        self._uris = uris
        self._revocations = revocations

    def asked(self, received: Received) -> Asked:
        """Read and authenticate a request. Raises ProtocolError, or Unavailable rather than guess."""
        parameters = parse(received.query)
        token = self._token(received)
        refuse_repeats(parameters)
        return Asked(token, seq(parameters.get("after"), "after"), _wait(parameters))

    def page(self, after: int | None) -> LogPage:
        """What follows. Raises ProtocolError (410) for a place that this log has never reached."""
        page = self._revocations.page(after or 0, PAGE)
        if after is not None and after > page.last:
            raise gone()
        return page

    def _token(self, received: Received) -> AccessToken:
        """Good for this at this moment: a token outlives neither its client nor the client's office."""
        token = self._presented.read(received, self._uris)
        if REVOCATIONS not in token.scope:
            raise insufficient_scope(REVOCATIONS)
        if not self._revocations.may_follow(token.client_id, token.jti, datetime.fromtimestamp(token.iat, tz=UTC)):
            raise invalid_token()
        return token


def gone() -> ProtocolError:
    """The log is behind its reader: take a snapshot anew."""
    return ProtocolError("invalid_request", "the log has not got there", section="RFC 9110 15.5.11", status=410)


def seq(text: str | None, name: str) -> int | None:
    """A place in the log. Raises ProtocolError unless it is a plain decimal number."""
    if text is None:
        return None
    if not _SEQ.fullmatch(text):
        raise invalid_request(f"{name} must be a number that the log has given", "RFC 6749 4.1.2.1")
    return int(text)


def _wait(parameters: Parameters) -> float:
    text = parameters.get("wait", "0")
    if not _WAIT.fullmatch(text) or float(text) > LONGEST_WAIT:
        raise invalid_request(f"wait must be 0 to {LONGEST_WAIT} seconds", "RFC 6749 4.1.2.1")
    return float(text)


# ── encoding ──────────────────────────────────────────────────────────────────────────────────────


def encoded(entry: Revocation) -> str:
    """One entry as JSON. ``at`` is cut to milliseconds and ``exp`` rounded up, each to the safe side."""
    members = {
        "seq": entry.seq, "kind": entry.kind.value, "value": entry.value,
        "at": math.floor(entry.at.timestamp() * 1000) / 1000, "exp": math.ceil(entry.expires_at.timestamp()),
    }  # fmt: skip
    return json.dumps(members, separators=(",", ":"))


def document(head: int, more: bool, entries: Iterable[str], **members: float) -> bytes:
    """A page of encoded entries; ``members`` are those that one form of answer has and another has not."""
    rest = "".join(f',"{name}":{json.dumps(value)}' for name, value in members.items())
    return f'{{"head":{head},"more":{"true" if more else "false"}{rest},"entries":[{",".join(entries)}]}}'.encode()


def plain(page: LogPage) -> bytes:
    """The answer to a request that does not stream."""
    return document(page.head, page.more, map(encoded, page.entries), poll=POLL_SECONDS)


# ── the endpoint of the WSGI application ──────────────────────────────────────────────────────────


class RevocationsEndpoint:
    """GET /revocations, answered at once: whoever waits would hold a thread that a sign-in needs.

    ``wait`` and ``Accept: text/event-stream`` are honoured by ``idp serve --streams`` (``idp.streams``);
    here their answer is the plain one, and the follower asks again after ``poll`` seconds.
    """

    ways = (("GET", PATH, "revocations"),)
    reads_query = True

    def __init__(self, following: Following, address_of_request: Callable[[], str]) -> None:
        self._following = following
        self._address = address_of_request

    def mount(self, blueprint: Blueprint) -> None:
        """Where it stands; with every method, as routing alone would let HEAD through and say so in ``Allow``."""
        blueprint.add_url_rule(
            PATH, "revocations", self.view, methods=["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
        )

    def view(self) -> Response:
        """In the ordinary lane."""
        if request.method != "GET":
            raise MethodNotAllowed(["GET"])
        return as_response(self.answer(received(self._address)))

    def answer(self, asked: Received) -> Answer:
        """One page."""
        wanted = self._following.asked(asked)
        return Answer(plain(self._following.page(wanted.after)))
