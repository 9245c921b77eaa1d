"""OAuth Client ID Metadata Document (draft-ietf-oauth-client-id-metadata-document-01), sections 3 and 4.1.

A client identifier that is a URL, and what the document at that URL may say. There is no secret that both
sides could know, so no method of authentication may be built on one.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import SplitResult, urlsplit

from .client import AuthMethod, GrantType, authority
from .metadata_members import bad
from .redirect_uris import URI, is_loopback

SECTION = "draft-ietf-oauth-client-id-metadata-document-01"
MAX_CLIENT_ID = 256
_DOTS = {".", ".."}
_PERSONAL = (GrantType.AUTHORIZATION_CODE, GrantType.DEVICE_CODE, GrantType.REFRESH_TOKEN)
_SECRETS = ("client_secret", "client_secret_expires_at")


def is_document_url(client_id: str) -> bool:
    """Is it a client identifier of section 3: https, with a path, without dots, fragment or user?"""
    parts = _parts(client_id)
    if parts is None or parts.scheme != "https" or not parts.hostname or not client_id.startswith("https://"):
        return False
    segments = parts.path.lower().replace("%2e", ".").split("/")
    return bool(parts.path) and "@" not in parts.netloc and not _DOTS & set(segments)


def host_of(client_id: str) -> str:
    """The host of a document's URL, lower case, with its port if that is not 443; '' for anything else."""
    parts = _parts(client_id) if is_document_url(client_id) else None
    return (authority(parts) or "") if parts else ""


def metadata_of(document: Mapping[str, object], client_id: str) -> dict[str, object]:
    """What the document registers, to be checked like any registration. Raises MetadataProblem.

    What it is silent about is decided for the client that it is: without a method it is public, with an
    address on the person's own machine it is native. Of its grants those are kept that a person begins: a
    document is written by nobody we know, for every server there is.
    """
    if document.get("client_id") != client_id:
        raise bad(f"client_id is not the URL of this document, character by character ({SECTION} 4.1)")
    if sent := [member for member in _SECRETS if document.get(member) is not None]:
        raise bad(f"{', '.join(sent)} must not be used in a metadata document ({SECTION} 4.1)")
    method = document.get("token_endpoint_auth_method") or AuthMethod.NONE.value
    if isinstance(method, str) and method.startswith("client_secret"):
        raise bad(f"token_endpoint_auth_method must not be built on a shared secret ({SECTION} 4.1)")
    grants = document.get("grant_types") or [GrantType.AUTHORIZATION_CODE.value]
    kept = [item.value for item in _PERSONAL if isinstance(grants, list) and item.value in grants]
    if not {*kept} - {GrantType.REFRESH_TOKEN.value}:
        raise bad("grant_types: a client of a metadata document needs authorization_code or the device grant")
    known = {member: value for member, value in document.items() if member != "software_statement"}
    return {
        **known, "token_endpoint_auth_method": method, "grant_types": kept,
        "response_types": ["code"] if GrantType.AUTHORIZATION_CODE.value in kept else [],
        "application_type": document.get("application_type") or _application_type(document.get("redirect_uris")),
    }  # fmt: skip


def _application_type(redirect_uris: object) -> str:
    """``native`` if an answer may go to a program of the person's own machine (RFC 8252 section 7)."""
    uris = [uri for uri in redirect_uris if isinstance(uri, str)] if isinstance(redirect_uris, list) else []
    places = [parts for parts in map(_parts, uris) if parts is not None]
    own = any(parts.scheme not in ("https", "http") or is_loopback(parts.hostname or "") for parts in places)
    return "native" if own else "web"


def _parts(uri: str) -> SplitResult | None:
    if len(uri) > MAX_CLIENT_ID or not URI.fullmatch(uri):
        return None
    try:
        parts = urlsplit(uri)
        _ = parts.port, parts.hostname
    except ValueError:
        return None
    return parts
