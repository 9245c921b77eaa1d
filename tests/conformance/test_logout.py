"""The plans of logout: RP-Initiated 1.0, Back-Channel 1.0, Front-Channel 1.0."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import jwt
import pytest

from idp.courier import Courier
from tests.provider import ISSUER, b64url

from .browser import Browser
from .discovery import checked
from .party import RelyingParty
from .suite import Suite

RP, BACK = "OpenID Connect RP-Initiated Logout 1.0", "OpenID Connect Back-Channel Logout 1.0"
FRONT = "OpenID Connect Front-Channel Logout 1.0"
AFTER = "https://suite.example/after"
EVENT = "http://schemas.openid.net/event/backchannel-logout"


@dataclass
class Scene:
    """A client, a browser signed in at it, and its tokens."""

    suite: Suite
    client: RelyingParty
    browser: Browser
    tokens: dict[str, Any]

    def logout(self, **sent: str) -> Browser:
        """Bring the person to the end session endpoint."""
        url = self.suite.discovery["end_session_endpoint"]
        self.browser.get(f"{url}?{urlencode(sent)}" if sent else url)
        return self.browser

    @property
    def hint(self) -> str:
        return str(self.tokens["id_token"])

    def signed_in(self) -> bool:
        """As ``prompt=none`` says."""
        asked = self.client.request(prompt="none")
        self.client.visit(self.browser, asked)
        error = self.browser.arrive().parameters.get("error")
        assert error in (None, "login_required")
        return error is None

    def stays(self, says: str) -> None:
        """A page that says what was wrong, nobody is sent away, and the person is signed in still."""
        assert self.browser.page.status == 400
        assert says in self.browser.page.text
        assert not self.browser.left
        assert self.browser.page.headers["Content-Type"].startswith("text/html")
        assert self.signed_in()

    def came_back(self, query: dict[str, list[str]]) -> None:
        """At the registered address, with this in its query; and signed out."""
        assert self.browser.page.leaving is not None, self.browser.page
        parts = urlsplit(self.browser.page.leaving)
        assert (f"{parts.scheme}://{parts.netloc}{parts.path}", parse_qs(parts.query)) == (AFTER, query)
        assert not self.signed_in()


def a_scene(suite: Suite, **metadata: Any) -> Scene:
    client, browser = suite.client(post_logout_redirect_uris=[AFTER], **metadata), suite.browser()
    return Scene(suite, client, browser, client.tokens(browser))


@pytest.fixture
def scene(suite: Suite) -> Scene:
    return a_scene(suite)


# ── RP-initiated ──────────────────────────────────────────────────────────────────────────────────


@pytest.mark.spec(RP, "2.1")
def test_oidcc_rp_initiated_logout_discovery_endpoint_verification(suite: Suite) -> None:
    assert checked(suite)["end_session_endpoint"].startswith("https://")


@pytest.mark.spec(RP, "2")
@pytest.mark.spec(RP, "3")
def test_oidcc_rp_initiated_logout(scene: Scene) -> None:
    """The state as the suite makes it, with all of the punctuation that there is."""
    state = "aB9" + "".join(
        map(chr, (*range(33, 43), *range(44, 48), 58, *range(60, 65), *range(91, 97), *range(123, 127)))
    )
    scene.logout(id_token_hint=scene.hint, post_logout_redirect_uri=AFTER, state=state)
    scene.came_back({"state": [state]})


@pytest.mark.spec(RP, "3")
def test_oidcc_rp_initiated_logout_bad_post_logout_redirect_uri(scene: Scene) -> None:
    scene.logout(id_token_hint=scene.hint, post_logout_redirect_uri="https://suite.example/bad", state="s")
    scene.stays("post_logout_redirect_uri is not registered")


@pytest.mark.spec(RP, "2")
def test_oidcc_rp_initiated_logout_modified_id_token_hint(scene: Scene) -> None:
    """Its algorithm made none, as the suite does; and a signature that is not its own."""
    head, claims, signature = scene.hint.split(".")
    none = b64url(b'{"alg": "none"}')
    scene.logout(id_token_hint=f"{none}.{claims}.", post_logout_redirect_uri=AFTER, state="s")
    scene.stays("id_token_hint is not an ID token of ours")
    changed = ("A" if signature[5] != "A" else "B").join((signature[:5], signature[6:]))
    scene.logout(id_token_hint=f"{head}.{claims}.{changed}", post_logout_redirect_uri=AFTER, state="s")
    scene.stays("id_token_hint is not an ID token of ours")


@pytest.mark.spec(RP, "2")
def test_oidcc_rp_initiated_logout_no_id_token_hint(scene: Scene) -> None:
    scene.logout(post_logout_redirect_uri=AFTER, state="s")
    scene.stays("id_token_hint is missing")


@pytest.mark.spec(RP, "2")
def test_oidcc_rp_initiated_logout_no_params(scene: Scene) -> None:
    """The person is asked, because any page could have brought them here; then signed out, and told."""
    scene.logout()
    assert "Sign out" in scene.browser.page.buttons
    scene.browser.submit("Sign out")
    assert not scene.browser.left
    assert scene.browser.page.status == 200
    assert not scene.signed_in()


@pytest.mark.spec(RP, "2")
def test_oidcc_rp_initiated_logout_no_post_logout_redirect_uri(scene: Scene) -> None:
    scene.logout(id_token_hint=scene.hint, state="s")
    assert not scene.browser.left
    assert scene.browser.page.status == 200
    assert not scene.signed_in()


@pytest.mark.spec(RP, "3")
def test_oidcc_rp_initiated_logout_no_state(scene: Scene) -> None:
    scene.logout(id_token_hint=scene.hint, post_logout_redirect_uri=AFTER)
    scene.came_back({})


@pytest.mark.spec(RP, "2")
def test_oidcc_rp_initiated_logout_only_state(scene: Scene) -> None:
    scene.logout(state="s")
    assert "Sign out" in scene.browser.page.buttons
    scene.browser.submit("Sign out")
    assert not scene.browser.left
    assert not scene.signed_in()


@pytest.mark.spec(RP, "3")
def test_oidcc_rp_initiated_logout_query_added_to_post_logout_redirect_uri(scene: Scene) -> None:
    scene.logout(id_token_hint=scene.hint, post_logout_redirect_uri=AFTER + "?foo=bar", state="s")
    scene.stays("post_logout_redirect_uri is not registered")


@pytest.mark.spec(RP, "2")
def test_oidcc_rp_initiated_logout_bad_id_token_hint(scene: Scene) -> None:
    """One that the client made itself; and one that is none."""
    now = int(scene.suite.provider.clock.now().timestamp())
    claims = {"iss": scene.client.client_id, "sub": "SubjectID", "aud": ISSUER, "nonce": "flibble"}
    own = scene.client.signing.sign({**claims, "iat": now, "exp": now + 300})
    for hint in (own, "not a token"):
        scene.logout(id_token_hint=hint, post_logout_redirect_uri=AFTER, state="s")
        scene.stays("id_token_hint is not an ID token of ours")


# ── back-channel ──────────────────────────────────────────────────────────────────────────────────


@pytest.mark.spec(BACK, "2.1")
def test_oidcc_backchannel_logout_discovery_endpoint_verification(suite: Suite) -> None:
    document = checked(suite)
    assert (document["backchannel_logout_supported"], document["backchannel_logout_session_supported"]) == (True, True)


@pytest.mark.spec(BACK, "2.4")
@pytest.mark.spec(BACK, "2.5")
def test_oidcc_backchannel_rp_initiated_logout(suite: Suite) -> None:
    path = "/backchannel"
    scene = a_scene(suite, backchannel_logout_uri=suite.host.origin + path, backchannel_logout_session_required=True)
    scene.logout(id_token_hint=scene.hint, post_logout_redirect_uri=AFTER, state="s")
    scene.came_back({"state": ["s"]})
    Courier(suite.provider.flask.extensions["idp"].deliveries, 2).drain(threading.Event())
    (delivery,) = suite.host.at(path)
    assert delivery.headers["Content-Type"].startswith("application/x-www-form-urlencoded")
    assert set(parse_qs(delivery.body)) == {"logout_token"}
    (token,) = parse_qs(delivery.body)["logout_token"]
    header = jwt.get_unverified_header(token)
    assert header["alg"] == "RS256"
    claims = jwt.decode(
        token, jwt.PyJWK(suite.published_keys()[header["kid"]]), algorithms=["RS256"], audience=scene.client.client_id,
        issuer=ISSUER, options={"require": ["iat", "exp", "jti", "events"]},
    )  # fmt: skip
    assert claims["events"] == {EVENT: {}}
    assert abs(claims["iat"] - suite.provider.clock.now().timestamp()) < 300
    assert "nonce" not in claims
    assert (claims["sub"], claims["sid"]) == (scene.tokens["claims"]["sub"], scene.tokens["claims"]["sid"])


# ── front-channel ─────────────────────────────────────────────────────────────────────────────────


@pytest.mark.spec(FRONT, "3")
def test_oidcc_frontchannel_logout_discovery_endpoint_verification(suite: Suite) -> None:
    document = checked(suite)
    assert (document["frontchannel_logout_supported"], document["frontchannel_logout_session_supported"]) == (
        True,
        True,
    )


@pytest.mark.spec(FRONT, "2")
@pytest.mark.spec(FRONT, "3")
def test_oidcc_frontchannel_rp_initiated_logout(suite: Suite) -> None:
    """The page frames exactly this client's address with ``iss`` and ``sid``, then leads on."""
    uri = "https://suite.example/frontchannel?kept=1"
    scene = a_scene(suite, frontchannel_logout_uri=uri, frontchannel_logout_session_required=True)
    scene.logout(id_token_hint=scene.hint, post_logout_redirect_uri=AFTER, state="s")
    page = scene.browser.page
    (source,) = [frame.get("src") or "" for frame in page.root.all("iframe")]
    parts = urlsplit(source)
    assert f"{parts.scheme}://{parts.netloc}{parts.path}" == uri.split("?")[0]
    assert parse_qs(parts.query) == {"kept": ["1"], "iss": [ISSUER], "sid": [scene.tokens["claims"]["sid"]]}
    assert "https://suite.example" in page.headers["Content-Security-Policy"]
    assert AFTER + "?state=s" in (page.leaving, *page.links().values(), (page.refresh() or (0, ""))[1])
    assert not scene.signed_in()
