"""Client metadata of OpenID Connect Dynamic Client Registration 1.0 section 2, beyond RFC 7591's.

What we can honour is kept, what we cannot is refused by name: a client that asks for encryption must not
believe that it gets it.
"""

from __future__ import annotations

from .metadata_members import Sent, bad, boolean, choice, link, seconds

_ENCRYPTION = (
    "id_token_encrypted_response_alg", "id_token_encrypted_response_enc", "userinfo_encrypted_response_alg",
    "userinfo_encrypted_response_enc", "request_object_encryption_alg", "request_object_encryption_enc",
)  # fmt: skip


def openid(sent: Sent) -> dict[str, object]:
    """The members, checked. Raises MetadataProblem."""
    for member in (*_ENCRYPTION, "userinfo_signed_response_alg"):
        if member in sent:
            raise bad(f"{member} is not supported (OpenID Connect Registration 1.0 2)")
    found: dict[str, object] = {
        "subject_type": choice(sent, "subject_type", ("public",), "public") if "subject_type" in sent else None,
        "id_token_signed_response_alg": choice(sent, "id_token_signed_response_alg", ("RS256",), "") or None,
        "default_max_age": seconds(sent, "default_max_age"),
        "require_auth_time": boolean(sent, "require_auth_time"),
        "initiate_login_uri": link(sent, "initiate_login_uri", loopback=False, fragment=False),
    }
    return {member: value for member, value in found.items() if value is not None}
