"""OpenID Connect Dynamic Client Registration 1.0 section 5 (``sector_identifier_uri`` Validation).

The address must give a JSON array that holds every redirect URI of the registration: only so does the
owner of that host vouch that these clients belong together. CIBA Core 1.0 section 4.1: and the ``jwks_uri`` of a
client of CIBA. Fetched through the guard against SSRF, and
before any transaction is opened: a stranger's server must not hold a lock of ours.
"""

from __future__ import annotations

from collections.abc import Mapping

from ..domain.ciba_metadata import CIBA_GRANT
from ..domain.subject import PAIRWISE
from ..errors import ProtocolError
from ..fetch_slots import Purpose
from ..oauth.strangers_hosts import StrangersHosts
from ..outgoing import FetchRefused, Outgoing

_SECTION = "OpenID Connect Registration 5"
_ERROR = "invalid_client_metadata"


class SectorIdentifiers:
    """Vouches for the sector of a registration."""

    def __init__(self, outgoing: Outgoing, hosts: StrangersHosts) -> None:
        self._outgoing = outgoing
        self._hosts = hosts

    def check(self, metadata: Mapping[str, object]) -> None:
        """Raises ProtocolError unless the document there lists every redirect URI (and CIBA's ``jwks_uri``), or
        Throttled.

        ``metadata`` is a registration as it was sent; members of a wrong type are left to its own check.
        """
        uri, redirect_uris = metadata.get("sector_identifier_uri"), metadata.get("redirect_uris") or []
        if not isinstance(uri, str) or not uri or not isinstance(redirect_uris, list):
            return
        try:
            with self._hosts.asked():
                listed = self._outgoing.json_document(uri, Purpose.SECTOR)
        except FetchRefused:
            raise ProtocolError(_ERROR, "sector_identifier_uri cannot be fetched", section=_SECTION) from None
        wanted = [*redirect_uris, *_keys(metadata)]
        if not isinstance(listed, list) or not all(item in listed for item in wanted):
            raise ProtocolError(_ERROR, "sector_identifier_uri does not list every redirect_uri", section=_SECTION)


def _keys(metadata: Mapping[str, object]) -> list[object]:
    grants, uri = metadata.get("grant_types"), metadata.get("jwks_uri")
    asked = isinstance(grants, list) and CIBA_GRANT in grants and metadata.get("subject_type") == PAIRWISE
    return [uri] if asked and uri else []
