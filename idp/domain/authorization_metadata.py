"""Client metadata of RFC 9126 section 6: how a client makes its authorization requests."""

from __future__ import annotations

from .metadata_members import Sent, boolean


def authorization_requests(sent: Sent) -> dict[str, object]:
    """The members, checked. Raises MetadataProblem."""
    found: dict[str, object] = {
        "require_pushed_authorization_requests": boolean(sent, "require_pushed_authorization_requests"),
    }
    return {member: value for member, value in found.items() if value is not None}
