"""Client metadata of OpenID Connect CIBA Core 1.0, section 4: how a client hears of the decision."""

from __future__ import annotations

from .key import SIGNING_ALGS
from .metadata_members import Sent, bad, boolean, choice, link

CIBA_GRANT = "urn:openid:params:grant-type:ciba"
MODE, NOTIFICATION = "backchannel_token_delivery_mode", "backchannel_client_notification_endpoint"
POLL, PING = "poll", "ping"
MODES = (POLL, PING)
SIGNING_ALG = "backchannel_authentication_request_signing_alg"


def ciba(sent: Sent) -> dict[str, object]:
    """The members of section 4. ``push`` and user codes are refused."""
    grants = sent.get("grant_types")
    asked = isinstance(grants, list) and CIBA_GRANT in grants
    uri = link(sent, NOTIFICATION, fragment=False)
    if not asked:
        return {}
    if MODE not in sent:
        raise bad(f"{MODE} is required (CIBA Core 4)")
    mode = choice(sent, MODE, MODES, POLL)
    if boolean(sent, "backchannel_user_code_parameter"):
        raise bad("backchannel_user_code_parameter is not supported")
    alg = choice(sent, SIGNING_ALG, SIGNING_ALGS, "")
    if alg and not {"jwks", "jwks_uri"} & set(sent):
        raise bad(f"{SIGNING_ALG} needs jwks or jwks_uri")
    if mode == PING and uri is None:
        raise bad(f"{NOTIFICATION} is required for ping (CIBA Core 4)")
    return {MODE: mode, **({NOTIFICATION: uri} if uri is not None else {}), **({SIGNING_ALG: alg} if alg else {})}
