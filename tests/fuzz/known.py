"""Values that requests are made of, and what Mallory's key signs for them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from idp.domain.client import Client

from .parties import VOUCHER, Operators, Party
from .signing import proof, signed
from .wire import EVEN, Odd, fill

Makers = Mapping[str, Callable[[Odd], str]]


class Known(Mapping[str, str]):
    """Values by name. What is signed is made when it is asked for, as odd as this request wants it."""

    def __init__(self, values: Mapping[str, str], makers: Makers, odd: Odd = EVEN) -> None:
        self._values, self._makers, self._odd = values, makers, odd

    def __getitem__(self, name: str) -> str:
        return self._makers[name](self._odd) if name in self._makers else self._values[name]

    def __iter__(self) -> Iterator[str]:
        yield from self._values
        yield from self._makers

    def __len__(self) -> int:
        return len(self._values) + len(self._makers)


class Quoted(Mapping[str, str]):
    """Values as they stand within a JSON string."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = values

    def __getitem__(self, name: str) -> str:
        return json.dumps(self._values[name])[1:-1]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)


def with_values(odd: Odd, values: Mapping[str, str]) -> Odd:
    """The same changes, names in them filled in."""
    if odd is EVEN:
        return odd
    return Odd(*json.loads(fill(json.dumps([odd.header, odd.claims]), Quoted(values)), strict=False))


class Signing:
    """What Mallory's key can sign; ``now`` in seconds."""

    def __init__(self, issuer: str, made: Operators, now: Callable[[], int]) -> None:
        self._issuer, self._made, self._now = issuer, made, now

    def makers(self, mallory: Party, request_of: Callable[[Client], dict[str, str]]) -> Makers:
        """By name."""
        bound, made = mallory.values["bound_token"], self._made

        def an_object(client: Client, odd: Odd) -> str:
            return self._said({"iss": client.client_id, "aud": self._issuer, **request_of(client)}, odd)

        return {
            "proof": lambda odd: proof("POST", f"{self._issuer}/token", self._now(), odd),
            "proof.par": lambda odd: proof("POST", f"{self._issuer}/par", self._now(), odd),
            "proof.userinfo": lambda odd: proof("GET", f"{self._issuer}/userinfo", self._now(), odd, bound),
            "mallory.object": lambda odd: an_object(mallory.client, odd),
            "signer.object": lambda odd: an_object(made.signer, odd),
            "signer.assertion": self._assertion,
            "signer.asked": lambda odd: self._asked(mallory.user.email, odd),
            "voucher.assertion": lambda odd: self._said(
                {"iss": VOUCHER, "sub": mallory.user.email, "aud": self._issuer}, odd
            ),
            "voucher.statement": lambda odd: self._said(
                {"iss": VOUCHER, "software_id": "4NRB1-0XZABZI9E6-5SM3R", "client_name": "Stated"}, odd
            ),
        }  # fmt: skip

    def _said(self, claims: dict[str, Any], odd: Odd) -> str:
        return signed(claims, self._now(), odd)

    def _assertion(self, odd: Odd) -> str:
        name = self._made.signer.client_id
        return self._said({"iss": name, "sub": name, "aud": self._issuer}, odd)

    def _asked(self, email: str, odd: Odd) -> str:
        asked = {"scope": "openid", "login_hint": email, "client_notification_token": "n" * 30}
        return self._said({"iss": self._made.signer.client_id, "aud": self._issuer, **asked}, odd)
