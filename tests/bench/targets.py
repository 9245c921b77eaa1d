"""What has to be reached: the table of issue 3, and how a run's figures are laid beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

IDP, NODE, DJANGO, BARE = "idp", "oidc-provider", "django-oauth-toolkit", "bare function"
Rates = Mapping[tuple[str, str], float]


@dataclass(frozen=True)
class Target:
    """``operation`` of the provider reaches ``factor`` times what ``other`` reaches at ``what``.

    ``beside``: a bare function measured with each of the two, where minutes lie between them and the machine may
    have become another one; each counts as its share of that.
    """

    operation: str
    factor: float
    other: str
    what: str
    beside: str = ""


@dataclass(frozen=True)
class Verdict:
    """One row of the report; ``measured`` None: it was not measured."""

    name: str
    target: str
    measured: str
    met: bool | None

    @property
    def word(self) -> str:
        """For people."""
        return "–" if self.met is None else "met" if self.met else "NOT met"


INTROSPECTION, USERINFO, CREDENTIALS = "introspection", "userinfo", "client credentials"
REFRESH, LEAN_REFRESH, EXCHANGE, JWKS, DISCOVERY = (
    "refresh",
    "refresh, no ID token",
    "code exchange",
    "JWKS",
    "discovery",
)
LONG_STATIC = "static bytes, as many"
STATIC, ONE_GET, ONE_SIGNATURE, ONE_UPDATE = "static bytes", "one Redis GET", "one signature", "signature + UPDATE"
LARGE = " at 1,000,000"

TARGETS = (
    Target(JWKS, 0.9, BARE, STATIC), Target(DISCOVERY, 0.9, BARE, LONG_STATIC),
    Target(INTROSPECTION, 1.2, NODE, INTROSPECTION), Target(INTROSPECTION, 0.65, BARE, ONE_GET),
    Target(USERINFO, 1.0, NODE, USERINFO),
    Target(CREDENTIALS, 1.2, NODE, CREDENTIALS), Target(CREDENTIALS, 0.8, BARE, ONE_SIGNATURE),
    Target(REFRESH, 0.85, NODE, REFRESH), Target(REFRESH, 0.8, BARE, ONE_UPDATE),
    Target(LEAN_REFRESH, 0.8, BARE, ONE_UPDATE),
    Target(EXCHANGE, 0.75, NODE, EXCHANGE),
    *(Target(name, 4, DJANGO, name) for name in (JWKS, INTROSPECTION, USERINFO, CREDENTIALS, REFRESH, EXCHANGE)),
    Target(INTROSPECTION + LARGE, 0.9, IDP, INTROSPECTION, ONE_GET),
    Target(REFRESH + LARGE, 0.9, IDP, REFRESH, ONE_UPDATE),
)  # fmt: skip


def verdicts(rates: Rates) -> list[Verdict]:
    """Each target beside what was measured."""
    return [_verdict(target, rates) for target in TARGETS]


def _verdict(target: Target, rates: Rates) -> Verdict:
    own, other = rates.get((IDP, target.operation)), rates.get((target.other, target.what))
    before, then = rates.get((BARE, target.beside)), rates.get((BARE, target.beside + LARGE))
    if target.beside and own and before and then:
        own *= before / then
    at_least = f"≥ {target.factor:g} × {target.other}, {target.what}"
    if not own or not other:
        return Verdict(target.operation, at_least, "not measured", None)
    return Verdict(
        target.operation, at_least, f"{own / other:.2f} ({own:.0f} : {other:.0f})", own >= target.factor * other
    )


def at_most(name: str, limit: float, unit: str, value: float | None) -> Verdict:
    """A figure that must not be larger."""
    measured = "not measured" if value is None else f"{value:.4g} {unit}"
    return Verdict(name, f"≤ {limit:g} {unit}", measured, None if value is None else value <= limit)


def markdown(found: Sequence[Verdict]) -> str:
    """For README."""
    rows = [f"| {v.name} | {v.target} | {v.measured} | {v.word} |" for v in found]
    return "\n".join(["| operation | target | measured | |", "|---|---|---|---|", *rows])
