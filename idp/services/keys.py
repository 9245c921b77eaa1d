"""Signing keys: made, announced, rotated, published (design.md 4.4).

There is always one active key and one announced key. Rotating makes the announced one active, the
active one retired, and announces a new one, all in one transaction under a lock; so every key has
been published for long before it signs, and a rotation takes effect at once on every worker that
looks again (each does every two seconds).

Why a snapshot that outlives an unreachable database: JWKS must answer while the database is away
(reliability.md F-21), and keys change rarely while tokens are verified all the time.
"""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from .. import jose
from ..domain.event import SecurityEvent
from ..domain.key import KeyState, SigningKey
from ..domain.ports import Stores
from ..errors import Conflict, Unavailable
from ..settings import Settings

ALG = "RS256"
SNAPSHOT_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Published:
    """The JWKS as bytes made once per change, with its entity tag."""

    body: bytes
    etag: str


@dataclass(frozen=True, slots=True)
class _Snapshot:
    signer: jose.Signer
    verify_keys: Mapping[str, jose.VerifyKey]
    published: Published
    read_at: float


class Keys:
    """All workers share the keys through storage; each keeps a short-lived parsed copy."""

    def __init__(self, stores: Stores, settings: Settings) -> None:
        self._stores = stores
        self._settings = settings
        self._snapshot: _Snapshot | None = None
        self._parsed: dict[str, jose.PrivateKey] = {}
        self._lock = threading.Lock()

    # ── use ──────────────────────────────────────────────────────────────────────────────────────

    def signer(self) -> jose.Signer:
        """The active key. Raises Unavailable if there has never been an answer from storage."""
        return self._current().signer

    def find(self, kid: str | None, alg: str) -> jose.VerifyKey | None:
        """Our key of that name. An unknown name looks once more: it may have just been announced."""
        if kid is None:
            return None
        found = self._current().verify_keys.get(kid)
        if found is None:
            found = self._current(older_than=0.1).verify_keys.get(kid)
        return found if found is not None and found.alg == alg else None

    def jwks(self) -> Published:
        """The published key set (RFC 7517 section 5): announced, active and retired keys."""
        return self._current().published

    # ── change ───────────────────────────────────────────────────────────────────────────────────

    def list(self) -> Sequence[SigningKey]:
        """All keys, oldest first."""
        return self._stores.signing_keys.all()

    def ensure(self) -> None:
        """Make the first active and announced keys, once, however many workers start together."""
        if {key.state for key in self.list()} >= {KeyState.ACTIVE, KeyState.ANNOUNCED}:
            return
        with self._stores.work():
            self._stores.signing_keys.lock()
            states = {key.state for key in self.list()}
            for state in (KeyState.ACTIVE, KeyState.ANNOUNCED):
                if state not in states:
                    self._make(state)

    def rotate(self, *, force: bool = False) -> SigningKey:
        """Make the announced key active. Inside a transaction of the caller's.

        Raises Conflict if it has been published for less than the JWKS may be cached, unless
        ``force``: then tokens it signs are refused by caches until they look again.
        """
        self._stores.signing_keys.lock()
        now = self._stores.clock.now()
        keys = {key.state: key for key in self.list()}
        heir, old = keys[KeyState.ANNOUNCED], keys[KeyState.ACTIVE]
        ready_at = heir.created_at + timedelta(seconds=self._settings.jwks_max_age)
        if now < ready_at and not force:
            raise Conflict(f"the announced key may sign from {ready_at:%Y-%m-%d %H:%M:%S} UTC on; --force to do it now")
        self._stores.signing_keys.change(old.kid, KeyState.RETIRED, now, now + self._longest_life())
        self._stores.signing_keys.change(heir.kid, KeyState.ACTIVE, now, None)
        self._make(KeyState.ANNOUNCED)
        self._record("key.rotated", kid=heir.kid, retired=old.kid)
        self._snapshot = None
        return heir

    def rotate_if_due(self) -> bool:
        """Rotate by age, and forget retired keys whose last token has expired."""
        now = self._stores.clock.now()
        with self._stores.work():
            self._stores.signing_keys.lock()
            self._stores.signing_keys.remove_due(now)
            active = next((key for key in self.list() if key.state is KeyState.ACTIVE), None)
            if active is None:
                return False
            born = active.activated_at or active.created_at
            if now < born + timedelta(seconds=self._settings.key_rotation):
                return False
            self.rotate()
        return True

    # ── inside ───────────────────────────────────────────────────────────────────────────────────

    def _make(self, state: KeyState) -> None:
        now = self._stores.clock.now()
        private = jose.generate(ALG)
        jwk = jose.public_jwk(private, ALG)
        sealed = self._stores.vault.seal(jose.private_bytes(private), f"signing key {jwk['kid']}")
        self._stores.signing_keys.add(
            SigningKey(
                kid=str(jwk["kid"]), alg=ALG, state=state, public_jwk=jwk, private_sealed=sealed, created_at=now,
                activated_at=now if state is KeyState.ACTIVE else None,
            )
        )  # fmt: skip

    def _longest_life(self) -> timedelta:
        """A retired key stays published until nothing it signed can be alive, and a minute more."""
        return timedelta(seconds=max(self._settings.access_token_life, self._settings.id_token_life) + 60)

    def _record(self, kind: str, **details: object) -> None:
        clock, chance = self._stores.clock, self._stores.randomness
        event = SecurityEvent(id=chance.uuid(), at=clock.now(), kind=kind, actor="operator", details=details)
        self._stores.events.append(event)

    def _current(self, older_than: float = SNAPSHOT_SECONDS) -> _Snapshot:
        snapshot = self._snapshot
        if snapshot is not None and time.monotonic() - snapshot.read_at < older_than:
            return snapshot
        if not self._lock.acquire(blocking=snapshot is None) and snapshot is not None:
            return snapshot  # another thread is looking, and JWKS must not wait for a slow database
        try:
            if self._snapshot is snapshot or self._snapshot is None:
                self._snapshot = self._read(snapshot)
            return self._snapshot
        finally:
            self._lock.release()

    def _read(self, previous: _Snapshot | None) -> _Snapshot:
        read_at = time.monotonic()
        try:
            keys = self.list()
        except Unavailable:
            if previous is None:
                raise
            return _Snapshot(previous.signer, previous.verify_keys, previous.published, read_at)
        active = next((key for key in keys if key.state is KeyState.ACTIVE), None)
        if active is None:
            raise Unavailable("no active signing key")
        found = {key.kid: jose.verify_key(key.public_jwk, key.alg) for key in keys}
        verify_keys = {kid: key for kid, key in found.items() if key is not None}
        return _Snapshot(self._signer(active), verify_keys, _publish(keys), read_at)

    def _signer(self, key: SigningKey) -> jose.Signer:
        private = self._parsed.get(key.kid)
        if private is None:
            private = jose.load_private(self._stores.vault.open(key.private_sealed, f"signing key {key.kid}"))
            self._parsed = {key.kid: private}
        return jose.Signer(key.kid, key.alg, private)


def _publish(keys: Sequence[SigningKey]) -> Published:
    body = json.dumps({"keys": [dict(key.public_jwk) for key in keys]}, separators=(",", ":")).encode()
    return Published(body, hashlib.sha256(body).hexdigest()[:32])
