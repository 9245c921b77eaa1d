"""Who takes part in ``sign_out``: an API with its resource, an app, and people who press the button."""

from __future__ import annotations

import json
import random
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from idp.domain.client import ClientOrigin
from idp.domain.device import Origin
from idp.domain.user import User
from tests.builders import a_user
from tests.faults.acts import CALLBACK, CHALLENGE, VERIFIER
from tests.faults.endings import form_token, waiting_page
from tests.faults.operators import Operator
from tests.faults.wire import Wire

API, SCOPE = "https://api.example", "notes.read"


@dataclass(frozen=True)
class Held:
    """A browser that is signed in, with the token of its app."""

    wire: Wire
    cookie: str
    form_token: str
    access_token: str

    def sign_out(self) -> tuple[float, float]:
        """Press the button: when it was sent, and when it was acknowledged."""
        headers = {"Cookie": self.cookie, "Origin": self.wire.issuer, "Sec_Fetch_Site": "same-origin"}
        answer = self.wire.ask("POST", "/account/sign-out", {"csrf_token": self.form_token}, **headers)
        pressed = answer.invoke
        while (leads_to := waiting_page(answer)) is not None:
            time.sleep(leads_to[0])
            answer = self.wire.ask("GET", leads_to[1])
        assert answer.status in (200, 303), answer
        return pressed, answer.complete


@dataclass
class People:
    """Everybody, as an operator makes them."""

    operator: Operator
    wire: Wire
    app: dict[str, str]
    user: User

    def signed_in(self) -> Held:
        """On a new device, with a token for the API."""
        services = self.operator.services
        with services.work():
            done = services.sign_in.begin(self.user, origin=Origin(), device_secret=None, session_secret=None)
        cookie = f"idp-session={done.session_secret}; idp-device={done.device_secret}"
        page = self.wire.ask("GET", "/account/sessions", Cookie=cookie)
        return Held(self.wire, cookie, form_token(page), self._token(cookie))

    def _token(self, cookie: str) -> str:
        query = urlencode({
            "response_type": "code", "client_id": self.app["client_id"], "redirect_uri": CALLBACK,
            "scope": f"openid {SCOPE}", "code_challenge": CHALLENGE, "code_challenge_method": "S256", "state": "s",
        })  # fmt: skip
        code = self.wire.ask("GET", f"/authorize?{query}", Cookie=cookie).location["code"]
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK, "code_verifier": VERIFIER}
        answer = self.wire.ask("POST", "/token", {**form, **self.app})
        assert answer.status == 200, answer
        token: str = json.loads(answer.body)["access_token"]
        return token

    def others(self, count: int) -> tuple[list[str], list[dict[str, Any]]]:
        """People and apps for the load beside."""
        now = self.operator.stores.clock.now()
        users = [a_user(email=f"beside{n}@example.com", created_at=now, updated_at=now) for n in range(count)]
        for user in users:
            self.operator.stores.users.add(user)
        apps = [{**_app(self.operator, offline), "offline": offline} for offline in (False, True)]
        return [user.email for user in users], [
            {"client_id": app["client_id"], "secret": app["client_secret"], "offline": app["offline"]} for app in apps
        ]


def seeded(issuer: str, operator: Operator) -> tuple[People, dict[str, Any]]:
    """People, and what an API must know."""
    services, now = operator.services, operator.stores.clock.now()
    metadata = {"client_name": "Notes API", "grant_types": ["client_credentials"], "redirect_uris": []}
    with services.work():
        api = services.clients.create(metadata, origin=ClientOrigin.OPERATOR)
        services.resources.create(API, "Notes", {SCOPE: "Read your notes"}, api.client.client_id)
    user = a_user(email="presses@example.com", created_at=now, updated_at=now)
    operator.stores.users.add(user)
    port = int(issuer.rpartition(":")[2])
    people = People(operator, Wire(issuer, [("workers", port)], random.Random(1)), _app(operator, False), user)
    spec = {"issuer": issuer, "audience": API, "client_id": api.client.client_id, "secret": api.client_secret}
    return people, spec


def _app(operator: Operator, offline: bool) -> dict[str, str]:
    metadata = {
        "client_name": "Phone" if offline else "Web", "redirect_uris": [CALLBACK],
        "post_logout_redirect_uris": [CALLBACK], "token_endpoint_auth_method": "client_secret_post",
        "grant_types": ["authorization_code", "refresh_token"], "scope": f"openid offline_access {SCOPE}",
    }  # fmt: skip
    with operator.services.work():
        new = operator.services.clients.create(metadata, origin=ClientOrigin.OPERATOR, trusted=True)
    return {"client_id": new.client.client_id, "client_secret": new.client_secret or ""}
