"""Refreshing: one rotation in one statement, and what a token is that rotates nothing (P3).

The common case is one UPDATE … RETURNING outside any transaction. Only when it hits no row is the
family read and classified (design.md 4.1, the table). A retry inside the grace window gets the same
successor, recomputed, byte for byte, and writes nothing.

Scope and resource may only narrow, for the one answer; they are compared *before* rotating, so that a
bad scope never costs an honest client its token (RFC 6749 section 6).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..domain.authorization_details import Detail
from ..domain.client import Client
from ..domain.master_key import MasterKeys
from ..domain.ports import Stores
from ..domain.refresh import PresentedToken, RefreshFamily, Verdict, classify, format_token, is_genuine, parse_token
from ..domain.session import EndReason, OneClientSession
from ..errors import ProtocolError
from ..settings import Settings
from .authorization_details import AuthorizationDetails
from .codes import Grant, invalid_grant, still_allowed
from .sessions import SessionControl
from .tokens import Tokens

_DEAD = "the refresh token is unknown, expired or has been ended"


class Refreshing:
    """Rotate refresh tokens."""

    def __init__(
        self, stores: Stores, settings: Settings, master_keys: MasterKeys, sessions: SessionControl, tokens: Tokens,
        details: AuthorizationDetails,
    ) -> None:  # fmt: skip
        self._stores = stores
        self._settings = settings
        self._keys = master_keys
        self._sessions = sessions
        self._tokens = tokens
        self._details = details

    def read(self, text: str, client: Client) -> PresentedToken:
        """Junk, forgeries and other clients' tokens end here, without a look at the database."""
        token = parse_token(text)
        if token is None or not is_genuine(self._keys, token, client.client_id):
            raise invalid_grant(_DEAD, "RFC 6749 5.2")
        return token

    def refresh(
        self, token: PresentedToken, client: Client, scope: Sequence[str] | None, resources: Sequence[str],
        confirmation: Mapping[str, str], wanted: Sequence[Detail] | None = None,
    ) -> Grant:  # fmt: skip
        """The successor's grant. ``scope`` and ``wanted`` details None and empty ``resources`` mean: as granted.

        ``confirmation`` is what the request proves.

        Opens its own transaction for the ending that a reuse causes.
        """
        if scope is not None or resources or wanted is not None:
            self._check_narrowing(token, client, scope, resources, wanted)
        now = self._stores.clock.now()
        family = self._stores.refresh_families.rotate(
            token.family_id, token.counter, client.client_id, now, confirmation, step=0 if client.fapi2 else 1
        )
        if family is None:
            family = self._not_rotated(token, client, confirmation)
        else:
            self._stores.client_sessions.touch(family.client_session_id, now)
        return self._grant(family, token, client, scope, resources)

    def find(self, text: str, client: Client) -> tuple[RefreshFamily, bool] | None:
        """The family of a token of this client, and whether this very token could be used now."""
        token = parse_token(text)
        if token is None or not is_genuine(self._keys, token, client.client_id):
            return None
        now = self._stores.clock.now()
        found = self._stores.refresh_families.get(token.family_id, now)
        if found is None:
            return None
        family, live = found
        return family, live and token.counter == family.counter

    # ── inside ───────────────────────────────────────────────────────────────────────────────────

    def _check_narrowing(
        self, token: PresentedToken, client: Client, scope: Sequence[str] | None, resources: Sequence[str],
        wanted: Sequence[Detail] | None,
    ) -> None:  # fmt: skip
        found = self._stores.refresh_families.get(token.family_id, self._stores.clock.now())
        if found is None:
            raise invalid_grant(_DEAD, "RFC 6749 5.2")
        family, _live = found
        if scope is not None and not set(scope) <= set(family.scope):
            raise ProtocolError("invalid_scope", "scope exceeds what was granted", section="RFC 6749 6")
        self._details.narrow(family.authorization_details, wanted)
        apis = set(self._details.homes(family.authorization_details, client).values())
        if not set(resources) <= {*self._tokens.audience(family.resources, family.scope, apis), *apis}:
            raise ProtocolError("invalid_target", "resource was not granted", section="RFC 8707 2.2")

    def _not_rotated(
        self, token: PresentedToken, client: Client, confirmation: Mapping[str, str]
    ) -> RefreshFamily:  # fmt: skip
        with self._stores.work():
            family, verdict = self._judged(token, client, confirmation)
            if verdict is Verdict.REUSE:
                self._sessions.end_session(
                    OneClientSession(family.client_session_id), EndReason.REFRESH_REUSE, by=f"client:{client.client_id}"
                )
                raise invalid_grant(
                    "the refresh token was used before; its session has been ended", "RFC 9700 4.14.2", persist=True
                )
        if verdict is Verdict.RETRY:
            return family
        if not family.held_by(confirmation):
            raise invalid_grant("the refresh token is bound to a key that this request does not prove", "RFC 9449 5")
        self._sessions.settle(OneClientSession(family.client_session_id))
        raise invalid_grant(_DEAD, "RFC 6749 5.2")

    def _judged(
        self, token: PresentedToken, client: Client, confirmation: Mapping[str, str]
    ) -> tuple[RefreshFamily, Verdict]:
        now = self._stores.clock.now()
        found = self._stores.refresh_families.get(token.family_id, now)
        if found is None:
            raise invalid_grant(_DEAD, "RFC 6749 5.2")
        family, live = found
        grace = self._settings.refresh_grace if client.refresh_grace is None else client.refresh_grace
        verdict = classify(
            family, live=live, presented=token.counter, client_id=client.client_id, now=now, grace=grace,
            confirmation=confirmation,
        )  # fmt: skip
        return family, verdict

    def _grant(
        self, family: RefreshFamily, token: PresentedToken, client: Client, scope: Sequence[str] | None,
        resources: Sequence[str],
    ) -> Grant:  # fmt: skip
        # Under the master key in force, so that an older one can be retired one day. A retry that
        # straddles a change of master key gets a second spelling of the same counter, not a fork.
        stays = family.counter == token.counter  # FAPI 2.0 Security Profile 5.3.2.1: no rotation
        successor = None if stays else format_token(
            self._keys, self._keys.current.key_id, family.id, token.counter + 1, client.client_id
        )  # fmt: skip
        allowed = still_allowed(family.scope, client)
        narrowed = allowed if scope is None else tuple(item for item in allowed if item in scope)
        return Grant(
            client_id=client.client_id, user_id=family.user_id, sid=family.client_session_id, scope=narrowed,
            resources=tuple(resources) or family.resources, auth_time=family.auth_time, acr=family.acr, amr=family.amr,
            claims=family.claims, authorization_details=family.authorization_details, refresh_token=successor,
        )  # fmt: skip
