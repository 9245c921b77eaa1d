"""PyPI ``mcp``: an agent finds the provider from a 401, becomes a client, has its person sign in, and calls tools."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import pytest
from mcp import Client
from mcp.client.auth import AuthorizationCodeResult, OAuthClientProvider
from mcp.client.streamable_http import streamable_http_client
from mcp.shared._httpx_utils import create_mcp_http_client
from mcp.shared.auth import OAuthClientInformationFull, OAuthClientMetadata, OAuthToken

from idp.demo.people import ADA
from idp.demo.places import Places
from tests.conformance.host import Host
from tests.user_agent import UserAgent

Use = Callable[[Client, OAuthClientProvider], Awaitable[Any]]
LOOPBACK = "http://127.0.0.1:45454/callback"


@dataclass
class Memory:
    """What the agent keeps: mcp's TokenStorage."""

    tokens: OAuthToken | None = None
    client: OAuthClientInformationFull | None = None
    seen: list[OAuthToken] = field(default_factory=list)

    async def get_tokens(self) -> OAuthToken | None:
        return self.tokens

    async def set_tokens(self, tokens: OAuthToken) -> None:
        self.tokens = tokens
        self.seen.append(tokens)

    async def get_client_info(self) -> OAuthClientInformationFull | None:
        return self.client

    async def set_client_info(self, client_info: OAuthClientInformationFull) -> None:
        self.client = client_info


@dataclass
class Person:
    """Opens what the agent asks to be opened, and brings the answer back."""

    browser: UserAgent
    asked: list[str] = field(default_factory=list)
    warned_of: str = ""

    async def open(self, url: str) -> None:
        self.asked.append(url)
        await asyncio.to_thread(self._browse, url)

    def _browse(self, url: str) -> None:
        page = self.browser.get(url)
        if "Email" in page.text and page.leaving is None:
            page = self.browser.submit("Sign in", Email=ADA.email, Password=ADA.password)
        self.warned_of = page.text
        if page.leaving is None:
            page = self.browser.submit("Allow")
        assert page.leaving is not None, page.text

    async def bring_back(self) -> AuthorizationCodeResult:
        answer = self.browser.page.answer
        return AuthorizationCodeResult(code=answer["code"], state=answer["state"], iss=answer["iss"])


@pytest.fixture
def person(provider: Places) -> Iterator[Person]:
    with UserAgent(provider.issuer) as agent:
        yield Person(agent)


def with_tools(
    provider: Places, person: Person, memory: Memory, use: Use, name: str, document: str | None = None
) -> Any:  # fmt: skip
    """Connect as an agent does, and use the tools."""
    metadata = OAuthClientMetadata(
        client_name=name, redirect_uris=[LOOPBACK], grant_types=["authorization_code", "refresh_token"],
        token_endpoint_auth_method="none",
    )  # fmt: skip
    server = f"{provider.api}/mcp"

    async def run() -> Any:
        auth = OAuthClientProvider(
            server, metadata, memory, redirect_handler=person.open, callback_handler=person.bring_back,
            client_metadata_url=document,
        )  # fmt: skip
        async with (
            create_mcp_http_client(auth=auth) as http,
            Client(streamable_http_client(server, http_client=http)) as client,
        ):
            return await use(client, auth)

    return asyncio.run(run())


async def write_and_read(client: Client, _auth: OAuthClientProvider) -> str:
    """A note by one tool, read by the other."""
    names = {tool.name for tool in (await client.list_tools()).tools}
    assert names == {"read_notes", "write_note"}
    written = await client.call_tool("write_note", {"text": "from an agent"})
    assert not written.is_error
    return str((await client.call_tool("read_notes", {})).content[0].text)


@pytest.mark.spec("RFC 9728", "5")
@pytest.mark.spec("RFC 7591", "3")
def test_an_agent_registers_signs_in_and_calls_tools(provider: Places, person: Person) -> None:
    memory = Memory()
    assert "from an agent" in with_tools(provider, person, memory, write_and_read, "Registered Agent")
    assert memory.client is not None
    assert "resource=" in person.asked[0]
    assert len(person.asked) == 1, "one sign-in is enough for both tools"
    person.browser.get(f"{provider.issuer}/account/apps")
    assert "Registered Agent" in person.browser.page.text
    person.browser.get(f"{provider.issuer}/account/sessions")
    assert "Registered Agent" in person.browser.page.headings, "with an entry of its own beside the browser"


async def write_and_read_an_hour_later(client: Client, auth: OAuthClientProvider) -> str:
    """Between the two the agent takes its access token for expired."""
    assert not (await client.call_tool("write_note", {"text": "before"})).is_error
    auth.context.token_expiry_time = time.time() - 1
    return str((await client.call_tool("read_notes", {})).content[0].text)


def test_an_agent_refreshes_without_its_person(provider: Places, person: Person) -> None:
    memory = Memory()
    assert "before" in with_tools(provider, person, memory, write_and_read_an_hour_later, "Lasting Agent")
    assert len(person.asked) == 1, "its person was asked once"
    first, second = memory.seen
    assert second.access_token != first.access_token
    assert first.refresh_token != second.refresh_token, "a public client's refresh token is good once (RFC 9700 2.2.2)"


@pytest.mark.spec("OAuth Client ID Metadata Document", "3")
def test_an_agent_is_what_its_document_says(provider: Places, person: Person, documents: Host) -> None:
    """No registration: the client_id is the document's URL, and people are shown whose host that is."""
    document = {
        "client_name": "Described Agent", "redirect_uris": [LOOPBACK], "token_endpoint_auth_method": "none",
        "grant_types": ["authorization_code", "refresh_token"],
    }  # fmt: skip
    url = f"{documents.origin}/agent.json"
    documents.put("/agent.json", {"client_id": url, **document})
    memory = Memory()
    assert "from an agent" in with_tools(provider, person, memory, write_and_read, "Described Agent", url)
    assert f"client_id={quote(url, safe='')}" in person.asked[0]
    assert memory.client is not None
    assert memory.client.client_id == url
    assert "Described Agent" in person.warned_of
    assert "localhost" in person.warned_of
