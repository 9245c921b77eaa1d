"""OpenID Connect Core 1.0 section 8 (Subject Identifier Types): by what name a client knows a person.

``public``: every client the same, the user's id. ``pairwise``: one name for each sector, which no other
sector can connect with the same person (section 8.1, 17.3). Section 8.1: the sector is the host of
``sector_identifier_uri``, else the one host that all redirect URIs of the client have. CIBA Core 1.0 section
4.1: of a client that has none, the host of its ``jwks_uri``, whose keys it proves to hold.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from .client import Client, ClientOrigin, GrantType
from .redirect_uris import is_loopback

PUBLIC, PAIRWISE = "public", "pairwise"
SUBJECT_TYPES = (PUBLIC, PAIRWISE)


def pairwise(client: Client) -> bool:
    """Has the client registered for names of its own (``subject_type``)?"""
    return client.metadata.get("subject_type") == PAIRWISE


def sector_of(client: Client) -> str:
    """The Sector Identifier: a host name, or the client's id where there is no host at all.

    Registration has refused redirect URIs of several hosts without a ``sector_identifier_uri``. A host proves
    something only where the answers go there: a client that registered itself and gets its tokens by the
    device grant may name anybody's redirect URIs, so it is a sector of its own.
    """
    if client.origin is ClientOrigin.DYNAMIC and GrantType.DEVICE_CODE in client.grant_types:
        return client.client_id
    uri = client.metadata.get("sector_identifier_uri")
    if isinstance(uri, str):
        return urlsplit(uri).hostname or client.client_id
    hosts = hosts_of(client.redirect_uris or _keys_of(client))
    return hosts[0] if len(hosts) == 1 and hosts[0] else client.client_id


def _keys_of(client: Client) -> tuple[str, ...]:
    """Where the keys are of a client that an operator has registered for CIBA: registration saw to the proof."""
    able = client.origin is ClientOrigin.OPERATOR and GrantType.CIBA in client.grant_types
    return (client.jwks_uri,) if able and client.jwks_uri is not None else ()


def hosts_of(redirect_uris: tuple[str, ...]) -> tuple[str, ...]:
    """The different hosts of redirect URIs; what is no host of https counts as one more: ''.

    A private-use scheme may write any name after its ``//``, and every machine is ``localhost``: whoever
    receives answers there is nobody's neighbour.
    """
    places = (urlsplit(uri) for uri in redirect_uris)
    hosts = ((parts.hostname or "") if parts.scheme == "https" else "" for parts in places)
    return tuple(dict.fromkeys("" if is_loopback(host) else host for host in hosts))


def renames(old: Client, new: Client) -> bool:
    """Would a changed registration get names that the client did not know before?

    What people granted to one sector must not tell another's names, and the proofs of a sector (where codes
    went) are of the past.
    """
    return pairwise(new) and (not pairwise(old) or sector_of(old) != sector_of(new))
