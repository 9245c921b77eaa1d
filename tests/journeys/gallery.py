"""Every page a person can meet, and how to stand in front of it: what is looked at by ``test_pages``.

Whatever leads to a page is done by HTTP, so that the browser's time goes into looking. A page is
reached by an address with somebody's cookies, and where that is not enough by one step more.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import requests
from playwright.sync_api import Page, Route

from idp.demo.places import Places
from tests.user_agent import UserAgent

from .browsers import ANDROID, FIREFOX, IPHONE, MAC, WINDOWS
from .database import age, let_expire, release_brakes
from .people import Person, fill_in, new_person, press

CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"  # RFC 7636 appendix B
DEVICES = {
    IPHONE: (timedelta(days=12), timedelta(hours=2), "203.0.113.24"),
    MAC: (timedelta(days=40), timedelta(days=6), "198.51.100.7"),
    ANDROID: (timedelta(days=20), timedelta(days=9), "203.0.113.24"),
    WINDOWS: (timedelta(days=30), timedelta(days=11), "192.0.2.61"),
}
HERE = (timedelta(), timedelta(), "2001:db8:7:1::5")  # a fresh proof, which ending others asks for
PAGES = (
    "sign-in", "sign-in-refused", "throttled", "create-account", "create-account-refused", "chooser", "consent",
    "consent-more", "consent-unchecked", "hand-off", "expired", "finished", "account", "profile", "devices",
    "devices-done",
    "confirm-end", "confirm-end-others", "confirm-everywhere", "prove", "prove-refused", "apps", "no-apps",
    "confirm-remove", "sign-out", "signed-out", "signed-out-everywhere", "not-found", "out-of-date",
    "error-of-an-app",
)  # fmt: skip
WIKI = "Wiki of the Long-Named Neighbourhood Association"
Step = Callable[[Page], None]


@dataclass(frozen=True)
class Stop:
    """One page: its address, whose cookies, what else to do, and the status and heading that prove it."""

    url: str
    heading: str
    who: UserAgent | None = None
    status: int = 200
    step: Step | None = None


@dataclass
class Gallery:
    """A furnished provider: Maria with five devices and two apps, Omar who has allowed nothing."""

    places: Places
    maria: Person
    omar: Person
    here: UserAgent
    omars: UserAgent
    wiki: str
    ended: str = ""
    proven_at: float = field(default_factory=time.monotonic)
    stops: dict[str, Stop] = field(default_factory=dict)

    def renew(self) -> None:
        """Keep Maria's proof fresh, however long the walk takes."""
        if time.monotonic() - self.proven_at > 240:
            self.here.get(f"{self.places.issuer}/account/prove")
            self.here.submit("Continue", Password=self.maria.password)
            self.proven_at = time.monotonic()

    def authorize(self, client_id: str = "demo-app", redirect_uri: str = "", **more: str) -> str:
        """An app's request."""
        query = {
            "response_type": "code", "client_id": client_id, "redirect_uri": redirect_uri or self.places.callback,
            "scope": "openid profile email offline_access notes.read", "resource": self.places.api, "state": "s",
            "code_challenge": CHALLENGE, "code_challenge_method": "S256", **more,
        }  # fmt: skip
        return f"{self.places.issuer}/authorize?{urlencode(query)}"


def furnish(places: Places) -> Gallery:
    """Everything that the pages are to show."""
    release_brakes(places.data_dir)
    maria, omar = new_person(places), new_person(places, "Omar Example")
    here = _device(places, maria, FIREFOX)
    gallery = Gallery(places, maria, omar, here, _device(places, omar, FIREFOX), _register_wiki(places))
    _use_apps(gallery)
    for agent in DEVICES:
        with _device(places, maria, agent) as other:
            if agent != WINDOWS:
                assert "Hello" in other.get(f"{places.app}/sign-in").text
    age(places.data_dir, maria.email, lambda agent: DEVICES.get(agent, HERE))
    _end_one(gallery)
    gallery.stops.update(_stops(gallery))
    return gallery


def _device(places: Places, person: Person, user_agent: str) -> UserAgent:
    agent = UserAgent(places.issuer, places.app)
    agent.session.headers["User-Agent"] = user_agent
    agent.get(f"{places.issuer}/login")
    agent.submit("Sign in", Email=person.email, Password=person.password)
    assert "Your devices" in agent.page.text, agent.page
    return agent


def _register_wiki(places: Places) -> str:
    """An app that nobody vouches for, with everything a registration can say."""
    registration = {
        "client_name": WIKI, "token_endpoint_auth_method": "none",
        "redirect_uris": ["https://wiki.example/callback"], "client_uri": "https://wiki.example/",
        "policy_uri": "https://wiki.example/privacy", "tos_uri": "https://wiki.example/terms",
        "grant_types": ["authorization_code", "refresh_token"],
        "scope": "openid profile email address phone offline_access notes.read notes.write",
    }  # fmt: skip
    answer = requests.post(f"{places.issuer}/register", json=registration, timeout=20)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["client_id"])


def _use_apps(gallery: Gallery) -> None:
    """Notebook is used, the wiki has been allowed and never came back."""
    gallery.here.get(f"{gallery.places.app}/sign-in")
    gallery.here.submit("Allow")
    assert "Hello" in gallery.here.page.text
    gallery.here.get(gallery.authorize(gallery.wiki, "https://wiki.example/callback"))
    assert gallery.here.submit("Allow").leaving


def _end_one(gallery: Gallery) -> None:
    """One of the devices has been signed out, so the past is not empty."""
    gallery.here.get(f"{gallery.places.issuer}/account/sessions")
    gallery.here.submit("Sign out Chrome on Android")
    assert "Signed out of Chrome on Android" in gallery.here.page.text
    gallery.ended = gallery.here.page.url.rpartition("=")[2]


# ── the pages ─────────────────────────────────────────────────────────────────────────────────────


def _stops(gallery: Gallery) -> dict[str, Stop]:
    at, here = gallery.places.issuer, gallery.here
    return {
        **_of_requests(gallery),
        "create-account": Stop(f"{at}/login/new", "Create your account"),
        "create-account-refused": Stop(f"{at}/login/new", "Create your account", status=422, step=_empty_account),
        "devices": Stop(f"{at}/account/sessions", "Your devices", here),
        "devices-done": Stop(f"{at}/account/sessions?ended={gallery.ended}", "Your devices", here),
        "confirm-end": Stop(_end_page(gallery), "Sign out Safari on iOS?", here),
        "confirm-end-others": Stop(f"{at}/account/sessions/others/end", "Sign out of your other devices?", here),
        "confirm-everywhere": Stop(f"{at}/account/sessions/everywhere/end", "Sign out everywhere, here too?", here),
        "prove": Stop(f"{at}/account/prove?to=end-others", "Is it you?", here),
        "prove-refused": Stop(f"{at}/account/prove?to=end-others", "Is it you?", here, 422, _empty_proof),
        "apps": Stop(f"{at}/account/apps", "Apps with access", here),
        "no-apps": Stop(f"{at}/account/apps", "Apps with access", gallery.omars),
        "confirm-remove": Stop(f"{at}/account/apps/demo-app/remove", "Remove access of Notebook?", here),
        "account": Stop(f"{at}/account", "Your account", here),
        "profile": Stop(f"{at}/account/profile", "About you", here),
        "sign-out": Stop(f"{at}/logout?client_id=demo-app", "Do you want to sign out of idp?", here),
        "signed-out": Stop(f"{at}/signed-out", "You are signed out"),
        "signed-out-everywhere": Stop(f"{at}/signed-out?where=everywhere", "You are signed out everywhere"),
        "not-found": Stop(f"{at}/nowhere", "Page not found", status=404),
        "out-of-date": Stop(f"{at}/account", "This page is out of date", here, 403, _stale),
        "error-of-an-app": Stop(
            gallery.authorize("nobody"), "This app asked for something that does not work", status=400
        ),
    }  # fmt: skip


def _of_requests(gallery: Gallery) -> dict[str, Stop]:
    """Pages for an app's request that waits."""
    places, here, omars = gallery.places, gallery.here, gallery.omars
    wiki = gallery.authorize(gallery.wiki, "https://wiki.example/callback", scope="openid email address notes.write")
    sign_in = gallery.authorize()
    expired, finished = _waiting(places, sign_in), _waiting(places, sign_in, omars)
    let_expire(places.data_dir, expired.rpartition("=")[2])
    omars.get(finished)
    omars.submit("Cancel")
    return {
        "sign-in": Stop(sign_in, "Sign in"),
        "sign-in-refused": Stop(sign_in, "Sign in", status=422, step=lambda page: fill_in(page, gallery.maria, "no")),
        "throttled": Stop(sign_in, "Sign in", status=429, step=lambda page: _guess(page, gallery)),
        "chooser": Stop(gallery.authorize(prompt="select_account"), "Choose an account", here),
        "consent": Stop(sign_in, "Allow Notebook access?", omars),
        "consent-more": Stop(wiki, f"Allow {WIKI} access?", here),
        "consent-unchecked": Stop(wiki, f"Allow {WIKI} access?", omars),
        "hand-off": Stop(sign_in, "Going back to Notebook", omars, step=lambda page: _leave(page, places)),
        "expired": Stop(expired, "This sign-in took too long", status=410),
        "finished": Stop(finished, "Already finished", omars),
    }  # fmt: skip


def _waiting(places: Places, url: str, agent: UserAgent | None = None) -> str:
    """The address of the page that waits for an answer to this request."""
    visitor = agent or UserAgent(places.issuer)
    return visitor.get(url).url


def _end_page(gallery: Gallery) -> str:
    """Where the phone's button leads: with GET the question, which is asked after a fresh proof."""
    page = gallery.here.get(f"{gallery.places.issuer}/account/sessions")
    form = next(form for form in page.root.all("form") if "Sign out Safari on iOS" in form.text)
    return gallery.places.issuer + str(form.get("action"))


def _empty_account(page: Page) -> None:
    press(page, "Create account")


def _stale(page: Page) -> None:
    """As if another tab had renewed the sign-in: the form's token fits no more."""
    page.locator("header [name=csrf_token]").evaluate("field => { field.value = 'of yesterday' }")
    page.locator("header").get_by_role("button", name="Sign out").click()


def _empty_proof(page: Page) -> None:
    press(page, "Continue")


def _guess(page: Page, gallery: Gallery) -> None:
    """The last of too many attempts; the others went by HTTP."""
    with UserAgent(gallery.places.issuer) as agent:
        agent.get(f"{gallery.places.issuer}/login")
        while agent.page.status != 429:
            agent.submit("Sign in", Email="nobody@example.com", Password="a guess")
    fill_in(page, gallery.maria)
    page.get_by_text("Too many attempts.").first.wait_for()
    release_brakes(gallery.places.data_dir)


def _leave(page: Page, places: Places) -> None:
    """The app never answers, so the page between stays to be looked at."""

    def silent(route: Route) -> Any:
        route.fulfill(status=204)

    page.context.route(f"{places.app}/**", silent)
    press(page, "Cancel")
    page.get_by_role("heading", name="Going back to Notebook").wait_for()
