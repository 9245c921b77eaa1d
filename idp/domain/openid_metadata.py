"""Client metadata of OpenID Connect Dynamic Client Registration 1.0 section 2, beyond RFC 7591's.

With ``introspection_signed_response_alg`` of RFC 9701 section 6 and ``authorization_signed_response_alg`` of
JARM section 3. What we can honour is kept, what we cannot
is refused by name: a client that asks for encryption must not believe that it gets it. For which of the
algorithms there are keys is the operator's setting, which ``services.clients`` compares.
"""

from __future__ import annotations

from collections.abc import Mapping

from .key import SIGNING_ALGS
from .metadata_members import Sent, bad, boolean, choice, link, seconds, strings
from .subject import PAIRWISE, SUBJECT_TYPES, hosts_of

SIGNED_ANSWERS = (
    "id_token_signed_response_alg", "userinfo_signed_response_alg", "introspection_signed_response_alg",
    "authorization_signed_response_alg",
)  # fmt: skip
_ENCRYPTION = (
    "id_token_encrypted_response_alg", "id_token_encrypted_response_enc", "userinfo_encrypted_response_alg",
    "userinfo_encrypted_response_enc", "introspection_encrypted_response_alg",
    "introspection_encrypted_response_enc", "request_object_encryption_alg", "request_object_encryption_enc",
)  # fmt: skip


def openid(sent: Sent) -> dict[str, object]:
    """The members, checked. Raises MetadataProblem."""
    for member in _ENCRYPTION:
        if member in sent:
            raise bad(f"{member} is not supported (OpenID Connect Registration 1.0 2)")
    found: dict[str, object] = {
        **{member: choice(sent, member, SIGNING_ALGS, "") or None for member in SIGNED_ANSWERS},
        "subject_type": choice(sent, "subject_type", SUBJECT_TYPES, "") or None,
        "sector_identifier_uri": link(sent, "sector_identifier_uri", loopback=False, fragment=False),
        "default_max_age": seconds(sent, "default_max_age"),
        "require_auth_time": boolean(sent, "require_auth_time"),
        "default_acr_values": _acr_values(sent),
        "initiate_login_uri": link(sent, "initiate_login_uri", loopback=False, fragment=False),
    }
    return {member: value for member, value in found.items() if value is not None}


def check_sector(kept: Mapping[str, object], uris: tuple[str, ...]) -> None:
    """Core section 8.1: redirect URIs of several hosts, or of none, MUST come with a sector_identifier_uri.

    ``uris`` are those, and the ``jwks_uri`` of a client of CIBA (CIBA Core section 4.1).
    That the document there lists them is for whoever can fetch it (``oidc.registration_sector``).
    """
    if kept.get("subject_type") != PAIRWISE or "sector_identifier_uri" in kept:
        return
    hosts = hosts_of(uris)
    if len(hosts) != 1 or not hosts[0]:
        raise bad("pairwise subjects need redirect_uris of one host, or a sector_identifier_uri (OpenID Core 8.1)")


def _acr_values(sent: Sent) -> list[str] | None:
    values = strings(sent, "default_acr_values")
    if any(not item or len(item) > 256 or " " in item or not item.isprintable() for item in values):
        raise bad("default_acr_values: each is a name without spaces")
    return list(values) or None
