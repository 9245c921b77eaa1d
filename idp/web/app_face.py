"""How an app is shown to people: a name that cannot lie by its letters, and a host that is checked.

A client's metadata is its own claim. Control and direction characters are dropped (ASVS 10.4.7), a
host is written in ASCII so that look-alike letters show, and a link is https or there is none
(security.md section 6, trap 9). Nobody vouches for a dynamically registered client, so of such a one
only the host to which the answer really goes is shown, never the one it names (pages.md 27). One that
describes itself at a URL is shown by that URL's host, from which we have read it.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from urllib.parse import SplitResult, urlencode, urlsplit

from ..domain.client import Client, ClientOrigin
from ..own_addresses import is_loopback
from .languages import gettext, primary_language

_JOINERS = "\u200c\u200d"  # Persian, Indic scripts and emoji cannot be written without them
_LONGEST_NAME = 80


@dataclass(frozen=True, slots=True)
class Link:
    """A link to an app's own page; ``host`` is shown beside it (pages.md 29)."""

    url: str
    host: str


@dataclass(frozen=True, slots=True)
class AppFace:
    """``host`` is None for an app on this computer; ``vouched`` False asks for the warning.

    ``sign_in`` is where the app begins a sign-in, if it said so; ``home`` is where a person whose request
    has ended can begin anew (pages.md 11).
    """

    name: str
    host: str | None
    vouched: bool
    sign_in: Link | None
    home: Link | None
    privacy: Link | None
    terms: Link | None

    @property
    def initial(self) -> str:
        """The letter that stands where a picture would."""
        return self.name[:1].upper()


def face(client: Client, redirect_uri: str | None = None, *, issuer: str) -> AppFace:
    """The face of a client, in the language of the page (RFC 7591 section 2.2)."""
    language = primary_language()
    vouched = client.origin is ClientOrigin.OPERATOR
    uri = redirect_uri or next(iter(client.redirect_uris), "")
    host = (client.host if vouched or client.described_at_url else None) or host_of(uri)
    sign_in = _initiation(client, issuer)
    return AppFace(
        name=clean_name(client.localized("client_name", language) or "") or host or gettext("An app without a name"),
        host=host,
        vouched=vouched,
        sign_in=sign_in,
        home=sign_in or link(client.localized("client_uri", language)),
        privacy=link(client.localized("policy_uri", language)),
        terms=link(client.localized("tos_uri", language)),
    )


def _initiation(client: Client, issuer: str) -> Link | None:
    """Where the app itself begins a sign-in with us (OpenID Connect Core 1.0 section 4).

    ``iss`` tells it with whom; we know no page of the app to go to after (``target_link_uri``) and hand on
    no name of the person (``login_hint``), who is signed in here.
    """
    uri = client.metadata.get("initiate_login_uri")
    if not isinstance(uri, str):
        return None
    return link(f"{uri}{'&' if '?' in uri else '?'}{urlencode({'iss': issuer})}")


def clean_name(name: str) -> str:
    """A name without characters that hide, reverse or imitate others; at most 80 characters."""
    spaced = " ".join(name.split())
    kept = "".join(c for c in spaced if c in _JOINERS or unicodedata.category(c) not in ("Cc", "Cf", "Cs", "Co", "Cn"))
    shown = " ".join(kept.split()).strip(_JOINERS)
    return shown if len(shown) <= _LONGEST_NAME else shown[: _LONGEST_NAME - 1].rstrip() + "…"


def link(url: str | None) -> Link | None:
    """A link that may be shown: https, or http to this very machine; anything else is none."""
    parts = _split(url or "")
    if parts is None or parts.username or parts.password or not parts.hostname:
        return None
    if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(parts.hostname)):
        return None
    return Link(parts.geturl(), _ascii(parts.hostname))


def host_of(uri: str) -> str | None:
    """The host to which an answer goes, with an unusual port; None for this computer: loopback and custom schemes."""
    parts = _split(uri)
    if parts is None or parts.scheme not in ("https", "http") or not parts.hostname or is_loopback(parts.hostname):
        return None
    port = "" if parts.port in (None, {"https": 443, "http": 80}[parts.scheme]) else f":{parts.port}"
    return _ascii(parts.hostname) + port


def _split(uri: str) -> SplitResult | None:
    try:
        parts = urlsplit(uri)
        _ = parts.port  # no number, or none that a port can have
    except ValueError:
        return None
    return parts


def _ascii(host: str) -> str:
    """A host in its ASCII form, so that "аpple" in Cyrillic letters does not look like "apple"."""
    try:
        return host.encode("idna").decode("ascii")
    except UnicodeError:
        return host.encode("ascii", "backslashreplace").decode("ascii")
