"""Client metadata of RFC 9449 section 5.2: what a client binds its tokens to."""

from __future__ import annotations

from .metadata_members import Sent, boolean


def token_binding(sent: Sent) -> dict[str, object]:
    """The members, checked. Raises MetadataProblem."""
    found: dict[str, object] = {"dpop_bound_access_tokens": boolean(sent, "dpop_bound_access_tokens")}
    return {member: value for member, value in found.items() if value is not None}
