"""RFC 6749 section 4.1.2.1 (``error_uri``): where an app's developer can read what was wrong with a request."""

from __future__ import annotations

from urllib.parse import quote, urlencode

from ..domain.failed_requests import ERRORS, parameter_in
from ..errors import ProtocolError

PATH = "/authorize/error"


def help_for(error: ProtocolError, issuer: str) -> dict[str, str]:
    """The ``error_uri`` of an answer: error, parameter and rule, nothing of what was sent."""
    if error.error not in ERRORS:
        return {}
    parameter = error.parameter or parameter_in(error.description)
    facts = {"error": error.error, "parameter": parameter, "rule": error.section}
    query = urlencode({name: value for name, value in facts.items() if value}, quote_via=quote)
    return {"error_uri": f"{issuer}{PATH}?{query}"}
