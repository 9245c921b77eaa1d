"""OpenID Connect Core 1.0 section 8 (Subject Identifier Types): by what name a client knows a person.

``public``: every client the same, the user's id. ``pairwise``: one name for each sector, which no other
sector can connect with the same person (section 8.1, 17.3). Section 8.1: the sector is the host of
``sector_identifier_uri``, else the one host that all redirect URIs of the client have.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from .client import Client

PUBLIC, PAIRWISE = "public", "pairwise"
SUBJECT_TYPES = (PUBLIC, PAIRWISE)


def pairwise(client: Client) -> bool:
    """Has the client registered for names of its own (``subject_type``)?"""
    return client.metadata.get("subject_type") == PAIRWISE


def sector_of(client: Client) -> str:
    """The Sector Identifier: a host name, or the client's id where there is no host at all.

    Registration has refused redirect URIs of several hosts without a ``sector_identifier_uri``.
    """
    uri = client.metadata.get("sector_identifier_uri")
    if isinstance(uri, str):
        return urlsplit(uri).hostname or client.client_id
    hosts = hosts_of(client.redirect_uris)
    return hosts[0] if len(hosts) == 1 and hosts[0] else client.client_id


def hosts_of(redirect_uris: tuple[str, ...]) -> tuple[str, ...]:
    """The different hosts of redirect URIs; a private-use scheme has none, which counts as one more: ''."""
    return tuple(dict.fromkeys(urlsplit(uri).hostname or "" for uri in redirect_uris))
