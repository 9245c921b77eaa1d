"""Public documents are answered in front of everything, as the ordinary lane would answer, but for the request id."""

from __future__ import annotations

import io
import json
import logging
from typing import Any

import pytest
from werkzeug.test import TestResponse

from idp import logs
from idp.oidc import discovery

from .provider import both, database, provider, running, seeded
from .test_fast_lane import JWKS, Lanes, lanes, stream

__all__ = ["both", "database", "lanes", "provider", "seeded", "stream"]

DISCOVERY = ("/.well-known/openid-configuration", "/.well-known/oauth-authorization-server")
OWN = {"X-Request-ID", "Date"}


def same(one: TestResponse, other: TestResponse) -> None:
    """Status, body, and every header in its order."""
    assert one.status_code == other.status_code
    assert one.get_data() == other.get_data()
    headers = [[(name, value) for name, value in found.headers if name not in OWN] for found in (one, other)]
    assert headers[0] == headers[1]


@pytest.mark.parametrize("path", [JWKS, *DISCOVERY])
def test_the_same_as_in_the_ordinary_lane(lanes: Lanes, path: str) -> None:
    found = lanes.fast(path)
    same(found, lanes.ordinary(path))
    assert found.headers["Access-Control-Allow-Origin"] == "*"
    assert "X-Request-ID" not in found.headers


@pytest.mark.parametrize("path", [JWKS, *DISCOVERY])
@pytest.mark.spec("RFC 9110", "13.1.2")
def test_its_own_entity_tag_is_not_modified(lanes: Lanes, path: str) -> None:
    headers = {"If-None-Match": lanes.fast(path).headers["ETag"]}
    found = lanes.fast(path, headers=headers)
    assert (found.status_code, found.get_data()) == (304, b"")
    same(found, lanes.ordinary(path, headers=headers))


@pytest.mark.parametrize(
    "request_",
    [
        {"headers": {"If-None-Match": "*"}}, {"headers": {"If-None-Match": 'W/"x"'}}, {"query_string": "x=y"},
        {"headers": {"If-Modified-Since": "Sat, 21 Nov 2026 00:00:00 GMT"}}, {"headers": {"Range": "bytes=0-3"}},
        {"headers": {"Host": "evil.example"}}, {"headers": {"Host": "LOCALHOST:8000"}}, {"method": "HEAD"},
        {"data": b"a body"},
    ],
)  # fmt: skip
def test_what_is_unusual_is_left_to_others(lanes: Lanes, request_: dict[str, Any]) -> None:
    request_ = {"method": "GET", **request_}
    found = lanes.any(JWKS, **request_)
    assert lanes.taken == [JWKS]
    same(found, lanes.ordinary(JWKS, **request_))


def test_a_change_is_seen(lanes: Lanes, monkeypatch: pytest.MonkeyPatch) -> None:
    before = lanes.fast(JWKS)
    with lanes.provider.services.work():
        lanes.provider.services.keys.rotate(force=True)
    after = lanes.fast(JWKS)
    assert len(json.loads(after.get_data())["keys"]) == len(json.loads(before.get_data())["keys"]) + 1
    assert after.headers["ETag"] != before.headers["ETag"]
    assert int(after.headers["Content-Length"]) == len(after.get_data())
    monkeypatch.setattr(discovery, "_FRESH_SECONDS", 0.0)
    first = lanes.fast(DISCOVERY[0])
    lanes.provider.services.resources.create("https://new.example", "New", {"new.read": "Read"}, None)
    assert "new.read" in json.loads(lanes.fast(DISCOVERY[0]).get_data())["scopes_supported"]
    assert lanes.fast(DISCOVERY[0]).headers["ETag"] != first.headers["ETag"]


def test_no_line_in_the_log(lanes: Lanes, stream: io.StringIO) -> None:
    """Everybody may keep them: that one was asked for tells nothing of anybody."""
    logs.configure("info", stream)
    lanes.fast(JWKS)
    logging.getLogger("idp").info("the only line")
    assert [json.loads(line)["event"] for line in stream.getvalue().splitlines()] == ["the only line"]


def test_under_a_path(database: str) -> None:
    with running(database, issuer="https://id.example/tenant") as other:
        lanes = Lanes(other)
        same(lanes.fast("/tenant" + JWKS), lanes.ordinary("/tenant" + JWKS))
        assert "Strict-Transport-Security" in lanes.fast("/tenant" + JWKS).headers
