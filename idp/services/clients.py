"""Clients: registered, changed, disabled, deleted.

Secrets are 256 random bits, shown once, kept as SHA-256: slow hashing protects words people choose,
not 256 random bits, and would cap a token endpoint at a few requests a second.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from .. import jose
from ..domain.client import AuthMethod, Client, ClientOrigin
from ..domain.client_metadata import ClientMetadata, check
from ..domain.event import SecurityEvent
from ..domain.exchange import ExchangePolicy
from ..domain.fapi2 import Fapi2, applied
from ..domain.key import DEFAULT_ALG
from ..domain.metadata_members import MetadataProblem, bad
from ..domain.openid_metadata import SIGNED_ANSWERS
from ..domain.ports import Stores
from ..domain.scope import STANDARD_SCOPES
from ..domain.session import EndReason, WholeClient
from ..domain.subject import renames
from ..domain.throttle import recorded_change_brakes
from ..errors import InputRefused, NotFound, ProtocolError
from .sessions import SessionControl, secret_hash

_CLIENT_ID = re.compile(r"[\x20-\x7E]{1,256}")  # RFC 6749 appendix A.1
_WITH_SECRET = (AuthMethod.BASIC, AuthMethod.POST)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewClient:
    """A registration, with the secrets that are shown this once."""

    client: Client
    client_secret: str | None
    registration_access_token: str | None


class Clients:
    """Every change happens in the caller's transaction."""

    def __init__(
        self, stores: Stores, sessions: SessionControl, signing_algs: Sequence[str], methods: Sequence[AuthMethod]
    ) -> None:
        """``signing_algs``: those that we have keys for, and so can sign a client's answers with.

        ``methods``: how clients can authenticate here.
        """
        self._stores = stores
        self._sessions = sessions
        self._signing_algs = signing_algs
        self._methods = methods

    # ── read ─────────────────────────────────────────────────────────────────────────────────────

    def find(self, client_id: str) -> Client | None:
        """Exact look-up of an id that we made; disabled ones too."""
        return self._stores.clients.get(client_id) if _CLIENT_ID.fullmatch(client_id) else None

    def find_lately(self, client_id: str) -> Client | None:
        """``find``, as it was a moment ago: whoever changes a client hears "done" only when that moment is over."""
        return self._stores.clients.lately(client_id) if _CLIENT_ID.fullmatch(client_id) else None

    def get(self, client_id: str) -> Client:
        """Raises NotFound."""
        client = self.find(client_id)
        if client is None:
            raise NotFound(client_id)
        return client

    def list(self) -> Sequence[Client]:
        """All of them."""
        return self._stores.clients.list()

    # ── change ───────────────────────────────────────────────────────────────────────────────────

    def create(
        self,
        metadata: Mapping[str, object],
        *,
        origin: ClientOrigin,
        client_id: str | None = None,
        trusted: bool = False,
        pkce_required: bool | None = None,
        refresh_grace: int | None = None,
        exchange: ExchangePolicy | None = None,
        fapi2: Fapi2 | None = None,
        by: str = "operator",
    ) -> NewClient:
        """Register. Raises ProtocolError (RFC 7591 section 3.2.2) for metadata that cannot be.

        ``by`` says in the record who did: ``anonymous``, or the initial access token that admitted them.
        """
        checked = self._checked(metadata)
        if client_id is not None and not _CLIENT_ID.fullmatch(client_id):
            raise InputRefused({"client_id": "use 1 to 256 printable ASCII characters (RFC 6749 appendix A.1)"})
        now = self._stores.clock.now()
        chance = self._stores.randomness
        secret = chance.token() if checked.token_endpoint_auth_method in _WITH_SECRET else None
        token = chance.token() if origin is ClientOrigin.DYNAMIC else None
        blank = Client(
            client_id=client_id or str(chance.uuid()), client_name="", origin=origin, created_at=now, updated_at=now,
            secret_hash=secret_hash(secret) if secret else None,
            registration_token_hash=secret_hash(token) if token else None,
            trusted=trusted, pkce_required=pkce_required, refresh_grace=refresh_grace,
            exchange=exchange, fapi2=fapi2,
        )  # fmt: skip
        client = self._with_metadata(blank, checked)
        self._stores.clients.add(client)
        self._record("client.created", client, by)
        return NewClient(client=client, client_secret=secret, registration_access_token=token)

    def describe(self, known: Client | None, client_id: str, metadata: Mapping[str, object], until: datetime) -> Client:
        """A client whose registration is read at the URL that its id is, fresh ``until`` then.

        ``known`` is it as it was, held. Raises ProtocolError as ``create`` does, Conflict if it is not as known.
        """
        now = self._stores.clock.now()
        blank = Client(
            client_id=client_id, client_name="", origin=ClientOrigin.DYNAMIC, created_at=now, updated_at=now
        )  # fmt: skip
        client = replace(self._with_metadata(known or blank, self._checked(metadata)), metadata_expires_at=until)
        _check_sector(known or client, client)
        if known is None:
            self._stores.clients.add(client)
            self._record("client.created", client, f"client:{client_id}")
        elif document(known) != document(client):
            self._save(client, "client.changed", f"client:{client_id}")
            self._ask_anew(known, client)
        else:
            self._stores.clients.save(client)
        return client

    def own(self, client_id: str, token: str, *, hold: bool = False) -> Client | None:
        """The client whose registration access token this is (RFC 7592 section 3); constant time.

        With ``hold`` the row is locked until commit: what an operator did meanwhile is seen, and what
        comes later waits.
        """
        if not _CLIENT_ID.fullmatch(client_id):
            return None
        client = self._stores.clients.hold(client_id) if hold else self._stores.clients.get(client_id)
        kept = client.registration_token_hash if client is not None else None
        right = hmac.compare_digest(secret_hash(token), kept or bytes(32)) and kept is not None
        return client if client is not None and right and client.disabled_at is None else None

    def replace_metadata(self, client: Client, metadata: Mapping[str, object], by: str) -> NewClient:
        """RFC 7592 section 2.2: the new document replaces the old as a whole. ``client`` is held.

        A method that needs a secret where there was none gets one; one that needs none loses it.
        The registration access token is renewed with every change.
        """
        changed = self._with_metadata(client, self._checked(metadata))
        _check_sector(client, changed)
        secret = None
        if changed.token_endpoint_auth_method not in _WITH_SECRET:
            changed = replace(changed, secret_hash=None)
        elif changed.secret_hash is None:
            secret = self._stores.randomness.token()
            changed = replace(changed, secret_hash=secret_hash(secret))
        token = self._stores.randomness.token() if client.registration_token_hash else None
        if token is not None:
            changed = replace(changed, registration_token_hash=secret_hash(token))
        self._save(changed, "client.changed", by)
        self._ask_anew(client, changed)
        return NewClient(client=changed, client_secret=secret, registration_access_token=token)

    def update(self, client_id: str, changes: Mapping[str, object], **operator: object) -> Client:
        """An operator changes single members; ``operator`` ones are those no client may set itself."""
        known = {"trusted", "pkce_required", "refresh_grace", "exchange", "fapi2"}
        if unknown := set(operator) - known:
            raise InputRefused(dict.fromkeys(unknown, "no such member"))
        held = self._held(client_id)
        client = replace(held, **operator)  # type: ignore[arg-type]
        changed = self._with_metadata(client, self._checked({**document(held), **changes}))
        self._save(changed, "client.changed", "operator")
        return changed

    def rotate_secret(self, client_id: str) -> str:
        """A new secret; the old one is dead when that is told. Raises NotFound, or InputRefused if it has none."""
        client = self._held(client_id)
        if client.token_endpoint_auth_method not in _WITH_SECRET:
            raise InputRefused({"client_id": "this client authenticates without a secret"})
        secret = self._stores.randomness.token()
        self._save(replace(client, secret_hash=secret_hash(secret)), "client.secret_rotated", "operator")
        return secret

    def disable(self, client_id: str, by: str = "operator") -> Client:
        """It can do nothing any more; what it holds ends, consent is withdrawn (design.md section 5)."""
        client = replace(self._held(client_id), disabled_at=self._stores.clock.now())
        self._save(client, "client.disabled", by)
        self._end(client, EndReason.CLIENT_DISABLED, by)
        return client

    def enable(self, client_id: str, by: str = "operator") -> Client:
        """Let it work again; what had ended stays ended.

        So does what came to be between the statements of the disabling and its commit, which saw nothing of it, and a
        moment later under a record of before: all of it ends now, and the log says again that nothing issued until now
        is alive.
        """
        held = self._held(client_id)
        client = replace(held, disabled_at=None)
        self._save(client, "client.enabled", by)
        if held.disabled_at is not None:
            self._end(client, EndReason.CLIENT_DISABLED, by)
        return client

    def delete(self, client_id: str, by: str = "operator") -> None:
        """End what it holds, then forget it. Raises NotFound."""
        client = self._held(client_id)
        self._end(client, EndReason.CLIENT_DELETED, by)
        self._stores.clients.delete(client_id)
        self._stores.work.after_commit(self._stores.clients.settle)
        self._record("client.deleted", client, by)

    # ── inside ───────────────────────────────────────────────────────────────────────────────────

    def _held(self, client_id: str) -> Client:
        """As the row is now, locked until commit. Raises NotFound."""
        client = self._stores.clients.hold(client_id) if _CLIENT_ID.fullmatch(client_id) else None
        if client is None:
            raise NotFound(client_id)
        return client

    def _checked(self, metadata: Mapping[str, object]) -> ClientMetadata:
        try:
            checked = check(metadata, jose.key_strong_enough)
            if checked.token_endpoint_auth_method not in self._methods:
                raise bad("token_endpoint_auth_method: this provider sees no client certificates (RFC 8705 2)")
        except MetadataProblem as problem:
            raise ProtocolError(problem.code, problem.text, section="RFC 7591 3.2.2") from None
        for member in SIGNED_ANSWERS:
            if checked.rest.get(member, DEFAULT_ALG) not in self._signing_algs:
                text = f"{member}: supported are {', '.join(self._signing_algs)}"
                raise ProtocolError("invalid_client_metadata", text, section="OpenID Connect Registration 2")
        return checked

    def _with_metadata(self, client: Client, metadata: ClientMetadata) -> Client:
        """Raises ProtocolError if the operator's policy for the client forbids it."""
        if client.fapi2 is not None:
            metadata = self._under_fapi2(client.fapi2, metadata)
        return replace(
            client,
            client_name=metadata.client_name or client.client_id,
            redirect_uris=metadata.redirect_uris,
            post_logout_redirect_uris=metadata.post_logout_redirect_uris,
            grant_types=metadata.grant_types,
            token_endpoint_auth_method=metadata.token_endpoint_auth_method,
            token_endpoint_auth_signing_alg=metadata.token_endpoint_auth_signing_alg,
            application_type=metadata.application_type,
            scope=self._allowed_scope(metadata.scope),
            jwks=metadata.jwks,
            jwks_uri=metadata.jwks_uri,
            metadata=metadata.rest,
            updated_at=self._stores.clock.now(),
        )

    def _under_fapi2(self, policy: Fapi2, metadata: ClientMetadata) -> ClientMetadata:
        try:
            found = applied(policy, metadata)
            if found.rest["id_token_signed_response_alg"] not in self._signing_algs:
                raise bad("FAPI 2.0: no key of this provider signs by id_token_signed_response_alg (IDP_SIGNING_ALGS)")
        except MetadataProblem as problem:
            raise ProtocolError(problem.code, problem.text, section="FAPI 2.0 Security Profile 5") from None
        return found

    def _allowed_scope(self, wanted: tuple[str, ...] | None) -> tuple[str, ...]:
        """What exists of it; without a wish, everything that exists: consent decides each time."""
        own = [scope.name for _resource, scopes in self._stores.resources.list() for scope in scopes]
        known = (*STANDARD_SCOPES, *own)
        return known if wanted is None else tuple(name for name in wanted if name in known)

    def _end(self, client: Client, reason: EndReason, by: str) -> None:
        self._stores.consents.withdraw_client(client.client_id)  # before the codes: the order of locks
        self._sessions.end_session(WholeClient(client.client_id), reason, by=by)

    def _ask_anew(self, old: Client, new: Client) -> None:
        """Consent goes when an app that describes itself answers where it did not, or proves itself otherwise.

        People allowed another app than that: whoever gets hold of a registration, or of the host of a
        metadata document, must not get codes without a question. New keys alone are good custom.
        """
        added = set(new.redirect_uris) - set(old.redirect_uris)
        if added or new.token_endpoint_auth_method is not old.token_endpoint_auth_method:
            self._stores.consents.withdraw_client(new.client_id)

    def _save(self, client: Client, kind: str, by: str) -> None:
        if not self._stores.clients.save(replace(client, updated_at=self._stores.clock.now())):
            raise NotFound(client.client_id)
        if by != f"client:{client.client_id}" or self._to_be_recorded(client):
            self._record(kind, client, by)
        self._stores.work.after_commit(self._stores.clients.settle)

    def _to_be_recorded(self, client: Client) -> bool:
        """What a client changes of itself is on record once an hour: a document may differ whenever it is read."""
        return not self._stores.throttles.take(recorded_change_brakes(client.client_id), self._stores.clock.now())

    def _record(self, kind: str, client: Client, by: str) -> None:
        self._stores.events.append(
            SecurityEvent(
                id=self._stores.randomness.uuid(), at=self._stores.clock.now(), kind=kind,
                client_id=client.client_id, actor=by,
            )
        )  # fmt: skip


def _check_sector(old: Client, new: Client) -> None:
    """Nobody moves into another sector by rewriting their own registration (OpenID Connect Core 1.0 section 8.1)."""
    if renames(old, new):
        text = "pairwise subjects of another sector need a registration of their own"
        raise ProtocolError("invalid_client_metadata", text, section="OpenID Connect Core 8.1")


def document(client: Client) -> dict[str, object]:
    """The client's metadata as RFC 7591 spells it, without identifiers and secrets."""
    members: dict[str, object] = {
        "client_name": client.client_name,
        "redirect_uris": list(client.redirect_uris),
        "post_logout_redirect_uris": list(client.post_logout_redirect_uris),
        "grant_types": [item.value for item in client.grant_types],
        "response_types": ["code"] if "authorization_code" in client.grant_types else [],
        "token_endpoint_auth_method": client.token_endpoint_auth_method.value,
        "token_endpoint_auth_signing_alg": client.token_endpoint_auth_signing_alg,
        "application_type": client.application_type,
        "scope": " ".join(client.scope),
        "jwks": dict(client.jwks) if client.jwks else None,
        "jwks_uri": client.jwks_uri,
    }
    kept = {name: value for name, value in members.items() if value is not None}
    return {**kept, **client.metadata}
