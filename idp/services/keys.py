"""Signing keys: made, announced, rotated, published (design.md 4.4).

Of each algorithm there is always one active key and one announced key. Rotating makes the announced
one active, the active one retired, and announces a new one, all in one transaction under a lock; so
every key has been published for long before it signs, and a rotation takes effect at once on every
worker that looks again (each does every two seconds).

Which algorithms: RS256 always, for it is what a client gets that names none (OpenID Connect
Registration 1.0 section 2), and those of ``IDP_SIGNING_ALGS``. One that was taken out of the setting is
no longer offered, but its keys live on and rotate: clients that once chose it are not broken.

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
from datetime import datetime, timedelta
from typing import TypeGuard

from .. import jose
from ..domain.event import SecurityEvent
from ..domain.key import DEFAULT_ALG, KeyState, SigningKey
from ..domain.ports import Stores
from ..errors import Conflict, NotFound, Unavailable
from ..settings import Settings

SNAPSHOT_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Published:
    """The JWKS as bytes made once per change, with its entity tag."""

    body: bytes
    etag: str


@dataclass(frozen=True, slots=True)
class _Snapshot:
    signers: Mapping[str, jose.Signer]
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

    @property
    def algs(self) -> tuple[str, ...]:
        """What a client may choose for what we sign for it (JWA names, RFC 7518 and RFC 8037)."""
        return self._settings.signing_algs

    def signer(self, alg: str = DEFAULT_ALG) -> jose.Signer:
        """The active key of an algorithm.

        Raises Unavailable if there has never been an answer from storage, or no key of that kind yet.
        """
        signer = self._current().signers.get(alg)
        if signer is None:
            raise Unavailable(f"no active {alg} signing key")
        return signer

    def find(self, kid: str | None, alg: str) -> jose.VerifyKey | None:
        """Our key of that name. An unknown name looks once more: it may have just been announced.

        Or waits for whoever is looking: what was read before would call a live token unknown.
        """
        if kid is None:
            return None
        found = self._current().verify_keys.get(kid)
        if found is None:
            found = self._current(older_than=0.1, patient=True).verify_keys.get(kid)
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
        if not _missing(self.list(), self.algs):
            return
        with self._stores.work():
            self._stores.signing_keys.lock()
            self._complete()

    def rotate(self, alg: str = DEFAULT_ALG, *, force: bool = False) -> SigningKey:
        """Make the announced key of ``alg`` active. Inside a transaction of the caller's.

        Raises Conflict if it has been published for less than the JWKS may be cached, unless
        ``force``: then tokens it signs are refused by caches until they look again. Raises NotFound
        for an algorithm that has no keys.
        """
        self._stores.signing_keys.lock()
        now = self._stores.clock.now()
        keys = {key.state: key for key in self.list() if key.alg == alg}
        if not keys.keys() >= {KeyState.ANNOUNCED, KeyState.ACTIVE}:
            raise NotFound(f"signing keys of {alg}")
        heir, old = keys[KeyState.ANNOUNCED], keys[KeyState.ACTIVE]
        ready_at = heir.created_at + timedelta(seconds=self._settings.jwks_max_age)
        if now < ready_at and not force:
            raise Conflict(f"the announced key may sign from {ready_at:%Y-%m-%d %H:%M:%S} UTC on; --force to do it now")
        self._stores.signing_keys.change(old.kid, KeyState.RETIRED, now, now + self._longest_life())
        self._stores.signing_keys.change(heir.kid, KeyState.ACTIVE, now, None)
        self._make(alg, KeyState.ANNOUNCED)
        self._record("key.rotated", kid=heir.kid, alg=alg, retired=old.kid)
        self._snapshot = None
        return heir

    def rotate_all(self, *, force: bool = False) -> Sequence[SigningKey]:
        """``rotate`` for every algorithm that has keys: nothing signs afterwards that signed before."""
        algs = dict.fromkeys(key.alg for key in self.list() if key.state is KeyState.ACTIVE)
        return [self.rotate(alg, force=force) for alg in algs]

    def remove(self, kid: str) -> None:
        """Take a key away that others may have got hold of: nothing it has signed is good any more.

        Every worker knows within ``SNAPSHOT_SECONDS``, an API that verifies by itself when it reads the
        JWKS again. If it was the one that signs, the announced key signs in its place, although caches may
        not have seen it yet. Inside a transaction of the caller's. Raises NotFound.
        """
        self._stores.signing_keys.lock()
        key = next((key for key in self.list() if key.kid == kid), None)
        if key is None:
            raise NotFound(f"signing key {kid}")
        if key.state is KeyState.ACTIVE:
            self.rotate(key.alg, force=True)
        self._stores.signing_keys.remove(kid)
        self._complete()
        self._record("key.removed", kid=kid, alg=key.alg, state=key.state.value)
        self._snapshot = None

    def rotate_if_due(self) -> bool:
        """Rotate by age, and forget retired keys whose last token has expired."""
        now = self._stores.clock.now()
        with self._stores.work():
            self._stores.signing_keys.lock()
            self._stores.signing_keys.remove_due(now)
            self._complete()
            due = [key.alg for key in self.list() if key.state is KeyState.ACTIVE and self._old(key, now)]
            rotated = [self._rotated(alg) for alg in due]
        return any(rotated)

    def _rotated(self, alg: str) -> bool:
        """An heir that was announced only now waits for the next round, and holds up no other algorithm."""
        try:
            self.rotate(alg)
        except Conflict:
            return False
        return True

    # ── inside ───────────────────────────────────────────────────────────────────────────────────

    def _complete(self) -> None:
        """Under the lock. Also for an algorithm that left the setting while a key of it signs."""
        keys = self.list()
        signing = (key.alg for key in keys if key.state is KeyState.ACTIVE)
        for alg, state in _missing(keys, tuple(dict.fromkeys((*self.algs, *signing)))):
            self._make(alg, state)

    def _old(self, key: SigningKey, now: datetime) -> bool:
        born = key.activated_at or key.created_at
        return now >= born + timedelta(seconds=self._settings.key_rotation)

    def _make(self, alg: str, state: KeyState) -> None:
        now = self._stores.clock.now()
        private = jose.generate(alg)
        jwk = jose.public_jwk(private, alg)
        sealed = self._stores.vault.seal(jose.private_bytes(private), f"signing key {jwk['kid']}")
        self._stores.signing_keys.add(
            SigningKey(
                kid=str(jwk["kid"]), alg=alg, state=state, public_jwk=jwk, private_sealed=sealed, created_at=now,
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

    def _current(self, older_than: float = SNAPSHOT_SECONDS, *, patient: bool = False) -> _Snapshot:
        snapshot = self._snapshot
        if _recent(snapshot, older_than):
            return snapshot
        if not self._lock.acquire(blocking=patient or snapshot is None) and snapshot is not None:
            return snapshot  # another thread is looking, and JWKS must not wait for a slow database
        try:
            snapshot = self._snapshot
            if not _recent(snapshot, older_than):
                self._snapshot = snapshot = self._read(snapshot)
            return snapshot
        finally:
            self._lock.release()

    def _read(self, previous: _Snapshot | None) -> _Snapshot:
        read_at = time.monotonic()
        try:
            keys = self.list()
        except Unavailable:
            if previous is None:
                raise
            return _Snapshot(previous.signers, previous.verify_keys, previous.published, read_at)
        active = [key for key in keys if key.state is KeyState.ACTIVE]
        if not active:
            raise Unavailable("no active signing key")
        found = {key.kid: jose.verify_key(key.public_jwk, key.alg) for key in keys}
        verify_keys = {kid: key for kid, key in found.items() if key is not None}
        return _Snapshot(self._signers(active), verify_keys, _publish(keys), read_at)

    def _signers(self, active: Sequence[SigningKey]) -> Mapping[str, jose.Signer]:
        """Each parsed once; those that no longer sign are forgotten."""
        self._parsed = {key.kid: self._parsed.get(key.kid) or self._open(key) for key in active}
        return {key.alg: jose.Signer(key.kid, key.alg, self._parsed[key.kid]) for key in active}

    def _open(self, key: SigningKey) -> jose.PrivateKey:
        return jose.load_private(self._stores.vault.open(key.private_sealed, f"signing key {key.kid}"))


def _recent(snapshot: _Snapshot | None, older_than: float) -> TypeGuard[_Snapshot]:
    return snapshot is not None and time.monotonic() - snapshot.read_at < older_than


def _missing(keys: Sequence[SigningKey], algs: Sequence[str]) -> list[tuple[str, KeyState]]:
    """What there must be and is not: of each algorithm one that signs and one that will."""
    there = {(key.alg, key.state) for key in keys}
    wanted = [(alg, state) for alg in algs for state in (KeyState.ACTIVE, KeyState.ANNOUNCED)]
    return [item for item in wanted if item not in there]


def _publish(keys: Sequence[SigningKey]) -> Published:
    body = json.dumps({"keys": [dict(key.public_jwk) for key in keys]}, separators=(",", ":")).encode()
    return Published(body, hashlib.sha256(body).hexdigest()[:32])
