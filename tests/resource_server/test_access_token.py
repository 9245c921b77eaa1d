"""What an API reads of a token that has been verified."""

from __future__ import annotations

from typing import Any

import pytest

from idp.resource_server import TokenInvalid
from idp.resource_server.access_token import read_claims

RIGHT = {
    "iss": "https://id.example", "sub": "ada", "client_id": "shop", "jti": "1", "iat": 1, "exp": 2, "scope": "openid",
}  # fmt: skip
PAY = {"type": "payment", "amount": "EUR 1"}


@pytest.mark.spec("RFC 9396", "9")
@pytest.mark.parametrize(
    ("held", "read"), [(None, ()), ([PAY], (PAY,)), ([PAY, "x", 3], (PAY,)), ({"type": "payment"}, ()), ("x", ())]
)  # fmt: skip
def test_authorization_details_are_objects_or_nothing(held: Any, read: tuple[Any, ...]) -> None:
    claims = RIGHT if held is None else {**RIGHT, "authorization_details": held}
    assert read_claims(claims).authorization_details == read


@pytest.mark.spec("RFC 8693", "4.1")
def test_the_tokens_that_it_came_of() -> None:
    via = [{"client_id": "photos", "jti": "2", "iat": 1}, {"client_id": "store", "jti": "3", "iat": 1}]
    assert read_claims({**RIGHT, "via": via}).via == (("photos", "2"), ("store", "3"))
    assert read_claims(RIGHT).via == ()


@pytest.mark.parametrize("via", [None, "x", {"client_id": "photos", "jti": "2"}, ["x"], [{}], [{"jti": "2"}], [[1]]])
def test_what_could_be_revoked_without_our_knowing_is_refused(via: Any) -> None:
    with pytest.raises(TokenInvalid):
        read_claims({**RIGHT, "via": via})
