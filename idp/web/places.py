"""Where people can be sent: within our origin, and nowhere else.

Why no ``next`` parameter exists: every open redirect listed in security.md section F came through a
path or URL that a page took from its query or a hidden field. Here the query carries a *name* of
this file's list, and ids that must be UUIDs; the path is ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode
from uuid import UUID

from ..domain.polled import read_user_code, shown_user_code

ACCOUNT, SESSIONS, APPS, PROFILE = "/account", "/account/sessions", "/account/apps", "/account/profile"
DEVICE, REQUESTS = "/device", "/account/requests"
LOGIN, NEW_ACCOUNT, CONSENT, RESUME = "/login", "/login/new", "/consent", "/authorize/resume"
FAILED_REQUEST = "/authorize/error"
SIGN_OUT, SIGNED_OUT, TELL_APPS = "/account/sign-out", "/signed-out", "/logout/apps"

_PAGES = {"account": ACCOUNT, "sessions": SESSIONS, "apps": APPS, "requests": REQUESTS}
_ACTIONS = {
    "end-device": "/account/sessions/{device}/end",
    "end-others": "/account/sessions/others/end",
    "end-everywhere": "/account/sessions/everywhere/end",
}


@dataclass(frozen=True, slots=True)
class Destination:
    """A page of ours by name, with the one id that some of them need, or the user code of a device grant."""

    name: str
    device: UUID | None = None
    user_code: str | None = None

    @property
    def path(self) -> str:
        """The path below the issuer's, with the query that it needs."""
        if self.name == "device":
            return local("", DEVICE, {"user_code": shown_user_code(self.user_code)} if self.user_code else None)
        return {**_PAGES, **_ACTIONS}[self.name].format(device=self.device)

    @property
    def query(self) -> dict[str, str]:
        """How to carry this destination through a form's address; the default needs nothing."""
        if self == HOME:
            return {}
        if self.user_code is not None:
            return {"to": self.name, "user_code": self.user_code}
        return {"to": self.name} if self.device is None else {"to": self.name, "device": str(self.device)}


HOME = Destination("sessions")


def read_destination(args: Mapping[str, str]) -> Destination:
    """The destination that a query names; the list of devices if it names none of ours."""
    name = args.get("to", HOME.name)
    if name == "device":
        return Destination(name, user_code=read_user_code(args.get("user_code", "")))
    if name == "end-device":
        device = read_uuid(args.get("device", ""))
        return HOME if device is None else Destination(name, device)
    return Destination(name) if name in _PAGES or name in _ACTIONS else HOME


def read_uuid(text: str) -> UUID | None:
    """A UUID in its one canonical spelling, else None."""
    try:
        value = UUID(text)
    except ValueError:
        return None
    return value if str(value) == text else None


def local(prefix: str, path: str, query: Mapping[str, str] | None = None) -> str:
    """An address within our origin, below the issuer's path; never made from ``Host``."""
    return prefix + path + ("?" + urlencode(query) if query else "")
