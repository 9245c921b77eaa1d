"""Client metadata of RFC 9449 section 5.2 and RFC 8705 sections 2.1.2 and 3.4: keys, certificates, bound tokens."""

from __future__ import annotations

from .client import AuthMethod
from .metadata_members import Sent, bad, boolean, name

SUBJECTS = (
    "tls_client_auth_subject_dn", "tls_client_auth_san_dns", "tls_client_auth_san_uri", "tls_client_auth_san_ip",
    "tls_client_auth_san_email",
)  # fmt: skip
_FLAGS = ("dpop_bound_access_tokens", "tls_client_certificate_bound_access_tokens", "use_mtls_endpoint_aliases")


def token_binding(sent: Sent) -> dict[str, object]:
    """The members, checked. Raises MetadataProblem."""
    found: dict[str, object] = {member: boolean(sent, member) for member in _FLAGS}
    subjects: dict[str, object] = {member: name(sent, member) for member in SUBJECTS if member in sent}
    if sent.get("token_endpoint_auth_method") == AuthMethod.TLS.value and len(subjects) != 1:
        raise bad(f"tls_client_auth needs exactly one of: {', '.join(SUBJECTS)} (RFC 8705 2.1.2)")
    return {**{member: value for member, value in found.items() if value is not None}, **subjects}
