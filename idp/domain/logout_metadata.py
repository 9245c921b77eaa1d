"""Client metadata of OpenID Connect Back-Channel Logout 1.0 section 2.2: where a client hears of endings."""

from __future__ import annotations

from urllib.parse import urlsplit

from .client import AuthMethod
from .metadata_members import Sent, bad, boolean, link


def backchannel_logout(sent: Sent) -> dict[str, object]:
    """Section 2.2. Our logout tokens always have a ``sid``, so the wish for it is always met."""
    uri = link(sent, "backchannel_logout_uri")
    required = boolean(sent, "backchannel_logout_session_required")
    found: dict[str, object] = {}
    if uri is not None:
        if "#" in uri:
            raise bad("backchannel_logout_uri must not include a fragment (Back-Channel Logout 1.0 2.2)")
        if urlsplit(uri).scheme == "http" and sent.get("token_endpoint_auth_method") == AuthMethod.NONE.value:
            raise bad("backchannel_logout_uri: http is for confidential clients (Back-Channel Logout 1.0 2.2)")
        found["backchannel_logout_uri"] = uri
    if required is not None:
        found["backchannel_logout_session_required"] = required
    return found
