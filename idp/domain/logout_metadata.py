"""Client metadata of OpenID Connect Back-Channel Logout 1.0 and Front-Channel Logout 1.0, section 2.2 and 2.

Where a client hears that a session has ended: server to server, or in a frame in the person's browser.
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from .client import AuthMethod
from .metadata_members import Sent, bad, boolean, link, strings

_HOST = re.compile(r"([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?")
"""What becomes part of the policy of a page of ours, where a ``;`` would begin another rule."""


def backchannel_logout(sent: Sent) -> dict[str, object]:
    """Back-Channel Logout 1.0 section 2.2. Our logout tokens always have a ``sid``, so that wish is met."""
    return _registered(sent, "backchannel_logout", "Back-Channel Logout 1.0 2.2")


def frontchannel_logout(sent: Sent) -> dict[str, object]:
    """Front-Channel Logout 1.0 section 2. Our frames always say ``iss`` and ``sid``, so that wish is met.

    The address shares scheme, host and port with a redirect URI: whoever registers may have our pages
    frame their own site and nobody else's.
    """
    found = _registered(sent, "frontchannel_logout", "Front-Channel Logout 1.0 2")
    uri = found.get("frontchannel_logout_uri")
    if not isinstance(uri, str):
        return found
    if not _HOST.fullmatch(urlsplit(uri).netloc):
        raise bad("frontchannel_logout_uri must name its host by letters, digits, dots and hyphens")
    if _place(uri) not in {_place(item) for item in strings(sent, "redirect_uris")}:
        raise bad("frontchannel_logout_uri must be of the scheme, host and port of a redirect URI"
                  " (Front-Channel Logout 1.0 2)")  # fmt: skip
    return found


def _registered(sent: Sent, name: str, section: str) -> dict[str, object]:
    uri, required = link(sent, f"{name}_uri"), boolean(sent, f"{name}_session_required")
    found: dict[str, object] = {}
    if uri is not None:
        if "#" in uri:
            raise bad(f"{name}_uri must not include a fragment ({section})")
        if urlsplit(uri).scheme == "http" and sent.get("token_endpoint_auth_method") == AuthMethod.NONE.value:
            raise bad(f"{name}_uri: http is for confidential clients ({section})")
        found[f"{name}_uri"] = uri
    if required is not None:
        found[f"{name}_session_required"] = required
    return found


def _place(uri: str) -> tuple[str, str | None, int | None]:
    """Scheme, host and port; the usual port written out. ``uri`` has been read as a URI before."""
    parts = urlsplit(uri)
    return parts.scheme, parts.hostname, parts.port or {"http": 80, "https": 443}.get(parts.scheme)
