"""The front door of the SDK: an ``Authorization`` header in, an AccessToken or a refusal out.

RFC 9068 section 4 in order: form, header, key, signature, claims; then whether its session lives, as the
mode of the route says; then scope (RFC 6750) and how the person signed in (RFC 9470). Local checks come
first, so junk costs the issuer nothing.

    mode          who is asked                         a session that has ended is noticed
    local         nobody                               when the token expires
    introspect    the issuer, each time (RFC 7662)     on the next call
    stream        the revocations in memory            on the next call, within the bound (250 ms)

The ladder of ``stream``: revocations proved fresh decide in memory; else the issuer is asked about this
token; if that cannot be, VerifierUnavailable (503). Silence is never a yes, and never a 401.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Self
from urllib.parse import urlsplit

from .access_token import AccessToken
from .clock import wall
from .errors import TokenError, VerifierUnavailable
from .follower import Follower
from .introspection import Introspection, basic
from .issuer import Issuer
from .live import PATIENCE_SECONDS, OnEnd, Watch, Watches
from .log_reader import LogReader
from .own_token import OwnToken
from .possession import NOBODY, Possession, Presented, Sender, own_url, presented
from .proof_nonces import ProofNonces
from .requirement import MODES, Mode, Requirement, words
from .revocation_state import RevocationState
from .signed_tokens import SignedTokens
from .transport import Transport, origin_of


class Verifier:
    """Verifies access tokens of one issuer for one audience. Make one per process and share it.

    ``issuer`` and ``audience`` are compared exactly. ``client_id`` and ``client_secret`` are this API's
    own, for the modes that ask. ``mode`` is for routes that name none. In seconds: ``leeway`` (clock
    difference), ``timeout``, ``introspection_cache`` (at most 1), ``bound`` (how long a proof holds that
    the revocations in memory are complete). ``remembered`` is how many verified tokens are kept.

    ``origin`` is where clients reach this API (https://api.example.com), for DPoP proofs name their address;
    the audience's, if that is an address. ``certificate_header`` is the header in which the proxy before this
    API says the client's TLS certificate: it must drop what clients send by that name, and be the only way
    here. ``sender_constrained`` refuses tokens that are bound to nothing. ``dpop_nonce_secret`` (32 random bytes
    or more, the same in every process of this API) has DPoP proofs name a nonce that this API gave; where browsers
    call it from elsewhere, let CORS expose ``DPoP-Nonce`` and ``WWW-Authenticate``.
    """

    def __init__(
        self,
        issuer: str,
        audience: str,
        *,
        client_id: str | None = None,
        client_secret: str | None = None,
        mode: Mode = "introspect",
        leeway: float = 5.0,
        timeout: float = 3.0,
        introspection_cache: float = 0.0,
        bound: float = 0.25,
        remembered: int = 10_000,
        origin: str | None = None,
        certificate_header: str | None = None,
        sender_constrained: bool = False,
        dpop_nonce_secret: bytes | None = None,
    ) -> None:
        if not 0 < bound <= 5:
            raise ValueError("the bound is more than 0 and at most 5 s")
        transport = Transport(issuer, timeout=timeout)
        self.issuer, self.audience, self.timeout = issuer, audience, timeout
        self._leeway, self._mode = leeway, mode
        self._origin, self._certificate_header = origin or _origin_of(audience), certificate_header
        nonces = None if dpop_nonce_secret is None else ProofNonces(dpop_nonce_secret)
        self._possession = Possession(required=sender_constrained, nonces=nonces)
        self._source = Issuer(issuer, transport)
        self._signed = SignedTokens(self._source, audience, leeway=leeway, remembered=remembered)
        self._revocations = RevocationState()
        self._introspection: Introspection | None = None
        self._follower: Follower | None = None
        if client_id is not None and client_secret is not None:
            own = basic(client_id, client_secret)
            self._introspection = Introspection(self._source, transport, own, introspection_cache, timeout)
            reading = _reading(self._source, own, self._revocations, timeout, bound)
            self._follower = Follower(issuer, reading, self._revocations)
            weakref.finalize(self, self._follower.close)  # also at the end of the interpreter
        self._watches = Watches(self._revocations, self._follower, self._introspection, leeway)
        weakref.finalize(self, self._watches.close)
        self.require()

    # ── requests ─────────────────────────────────────────────────────────────────────────────────

    def verify(
        self,
        authorization: str | None,
        *,
        scope: str | Iterable[str] = (),
        mode: Mode | None = None,
        acr_values: str | Iterable[str] = (),
        max_age: int | None = None,
        sender: Sender = NOBODY,
    ) -> AccessToken:
        """Check the value of an ``Authorization`` header; ``scope`` is what the request needs, all of it.

        ``sender`` (made by the method of that name) is what the request proves besides; a bound token needs it.

        ``acr_values`` and ``max_age`` ask for a sign-in of one of these kinds, not longer ago (RFC 9470).
        Raises TokenMissing, TokenInvalid, ProofInvalid, NonceWanted, StepUpRequired, InsufficientScope or
        VerifierUnavailable.
        """
        needed = self.require(scope=scope, mode=mode, acr_values=acr_values, max_age=max_age)
        return self.admit(authorization, needed, sender)

    def sender(self, method: str, path: str, header: Callable[[str], str | None]) -> Sender:
        """What a request proves: its method, its path (decoded), and how to look up one of its headers."""
        certificate = header(self._certificate_header) if self._certificate_header else None
        return Sender(method, own_url(self._origin, path), header("DPoP"), certificate)

    def require(
        self,
        *,
        scope: str | Iterable[str] = (),
        mode: Mode | None = None,
        acr_values: str | Iterable[str] = (),
        max_age: int | None = None,
    ) -> Requirement:
        """The same demands, put together once for many requests. Raises ValueError if they cannot be met."""
        mode = mode or self._mode
        if mode not in MODES:
            raise ValueError("mode is 'introspect', 'local' or 'stream'")
        if mode != "local" and self._introspection is None:
            raise ValueError(f"mode {mode!r} needs the API's client_id and client_secret")
        return Requirement(mode, words(scope), words(acr_values), max_age)

    def admit(self, authorization: str | None, requirement: Requirement, sender: Sender = NOBODY) -> AccessToken:
        """``verify`` for a requirement made before; may wait for the issuer."""
        shown = presented(authorization)
        with _challenging(shown):
            return self._admit(shown, requirement, sender)

    def _admit(self, shown: Presented, requirement: Requirement, sender: Sender) -> AccessToken:
        token = shown.token
        verified = self._signed.at_once(token) or self._signed.verify(token)
        self._possession.check(verified.token, shown, sender)
        if requirement.mode != "local" and not (requirement.mode == "stream" and self._revocations.vouches(verified)):
            self._ask(token, requirement.mode)
        requirement.check(verified.token, wall() - self._leeway)
        return verified.token

    def admit_at_once(
        self, authorization: str | None, requirement: Requirement, sender: Sender = NOBODY
    ) -> AccessToken | None:
        """``admit`` without waiting for anybody; None if the issuer must be asked. For event loops.

        The proof is looked at last: it works once, and ``admit`` may come after.
        """
        shown = presented(authorization)
        with _challenging(shown):
            if requirement.mode == "introspect" or (verified := self._signed.at_once(shown.token)) is None:
                return None
            if requirement.mode == "stream" and not self._revocations.vouches(verified):
                return None
            self._possession.check(verified.token, shown, sender)
            requirement.check(verified.token, wall() - self._leeway)
        return verified.token

    def check(self, token: str, mode: Mode | None = None) -> AccessToken:
        """Check one bearer token, wherever it came from. Raises TokenInvalid or VerifierUnavailable."""
        return self._admit(Presented(token, dpop=False), self.require(mode=mode), NOBODY)

    def _ask(self, token: str, mode: Mode) -> None:
        if mode == "stream" and self._follower is not None:
            self._follower.start()
        if self._introspection is None:  # a requirement made by another verifier
            raise VerifierUnavailable("this verifier has no credentials to ask with")
        self._introspection.require_active(token)

    def watch(
        self, token: str, on_end: OnEnd, *, mode: Mode | None = None, patience: float = PATIENCE_SECONDS
    ) -> Watch:
        """Call ``on_end`` once, from another thread, when a token is no longer good (``live``).

        For connections that stay open; verify the token first, as this never waits for keys. ``mode``
        ``local`` looks at the time alone; else ``patience`` is for how many seconds nobody need be able to
        say. Raises TokenInvalid; VerifierUnavailable without keys or after ``close``.
        """
        followed = self.require(mode=mode).mode != "local"
        verified = self._signed.at_once(token)
        if verified is None:
            raise VerifierUnavailable("the token's key is not known")
        return self._watches.add(token, verified, on_end, patience if followed else None)

    # ── the stream ───────────────────────────────────────────────────────────────────────────────

    def start(self) -> None:
        """Follow the revocations from now on; else the first request in mode ``stream`` begins."""
        if self._follower is not None:
            self._follower.start()

    def close(self) -> None:
        """Stop following and watching. Tokens can still be checked, by introspection."""
        self._watches.close()
        if self._follower is not None:
            self._follower.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def fresh(self) -> bool:
        """Would mode ``stream`` decide in memory at this moment?"""
        return self._revocations.fresh

    @property
    def follows_by(self) -> str:
        """How the revocations are followed: ``events``, ``polling``, or nothing while they are not."""
        return self._follower.by if self._follower is not None else ""

    @property
    def revocations(self) -> int:
        """How many are in memory."""
        return len(self._revocations)


def _reading(
    source: Issuer, own: str, state: RevocationState, timeout: float, bound: float
) -> Callable[[Callable[[], bool]], LogReader]:
    """How to make a reader of the log: with connections of its own, which may go to another port.

    Where our own secret goes, no other port will do.
    """

    def make(stopped: Callable[[], bool]) -> LogReader:
        strict = Transport(source.issuer, timeout=timeout, connections=1)
        transport = Transport(source.issuer, timeout=timeout, connections=2, any_port=True)
        return LogReader(source, transport, OwnToken(source, strict, own), state, bound, stopped)

    return make


def bearer_token(authorization: str | None) -> str:
    """The token of an ``Authorization`` header, by whichever scheme it came. Raises TokenMissing."""
    return presented(authorization).token


@contextmanager
def _challenging(shown: Presented) -> Iterator[None]:
    """A refusal challenges by the scheme that was tried (RFC 9449 section 7.1)."""
    try:
        yield
    except TokenError as error:
        if shown.dpop:
            error.scheme = "DPoP"
        raise


def _origin_of(audience: str) -> str | None:
    try:
        origin_of(audience)
    except ValueError:
        return None
    parts = urlsplit(audience)
    return f"{parts.scheme}://{parts.netloc}"
