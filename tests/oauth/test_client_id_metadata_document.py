"""Clients whose id is a URL: what is read there, for how long it counts, and what is refused."""

from __future__ import annotations

import http.server
import json
import os
import re
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from idp import jose
from idp.domain.client import Client
from idp.domain.client_id_document import host_of, is_document_url, metadata_of
from idp.domain.metadata_members import MetadataProblem
from idp.oauth.client_id_metadata_document import LEAST_SECONDS, MOST_SECONDS, USUAL_SECONDS, fresh_seconds

from ..certificates import a_certificate
from ..provider import (
    ISSUER,
    VERIFIER,
    App,
    Browser,
    Provider,
    a_page,
    answered,
    claims_of,
    refused,
    running,
    sent_back,
)

SPEC = "OAuth Client ID Metadata Document"
CALLBACK = "https://agent.example/callback"


@dataclass
class Site:
    """An https server on loopback that holds documents; what was asked for is counted."""

    port: int = 0
    documents: dict[str, Any] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=lambda: {"Content-Type": "application/json"})
    status: int = 200
    asked: list[str] = field(default_factory=list)

    def url(self, path: str = "/agent.json") -> str:
        return f"https://localhost:{self.port}{path}"

    def publish(self, path: str = "/agent.json", **members: Any) -> str:
        url = self.url(path)
        usual = {"client_id": url, "client_name": "Agent", "redirect_uris": [CALLBACK]}
        self.documents[path] = {name: value for name, value in (usual | members).items() if value is not None}
        return url


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    certificate = a_certificate(tmp_path)
    monkeypatch.setattr("idp.outgoing._tls", lambda: ssl.create_default_context(cafile=certificate))
    found = Site()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found.asked.append(self.path)
            document = found.documents.get(self.path, b"")
            body = document if isinstance(document, bytes) else json.dumps(document).encode()
            self.send_response(found.status if self.path in found.documents else 404)
            for name, value in found.headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Quiet."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    found.port = server.server_address[1]
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield found
    server.shutdown()
    server.server_close()


@pytest.fixture
def open_to_all(database: str) -> Iterator[Provider]:
    with running(database, client_id_documents="*", fetch_private_networks=True) as made:
        yield made


@pytest.fixture
def ada(open_to_all: Provider) -> Browser:
    return open_to_all.sign_in()


def app_at(provider: Provider, url: str, redirect_uri: str = CALLBACK) -> App:
    """The app as the tests' provider speaks for it; what it is, the document says."""
    now = provider.clock.now()
    client = Client(client_id=url, client_name="", origin="dynamic", token_endpoint_auth_method="none",  # type: ignore[arg-type]
                    created_at=now, updated_at=now)  # fmt: skip
    return App(client, None, redirect_uri)


@pytest.mark.spec(SPEC, "4")
def test_a_client_that_nobody_registered_signs_people_in(open_to_all: Provider, site: Site, ada: Browser) -> None:
    provider, app = open_to_all, app_at(open_to_all, site.publish(grant_types=["authorization_code", "refresh_token"]))
    asked = provider.authorize(app, ada)
    assert asked.headers["Location"].startswith("/consent")
    page = provider.visit(ada, asked.headers["Location"]).text
    assert f"localhost:{site.port}" in page, "another port is another's server"
    assert "Nobody has checked this app." in page
    tokens = provider.tokens(app, ada)
    assert claims_of(tokens["access_token"])["client_id"] == app.id
    assert provider.refresh(app, tokens["refresh_token"]).status_code == 200
    assert len(site.asked) == 1, "it was read once and kept"
    discovery = answered(provider.get("/.well-known/openid-configuration"))
    assert discovery["client_id_metadata_document_supported"] is True


@pytest.mark.spec(SPEC, "4.4")
def test_it_is_read_again_when_it_is_no_longer_fresh(open_to_all: Provider, site: Site, ada: Browser) -> None:
    provider, app = open_to_all, app_at(open_to_all, site.publish())
    site.headers["Cache-Control"] = "max-age=3600"
    provider.authorize(app, ada)
    site.publish(client_name="Renamed")
    with provider.clock.later(3500):
        provider.authorize(app, ada)
        assert len(site.asked) == 1
    with provider.clock.later(3700):
        provider.authorize(app, ada)
        assert len(site.asked) == 2
        assert provider.services.clients.get(app.id).client_name == "Renamed"


@pytest.mark.spec(SPEC, "4.4")
def test_it_is_read_again_where_a_registered_client_would_be_as_it_was_a_moment_ago(
    open_to_all: Provider, site: Site, ada: Browser
) -> None:
    provider, app = open_to_all, app_at(open_to_all, site.publish(grant_types=["authorization_code", "refresh_token"]))
    provider.authorize(app, ada)
    token = provider.tokens(app, ada)["refresh_token"]
    token = answered(provider.refresh(app, token))["refresh_token"]
    site.publish()
    with provider.clock.later(USUAL_SECONDS + 1):
        refused(provider.refresh(app, token), 400, "unauthorized_client")


@pytest.mark.spec(SPEC, "4.3")
def test_a_silent_host_stops_new_requests_and_takes_no_tokens_away(
    open_to_all: Provider, site: Site, ada: Browser
) -> None:
    provider, app = open_to_all, app_at(open_to_all, site.publish(grant_types=["authorization_code", "refresh_token"]))
    provider.authorize(app, ada)
    tokens = provider.tokens(app, ada)
    site.status = 503
    with provider.clock.later(MOST_SECONDS + 1):
        a_page(provider.authorize(app, provider.sign_in()))
        assert provider.refresh(app, tokens["refresh_token"]).status_code == 200


@pytest.mark.spec(SPEC, "6.3")
def test_a_new_redirect_uri_is_asked_for_anew(open_to_all: Provider, site: Site, ada: Browser) -> None:
    provider, app = open_to_all, app_at(open_to_all, site.publish())
    provider.authorize(app, ada)
    provider.code(app, ada)
    site.publish(redirect_uris=[CALLBACK, "https://agent.example/other"])
    with provider.clock.later(USUAL_SECONDS + 1):
        sent_back(provider.authorize(app, ada, prompt="none"), "consent_required", CALLBACK)


BAD_DOCUMENTS: list[dict[str, Any]] = [
    {"client_id": "https://localhost/other.json"}, {"client_id": None}, {"client_secret": "x"},
    {"client_secret_expires_at": 1}, {"token_endpoint_auth_method": "client_secret_basic"},
    {"token_endpoint_auth_method": "client_secret_jwt"}, {"token_endpoint_auth_method": 7}, {"redirect_uris": None},
    {"redirect_uris": ["javascript:alert(1)"]}, {"grant_types": ["client_credentials"]}, {"grant_types": 7},
    {"client_name": "a\u202eb"}, {"client_name": "x" * 6000}, {"token_endpoint_auth_method": "private_key_jwt"},
]  # fmt: skip


@pytest.mark.spec(SPEC, "4.1")
@pytest.mark.parametrize("members", BAD_DOCUMENTS, ids=lambda members: next(iter(members)))
def test_a_document_that_registers_nothing_is_a_page_and_is_not_kept(
    open_to_all: Provider, site: Site, members: dict[str, Any]
) -> None:
    app = app_at(open_to_all, site.publish(**members))
    with open_to_all.nothing_changes():
        a_page(open_to_all.authorize(app))
        refused(open_to_all.redeem(app, "x"), 401, "invalid_client")
    site.publish()
    assert open_to_all.authorize(app).status_code == 303


@pytest.mark.spec(SPEC, "4")
@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"a": NaN}', b'{"a": "\\u0000"}', b"\xff", b"[" * 5000])
def test_bytes_that_are_no_document(open_to_all: Provider, site: Site, body: bytes) -> None:
    site.documents["/agent.json"] = body
    a_page(open_to_all.authorize(app_at(open_to_all, site.url())))


@pytest.mark.spec(SPEC, "4")
def test_only_a_json_200_counts(open_to_all: Provider, site: Site) -> None:
    app = app_at(open_to_all, site.publish())
    for site.status in (201, 204, 301, 302, 404, 500):
        a_page(open_to_all.authorize(app))
    site.status = 200
    for kind in ("text/html", "application/javascript", ""):
        site.headers["Content-Type"] = kind
        a_page(open_to_all.authorize(app))
    site.headers["Content-Type"] = "application/client-metadata+json; charset=utf-8"
    assert open_to_all.authorize(app).status_code == 303


@pytest.mark.spec(SPEC, "6.5")
def test_no_address_within_is_connected_to(database: str, site: Site) -> None:
    """security.md J: the guard is not lifted here."""
    with running(database, client_id_documents="*") as provider:
        a_page(provider.authorize(app_at(provider, site.publish())))
        a_page(provider.authorize(app_at(provider, site.publish().replace("localhost", "127.0.0.1"))))
    assert site.asked == []


@pytest.mark.spec(SPEC, "6.8")
def test_the_operator_says_whose_documents_are_clients(database: str, site: Site) -> None:
    url = site.publish()
    here = f"LOCALHOST:{site.port}"
    for hosts in ("", "agent.example", "example", "localhost", f"{here}0"):
        with running(database, client_id_documents=hosts, fetch_private_networks=True) as provider:
            a_page(provider.authorize(app_at(provider, url)))
            found = answered(provider.get("/.well-known/openid-configuration"))
            assert ("client_id_metadata_document_supported" in found) is bool(hosts)
    assert site.asked == []
    with running(database, client_id_documents=f"agent.example,{here}", fetch_private_networks=True) as provider:
        assert provider.authorize(app_at(provider, url)).status_code == 303
    with running(database, client_id_documents="agent.example", fetch_private_networks=True) as provider:
        a_page(provider.authorize(app_at(provider, url)))


@pytest.mark.spec(SPEC, "6.10")
def test_an_operators_registration_of_a_url_is_not_read(open_to_all: Provider, site: Site) -> None:
    app = open_to_all.register(client_id=site.url(), redirect_uris=[CALLBACK])
    assert open_to_all.authorize(app).status_code == 303
    assert site.asked == []


def test_a_disabled_one_stays_disabled(open_to_all: Provider, site: Site, ada: Browser) -> None:
    app = app_at(open_to_all, site.publish())
    open_to_all.authorize(app, ada)
    with open_to_all.stores.work():
        open_to_all.services.clients.disable(app.id)
    with open_to_all.clock.later(MOST_SECONDS + 1):
        a_page(open_to_all.authorize(app, ada))
    assert len(site.asked) == 1


def test_one_place_makes_us_read_only_so_many(open_to_all: Provider, site: Site) -> None:
    site.documents = {f"/{n}": b"{}" for n in range(62)}
    statuses = {open_to_all.authorize(app_at(open_to_all, site.url(f"/{n}"))).status_code for n in range(62)}
    assert statuses == {400, 429}
    assert len(site.asked) == 60


def test_of_documents_that_are_not_there_fewer(open_to_all: Provider, site: Site) -> None:
    """Each may hold a thread for as long as a fetch may take."""
    statuses = {open_to_all.authorize(app_at(open_to_all, site.url(f"/{n}"))).status_code for n in range(12)}
    assert statuses == {400, 429}
    assert len(site.asked) == 10


@pytest.mark.promise("P6")
def test_one_that_nobody_uses_is_swept(open_to_all: Provider, site: Site, ada: Browser) -> None:
    used, idle = app_at(open_to_all, site.publish()), app_at(open_to_all, site.publish("/idle.json"))
    for app in (used, idle):
        open_to_all.authorize(app, ada)
    open_to_all.code(used, ada)
    open_to_all.clock.move(37 * 86400)
    open_to_all.stores.sweeper.sweep(open_to_all.clock.now(), 100)
    assert open_to_all.services.clients.find(idle.id) is None
    assert open_to_all.services.clients.find(used.id) is not None


@pytest.mark.spec(SPEC, "3")
def test_which_urls_are_client_identifiers() -> None:
    good = (
        "https://a.example/",
        "https://a.example/app.json",
        "https://a.example:8443/a/b?c=d",
        "https://a.example/.x",
    )
    bad = (
        "https://a.example", "http://a.example/x", "https://u@a.example/x", "https://u:p@a.example/x",
        "https://a.example/x#f", "https://a.example/./x", "https://a.example/a/../x", "https://a.example/%2e%2E/x",
        "https:///x", "HTTPS://a.example/x", "https://[x/", "https://a.example:99999/x", "https://a.example/\u00e9",
        "https://a.example/" + "x" * 256, "", "urn:x",
    )  # fmt: skip
    assert [url for url in good if not is_document_url(url)] == []
    assert [url for url in bad if is_document_url(url)] == []
    assert host_of("https://A.example/x") == "a.example"
    assert host_of("http://a.example/x") == ""


def test_what_a_document_is_silent_about() -> None:
    url = "https://a.example/app.json"

    def of(**members: object) -> dict[str, object]:
        return metadata_of({"client_id": url, "redirect_uris": [CALLBACK], **members}, url)

    assert of()["token_endpoint_auth_method"] == "none"
    assert of()["application_type"] == "web"
    assert of(redirect_uris=["http://127.0.0.1/cb"])["application_type"] == "native"
    assert of(redirect_uris=["com.example.app:/cb"])["application_type"] == "native"
    assert of(grant_types=["authorization_code", "client_credentials", "x"])["grant_types"] == ["authorization_code"]
    device = "urn:ietf:params:oauth:grant-type:device_code"
    assert (of(grant_types=[device])["grant_types"], of(grant_types=[device])["response_types"]) == ([device], [])
    assert "software_statement" not in of(software_statement="x")
    with pytest.raises(MetadataProblem):
        of(client_id="https://A.example/app.json")


@pytest.mark.spec("RFC 9111", "4.2.1")
def test_how_long_it_may_be_kept() -> None:
    day = "Sun, 22 Nov 2026 10:00:00 GMT"
    cases: list[tuple[dict[str, str], int]] = [
        ({}, USUAL_SECONDS), ({"cache-control": "max-age=120"}, 120), ({"cache-control": "max-age=0"}, LEAST_SECONDS),
        ({"cache-control": "public, max-age=120, s-maxage=240"}, 240), ({"cache-control": "no-store"}, LEAST_SECONDS),
        ({"cache-control": 'max-age="120"', "age": "20"}, 100),
        ({"cache-control": "max-age=" + "9" * 30}, MOST_SECONDS),
        ({"expires": "Sun, 22 Nov 2026 10:10:00 GMT", "date": day}, 600),
        ({"expires": "0", "date": day}, LEAST_SECONDS),
        ({"expires": day, "date": "junk"}, LEAST_SECONDS), ({"cache-control": "max-age=x"}, USUAL_SECONDS),
        ({"cache-control": "max-age=600", "age": "-1"}, 600),
    ]  # fmt: skip
    assert [fresh_seconds(headers) for headers, _expected in cases] == [expected for _headers, expected in cases]


def test_a_person_takes_its_access_away_like_any_other_app_s(open_to_all: Provider, site: Site, ada: Browser) -> None:
    """Its id holds ``//``, which addresses of pages usually do not."""
    app = app_at(open_to_all, site.publish())
    open_to_all.authorize(app, ada)
    tokens = open_to_all.tokens(app, ada)
    page = open_to_all.visit(ada, "/account/apps").text
    found = re.search(r'action="(/account/apps/[^"]*/remove)"', page)
    assert found is not None, page
    asked = open_to_all.visit(ada, found[1])
    token = re.search(r'name="csrf_token"[^>]*value="([^"]*)"', asked.text)
    assert token is not None, asked.text
    open_to_all.visit(ada, found[1], method="POST", data={"csrf_token": token[1]})
    assert open_to_all.userinfo(tokens["access_token"]).status_code == 401


@pytest.mark.spec(SPEC, "6.2")
def test_one_with_a_key_proves_itself_by_it(open_to_all: Provider, site: Site, ada: Browser) -> None:
    """First met at the pushed request, where it must authenticate: nobody has seen it before."""
    key = jose.generate("ES256")
    jwks = {"keys": [jose.public_jwk(key, "ES256")]}
    app = app_at(open_to_all, site.publish(token_endpoint_auth_method="private_key_jwt", jwks=jwks))

    def proof(signed_by: Any = key, aud: str = ISSUER) -> dict[str, str]:
        now = int(open_to_all.clock.now().timestamp())
        claims = {"iss": app.id, "sub": app.id, "aud": aud, "iat": now, "exp": now + 60, "jti": os.urandom(8).hex()}
        signer = jose.Signer(str(jwks["keys"][0]["kid"]), "ES256", signed_by)
        return {
            "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            "client_assertion": jose.sign(claims, signer, typ="JWT"),
        }

    asked = open_to_all.request(app)
    refused(open_to_all.post("/par", asked | proof(jose.generate("ES256"))), 401, "invalid_client")
    refused(open_to_all.post("/par", asked | proof(aud=f"{ISSUER}/par")), 401, "invalid_client")
    assert open_to_all.post("/par", asked | proof()).status_code == 201
    code = open_to_all.code(app, ada)
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK, "code_verifier": VERIFIER}
    refused(open_to_all.post("/token", form | {"client_id": app.id}), 401, "invalid_client")
    assert answered(open_to_all.post("/token", form | proof()))["access_token"]
    assert len(site.asked) == 1


@pytest.mark.spec("OpenID Connect Dynamic Client Registration 1.0", "5")
def test_a_sector_that_is_another_s_is_not_taken(open_to_all: Provider, site: Site) -> None:
    sector = site.url("/sector.json")
    app = app_at(open_to_all, site.publish(subject_type="pairwise", sector_identifier_uri=sector))
    site.documents["/sector.json"] = b'["https://other.example/callback"]'
    a_page(open_to_all.authorize(app))
    site.documents["/sector.json"] = json.dumps([CALLBACK]).encode()
    assert open_to_all.authorize(app).status_code == 303


@pytest.mark.promise("P6")
def test_a_document_that_always_differs_is_on_record_once_an_hour(open_to_all: Provider, site: Site) -> None:
    """Events are kept for more than a year, and whoever writes the document decides how often it changes."""
    app = app_at(open_to_all, site.publish())
    open_to_all.authorize(app)

    def changes() -> int:
        return [row[2] for row in open_to_all.rows()["security_events"]].count("client.changed")

    for number in range(4):
        with open_to_all.clock.later(USUAL_SECONDS * (number + 1) + 1):
            site.publish(client_name=f"Agent {number}")
            assert open_to_all.authorize(app).status_code == 303
    assert changes() == 1
    with open_to_all.clock.later(USUAL_SECONDS * 5 + 3600):
        site.publish(client_name="Agent, another hour")
        open_to_all.authorize(app)
    assert changes() == 2
