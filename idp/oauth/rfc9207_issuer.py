"""RFC 9207 (Issuer Identification): ``iss`` on every authorization response, errors too (section 2).

Against mix-up (RFC 9700 section 4.4): a client that talks to several servers learns which answered.
"""

from __future__ import annotations

from collections.abc import Mapping


def response_parameters(parameters: Mapping[str, str], state: str | None, issuer: str) -> dict[str, str]:
    """The parameters of an authorization response: what it says, ``state`` unaltered, ``iss``."""
    return {**parameters, **({"state": state} if state is not None else {}), "iss": issuer}
