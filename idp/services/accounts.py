"""Accounts: made, found, disabled, deleted; and the rule for new passwords.

The password rule is length and rarity, never composition (ASVS 6.2.1, 6.2.4, 6.2.5): at least eight
characters, not one of the thousands that guessers try first, not the address itself.

Why registration says that an address is taken: an account is usable at once, so success and refusal
differ whatever the words. Confirming the address by mail first is what hides it (ASVS 6.3.8).
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from uuid import UUID

from email_validator import EmailNotValidError, validate_email

from ..domain.device import Origin
from ..domain.event import SecurityEvent
from ..domain.ports import Stores
from ..domain.session import EndReason, WholeUser
from ..domain.throttle import registration_brakes
from ..domain.user import User, email_key
from ..errors import Conflict, InputRefused, NotFound, Throttled
from ..settings import Settings
from .sessions import SessionControl

MIN_PASSWORD, MAX_PASSWORD_BYTES = 8, 1024


@cache
def _common_passwords() -> frozenset[str]:
    from zxcvbn.frequency_lists import FREQUENCY_LISTS  # ten megabytes, for processes that see a new password

    return frozenset(str(word) for word in FREQUENCY_LISTS["passwords"])


def password_problem(password: str, email: str) -> str | None:
    """Why a new password cannot be taken, as a sentence for the person; None if it can."""
    if len(password) < MIN_PASSWORD:
        return "Use at least 8 characters. A few words in a row work well."
    if len(password.encode("utf-8", "surrogatepass")) > MAX_PASSWORD_BYTES:
        return "Use a shorter password."
    if password.casefold() in _common_passwords():
        return "Many people use this password, so it is among the first that others try. Choose another."
    if email_key(password) in (email_key(email), email_key(email).partition("@")[0]):
        return "Your email address is not a safe password. Choose another."
    return None


def email_problem(email: str) -> str | None:
    """Why an address cannot be taken, as a sentence for the person; None if it can."""
    try:
        validate_email(email.strip(), check_deliverability=False, test_environment=True)
    except EmailNotValidError:
        return "Enter an email address like name@example.com."
    return None if len(email) <= 254 else "Enter a shorter email address."


def _clean_name(name: str) -> str:
    """Without control and direction characters, which could disguise what is shown (ASVS 10.4.7)."""
    return "".join(c for c in name if unicodedata.category(c) not in ("Cc", "Cf", "Cs", "Co")).strip()[:120]


def _refuse_problems(email: str, password: str) -> None:
    problems = {"email": email_problem(email), "password": password_problem(password, email)}
    if found := {field: text for field, text in problems.items() if text is not None}:
        raise InputRefused(found)


@dataclass(frozen=True, slots=True)
class Draft:
    """What a new account will be made of; the password is hashed already."""

    email: str
    password_hash: str
    claims: Mapping[str, object]


class Accounts:
    """Every change happens in the caller's transaction; ending what must end goes through P2."""

    def __init__(self, stores: Stores, settings: Settings, sessions: SessionControl) -> None:
        self._stores = stores
        self._settings = settings
        self._sessions = sessions

    def draft(self, email: str, password: str, name: str, origin: Origin) -> Draft:
        """Check what a person wants to register with. Not in a transaction, because it hashes.

        Raises InputRefused, Throttled (every attempt counts, refused ones too), or NotFound where
        people may not register themselves.
        """
        if not self._settings.user_registration:
            raise NotFound("registration")
        wait = self._stores.throttles.take(registration_brakes(origin.address), self._stores.clock.now())
        if wait:
            raise Throttled(wait)
        _refuse_problems(email, password)
        claims = {"name": cleaned} if (cleaned := _clean_name(name)) else {}
        return Draft(email.strip(), self._stores.passwords.hash(password), claims)

    def register(self, draft: Draft, origin: Origin) -> User:
        """Make the account of a checked draft. Raises InputRefused if the address is taken."""
        try:
            return self._open(draft, "self", email_verified=False, origin=origin)
        except Conflict:
            problem = "There is already an account with this address. Sign in instead, or use another address."
            raise InputRefused({"email": problem}) from None

    def create(
        self,
        email: str,
        password: str,
        claims: Mapping[str, object],
        *,
        by: str = "operator",
        email_verified: bool = False,
        origin: Origin | None = None,
    ) -> User:
        """Make an account. Raises InputRefused for what is wrong, Conflict for a taken address."""
        _refuse_problems(email, password)
        draft = Draft(email.strip(), self._stores.passwords.hash(password), dict(claims))
        return self._open(draft, by, email_verified=email_verified, origin=origin)

    def find(self, email: str) -> User:
        """By address, however it is spelt. Raises NotFound."""
        user = self._stores.users.by_email(email)
        if user is None:
            raise NotFound(email)
        return user

    def get(self, user_id: UUID) -> User:
        """By ``sub``. Raises NotFound."""
        user = self._stores.users.get(user_id)
        if user is None:
            raise NotFound(str(user_id))
        return user

    def list(self) -> Sequence[User]:
        """Everybody who is not deleted."""
        return self._stores.users.list()

    def disable(self, user: User, by: str = "operator") -> User:
        """Nobody signs in as this user any more, and everything of theirs ends."""
        held = self._held(user)
        changed = self._save(replace(held, disabled_at=held.disabled_at or self._stores.clock.now()))
        self._sessions.end_session(WholeUser(user.id), EndReason.USER_DISABLED, by=by)
        self._record("account.disabled", user, by)
        return changed

    def enable(self, user: User, by: str = "operator") -> User:
        """Let the user sign in again; what had ended stays ended."""
        changed = self._save(replace(self._held(user), disabled_at=None))
        self._record("account.enabled", user, by)
        return changed

    def set_password(self, user: User, password: str, by: str = "operator") -> User:
        """An operator sets a password: all sessions end, as after a reset (design.md section 5)."""
        if (problem := password_problem(password, user.email)) is not None:
            raise InputRefused({"password": problem})
        hashed = self._stores.passwords.hash(password)
        held = self._held(user)
        changed = self._save(replace(held, password_hash=hashed, password_changed_at=self._stores.clock.now()))
        self._sessions.end_session(WholeUser(user.id), EndReason.PASSWORD_RESET, by=by)
        self._record("password.set", user, by)
        return changed

    def delete(self, user: User, by: str = "operator") -> None:
        """End everything, then keep a tombstone without personal data, so ``sub`` is never reused.

        Of what happened, ids and times stay; addresses, browsers and names go.
        """
        held = self._held(user)
        for consent in self._stores.consents.of_user(user.id):
            self._stores.consents.withdraw(user.id, consent.client_id)
        self._sessions.end_session(WholeUser(user.id), EndReason.USER_DELETED, by=by)
        self._stores.users.erase_traces(user.id)
        now = self._stores.clock.now()
        self._save(replace(held, email="", email_verified=False, password_hash=None, claims={}, deleted_at=now))
        self._record("account.deleted", user, by)

    def _open(self, draft: Draft, by: str, *, email_verified: bool, origin: Origin | None) -> User:
        now = self._stores.clock.now()
        user = User(
            id=self._stores.randomness.uuid(),
            email=draft.email,
            email_verified=email_verified,
            password_hash=draft.password_hash,
            claims=draft.claims,
            created_at=now,
            updated_at=now,
            password_changed_at=now,
        )
        self._stores.users.add(user)
        self._record("account.created", user, by, origin)
        return user

    def _held(self, user: User) -> User:
        """As the row is now, locked until commit: of two changes at once, neither undoes the other.

        Before any of their sessions is locked, as a sign-in does (``SignIn.begin``). Raises NotFound.
        """
        held = self._stores.users.hold(user.id)
        if held is None:
            raise NotFound(str(user.id))
        return held

    def _save(self, user: User) -> User:
        changed = replace(user, updated_at=self._stores.clock.now())
        self._stores.users.save(changed)
        return changed

    def _record(self, kind: str, user: User, by: str, origin: Origin | None = None) -> None:
        origin = origin or Origin()
        self._stores.events.append(
            SecurityEvent(
                id=self._stores.randomness.uuid(), at=self._stores.clock.now(), kind=kind, user_id=user.id,
                actor=by, address=origin.address, user_agent=origin.user_agent,
            )
        )  # fmt: skip
