"""Every error this provider raises on purpose.

    IdpError
    ├── ProtocolError        an OAuth / OpenID Connect error response, with its registered code
    ├── SignInRefused        one public sentence whatever the cause (ASVS 6.3.8)
    ├── InputRefused         a form of ours was filled in wrongly: field -> sentence
    ├── ProofRequired        the act needs a fresh proof of who the person is (ASVS 7.5.2)
    ├── TokenRejected        a JWT is not what it must be; never says which check it failed
    ├── Throttled            too many attempts; says when to come back (429)
    ├── NotFound             no such thing, or not yours: the two are not told apart
    ├── Conflict             it exists already
    ├── Unavailable          a backend did not answer; never guessed around (503, Retry-After)
    │   ├── EndingUnsettled  it has ended in the record, and may be taken for live a little longer
    │   └── LostTransaction  the database gave one up for another: nothing was done, do it again
    └── ConfigurationError   all mistakes of the configuration at once, at start

Each is turned into HTTP in one place per audience: ``oauth.responses`` for programs,
``web.errors`` for people, ``cli`` for operators.

Why ``persist``: detecting the reuse of a code or of a refresh token writes the ending of a session
and *then* answers an error. A transaction that rolls back on that error would undo the very thing
the error reports (security.md section 6, trap 5), so such errors say that the work must be kept.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence


class IdpError(Exception):
    """The root. ``persist`` tells the transaction to commit although the answer is an error."""

    persist: bool = False


def _public(text: str) -> str:
    """Keep only what RFC 6749 section 5.2 allows in ``error_description``."""
    return "".join(c if " " <= c <= "~" and c not in '"\\' else "?" for c in text)


class ProtocolError(IdpError):
    """An error response of RFC 6749 section 4.1.2.1 or 5.2, or of a specification that extends them.

    ``error`` is the registered code, ``description`` is public and safe to show, ``section`` names
    the rule that refuses, ``detail`` is for our log alone. ``status`` is the HTTP status when the
    error is answered directly; ``headers`` travel with it. ``parameter`` is the name of the one that was
    wrong, where whoever refuses knows it better than the description says.
    """

    def __init__(
        self,
        error: str,
        description: str,
        *,
        section: str,
        detail: str = "",
        status: int = 400,
        headers: Mapping[str, str] | None = None,
        persist: bool = False,
        parameter: str | None = None,
    ) -> None:
        super().__init__(error)
        self.error = error
        self.description = _public(description)
        self.section = section
        self.detail = detail
        self.status = status
        self.headers = dict(headers or {})
        self.persist = persist
        self.parameter = parameter

    def body(self) -> dict[str, str]:
        """The JSON body or redirect parameters of this error, without ``state`` and ``iss``."""
        return {"error": self.error, "error_description": f"{self.description} ({self.section})"}


class SignInRefused(IdpError):
    """Unknown person, wrong password or disabled account: never said which."""

    persist = True


class InputRefused(IdpError):
    """A form cannot be accepted. ``problems`` maps a field name to one sentence for the person."""

    def __init__(self, problems: Mapping[str, str]) -> None:
        super().__init__("; ".join(f"{field}: {text}" for field, text in problems.items()))
        self.problems = dict(problems)


class ProofRequired(IdpError):
    """The last proof of identity is too old for what was asked."""


class TokenRejected(IdpError):
    """A JWT did not verify. The message is for our log; whoever sent it learns nothing from it."""


class Throttled(IdpError):
    """Too many attempts. ``retry_after`` is in whole seconds."""

    persist = True

    def __init__(self, retry_after: int) -> None:
        super().__init__(f"retry after {retry_after} s")
        self.retry_after = max(1, retry_after)


class NotFound(IdpError):
    """There is no such thing, or the one who asks may not know of it."""


class Conflict(IdpError):
    """The name is taken."""


class Unavailable(IdpError):
    """A backend did not answer. ``retry_after`` is in whole seconds."""

    def __init__(self, what: str, retry_after: int = 2) -> None:
        super().__init__(what)
        self.retry_after = retry_after


class EndingUnsettled(Unavailable):
    """Something has ended, and the hot copy did not confirm it: it may be taken for live a little longer.

    Raised *after* the commit, so nothing is undone. ``seconds`` from now on it is dead everywhere.
    """

    def __init__(self, seconds: float) -> None:
        super().__init__("the hot copy has not confirmed what has ended", retry_after=max(1, math.ceil(seconds)))
        self.seconds = seconds


class LostTransaction(Unavailable):
    """A transaction lost to another one, rolled back whole: whoever began it may begin it again at once.

    Who does: ``again`` a request, ``services.housekeeping`` a step, ``cli`` a command.
    """


class ConfigurationError(IdpError):
    """The settings cannot be used. ``problems`` lists every mistake, each with what to do."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = list(problems)
