"""OAuth Client ID Metadata Document (draft-ietf-oauth-client-id-metadata-document-01): clients without registration.

A ``client_id`` that is an https URL names its own registration. Sections 4 and 4.4: the document is read
through the guard against SSRF (6.5), a 200 alone counts, redirects are not followed, at most 5 kB (6.6);
it is kept for as long as HTTP says, within bounds; errors and invalid documents are never kept. Section
6.8: an operator names the hosts whose documents are clients here, or says that any may.

Two ways to ask. ``introduced`` where a person is going to be asked: no document, no request (4.3).
``find`` where a program proves who it is: a host that is silent for a moment does not take an app's
tokens away, so what was read last still counts.

Not done: we read no logo (6.7), so none is shown; we run no service for developers' documents (4.2).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime

from flask import has_request_context

from ..domain.client import Client
from ..domain.client_id_document import SECTION, host_of
from ..domain.ports import Clock, Throttles, Work
from ..domain.throttle import client_document_brakes
from ..errors import Conflict, ProtocolError, Throttled
from ..fetch_slots import Purpose
from ..outgoing import Fetched, FetchRefused, Outgoing
from ..services.client_documents import DescribedClients
from ..services.clients import Clients
from ..settings import Settings
from .requests import OtherLane, json_object_of
from .strangers_hosts import StrangersHosts

MAX_DOCUMENT = 5 * 1024
LEAST_SECONDS, USUAL_SECONDS, MOST_SECONDS = 60, 600, 86400
_JSON = re.compile(r"application/([a-z0-9.!#$&^_-]+\+)?json")
_DIRECTIVE = re.compile(r'([a-z-]+)(?:="?([0-9]+)"?)?')


class ClientIdDocuments:
    """Clients by their id; those whose id is a URL are read there when what was read is no longer fresh."""

    def __init__(
        self, settings: Settings, clients: Clients, described: DescribedClients, outgoing: Outgoing,
        throttles: Throttles, clock: Clock, work: Work, address_of_request: Callable[[], str],
        vouch: Callable[[Mapping[str, object]], None], hosts: StrangersHosts,
    ) -> None:  # fmt: skip
        self._hosts = frozenset(host.lower() for host in settings.client_id_documents)
        self._clients = clients
        self._described = described
        self._outgoing = outgoing
        self._throttles = throttles
        self._clock = clock
        self._work = work
        self._address = address_of_request
        self._vouch = vouch
        self._strangers = hosts

    def introduced(self, client_id: str) -> Client | None:
        """The client of a request that a person is going to see.

        Raises ProtocolError if its document cannot be read or registers nothing (section 4.3), Throttled
        if too many are asked for from one place.
        """
        known = self._clients.find(client_id)
        if known is not None and not known.described_at_url:
            return known  # an operator's registration of this very URL (section 6.10), or no URL at all
        if not self._hosts & {"*", host_of(client_id)} or not host_of(client_id):
            return None
        if known is not None and (known.disabled_at is not None or self._fresh(known)):
            return known
        return self._read(client_id)

    def find(self, client_id: str) -> Client | None:
        """The same for a program; what was read last counts where no more can be read. Never raises for that."""
        try:
            return self.introduced(client_id)
        except (ProtocolError, Throttled):
            return self._clients.find(client_id)

    def find_lately(self, client_id: str) -> Client | None:
        """The same; of an id that is no URL as it was a moment ago (``Clients.find_lately``)."""
        return self.find(client_id) if host_of(client_id) else self._clients.find_lately(client_id)

    # ── the document ─────────────────────────────────────────────────────────────────────────────

    def _fresh(self, known: Client) -> bool:
        return known.metadata_expires_at is not None and known.metadata_expires_at > self._clock.now()

    def _read(self, client_id: str) -> Client | None:
        if not has_request_context():
            raise OtherLane  # a stranger's server must not hold up the lane that waits for nothing
        if wait := self._throttles.take(client_document_brakes(self._address()), self._clock.now()):
            raise Throttled(wait)
        fetched = self._fetched(client_id)
        document = json_object_of(fetched.body, f"{SECTION} 4.1", "invalid_client_metadata")
        self._vouch(document)  # a sector may be another's: its owner is asked (OpenID Connect Registration 1.0 5)
        until = self._clock.now() + timedelta(seconds=fresh_seconds(fetched.headers))
        try:
            with self._work():
                return self._described.keep(client_id, document, until)
        except Conflict:
            return self._clients.find(client_id)

    def _fetched(self, client_id: str) -> Fetched:
        """Why nothing is said of the cause: the answer of a server that we reach and others may not is theirs."""
        try:
            with self._strangers.asked():
                fetched = self._outgoing.document(client_id, Purpose.CLIENT_DOCUMENT, MAX_DOCUMENT)
        except FetchRefused:
            raise _refused("no document of at most 5 kB could be read at the URL that client_id is", "4.3") from None
        if not _JSON.fullmatch(fetched.media_type):
            raise _refused("the document at the URL that client_id is has no JSON media type", "4.1")
        return fetched


def _refused(description: str, section: str) -> ProtocolError:
    return ProtocolError("invalid_request", description, section=f"{SECTION} {section}")


def fresh_seconds(headers: Mapping[str, str]) -> int:
    """How long an answer may be kept by a shared cache (RFC 9111 sections 4.2.1 and 5.2), within our bounds."""
    directives = dict(_DIRECTIVE.findall(headers.get("cache-control", "").lower()))
    if {"no-store", "no-cache", "private"} & set(directives):
        return LEAST_SECONDS
    lifetime = directives.get("s-maxage") or directives.get("max-age")
    seconds = int(lifetime[:9]) if lifetime else _until_expiry(headers)
    if seconds is None:
        return USUAL_SECONDS
    age = headers.get("age", "")
    spent = int(age) if re.fullmatch(r"[0-9]{1,9}", age) else 0
    return min(max(seconds - spent, LEAST_SECONDS), MOST_SECONDS)


def _until_expiry(headers: Mapping[str, str]) -> int | None:
    """By ``Expires`` and the server's own ``Date``; None where it says neither."""
    if "expires" not in headers:
        return None
    expires, date = _moment(headers["expires"]), _moment(headers.get("date", ""))
    return int((expires - date).total_seconds()) if expires and date else 0


def _moment(text: str) -> datetime | None:
    """An HTTP date; None for what is none, and for one without its zone."""
    try:
        found = parsedate_to_datetime(text)
    except (ValueError, TypeError, OverflowError):
        return None
    return found if found.tzinfo is not None else None
