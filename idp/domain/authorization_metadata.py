"""Client metadata about authorization requests: RFC 9126 section 6, RFC 9101 section 10.5, OpenID Connect
Dynamic Client Registration 1.0 section 2 (``request_uris``, ``request_object_signing_alg``), RFC 9396 section 10.

``response_modes`` is not registered with IANA: the modes that a client limits itself to (ASVS 10.4.12).
"""

from __future__ import annotations

from .key import SIGNING_ALGS
from .metadata_members import Sent, bad, boolean, choice, link, strings

RESPONSE_MODES = ("query", "fragment", "form_post", "query.jwt", "fragment.jwt", "form_post.jwt", "jwt")
MAX_REQUEST_URI = 512  # OpenID Connect Core 1.0 section 6.2


def authorization_requests(sent: Sent) -> dict[str, object]:
    """The members, checked; what signs our answers is among ``openid_metadata``. Raises MetadataProblem."""
    for member in ("authorization_encrypted_response_alg", "authorization_encrypted_response_enc"):
        if member in sent:
            raise bad(f"{member} is not supported (JARM 3)")
    found: dict[str, object] = {
        "require_pushed_authorization_requests": boolean(sent, "require_pushed_authorization_requests"),
        "require_signed_request_object": boolean(sent, "require_signed_request_object"),
        "request_object_signing_alg": choice(sent, "request_object_signing_alg", SIGNING_ALGS, "") or None,
        "response_modes": _response_modes(sent) or None,
        "authorization_details_types": list(strings(sent, "authorization_details_types")) or None,
        "request_uris": _request_uris(sent) or None,
    }
    return {member: value for member, value in found.items() if value is not None}


def _response_modes(sent: Sent) -> list[str]:
    modes = strings(sent, "response_modes")
    if any(mode not in RESPONSE_MODES for mode in modes):
        raise bad(f"response_modes: supported are {', '.join(RESPONSE_MODES)}")
    return list(modes)


def _request_uris(sent: Sent) -> list[str]:
    """Addresses from which we fetch; a fragment is the hash of what is there."""
    uris = strings(sent, "request_uris")
    for uri in uris:
        if len(uri) > MAX_REQUEST_URI:
            raise bad(f"request_uris: an address has more than {MAX_REQUEST_URI} characters")
        link({"request_uris": uri}, "request_uris")
    return list(uris)
