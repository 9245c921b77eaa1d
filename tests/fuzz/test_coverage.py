"""The fuzz test forgets nothing: every route, every parameter that is read, and each by a request that succeeds."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from werkzeug.exceptions import MethodNotAllowed, NotFound

import idp

from .conftest import settings_of
from .parameters import FIELDS, NAMES, REGISTERED, SIGNED
from .promises import Promises
from .seeds import SEEDS
from .wire import Throw, fill
from .world import World, a_world

IDP = Path(idp.__file__).parent
_ASKED_OF = {
    "parameters", "request.args", "request.form", "args", "self.request.parameters", "parameters.lists",
    "self.request.form",
}  # fmt: skip
_READ = ("get", "require")
_OF_NOBODY = {"/revocations": {"DELETE", "OPTIONS", "PATCH", "POST", "PUT"}}
"""Methods that routing knows and no request can succeed with: the endpoint refuses them itself."""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Of one database: what is thrown is the same on both."""
    with a_world(settings_of(tmp_path_factory.mktemp("fuzz"), "")) as made:
        yield made


def reached(world: World, seed: Throw) -> tuple[str, str] | None:
    """Endpoint and method that a seed is for."""
    try:
        endpoint, _arguments = world.app.url_map.bind("id.example.com").match(
            fill(seed.path, world.known()), seed.method
        )
    except (NotFound, MethodNotAllowed):
        return None
    return str(endpoint), seed.method


def test_every_seed_is_answered_as_it_says(world: World) -> None:
    """So each way in is open: what is changed in a seed is the only thing wrong with it."""
    promises, wrong = Promises(world), []
    for seed in SEEDS:
        world.freshen()
        answered = world.throw(seed, "192.0.2.9")
        promises.hold(seed, answered)
        if not _as_said(seed, answered.status):
            wrong.append((seed.method, seed.path, seed.fields, answered.status, answered.body[:300]))
    assert wrong == []
    promises.unchanged()


def _as_said(seed: Throw, status: int) -> bool:
    """Refusals are 4xx; or, here, a redirect with an error, or a 200 for a token that is none (RFC 7009 2.2)."""
    if seed.expect is not None:
        return status == seed.expect
    return 400 <= status < 500 or seed.path.startswith(("/authorize", "/account", "/revoke"))


def test_every_route_has_a_seed_that_succeeds(world: World) -> None:
    world.renew_mallory()
    found = {reached(world, seed) for seed in SEEDS if seed.expect is not None}
    wanted = {
        (rule.endpoint, method)
        for rule in world.app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD"} - _OF_NOBODY.get(rule.rule, set())
    }
    assert sorted(wanted - found) == []


def test_every_parameter_that_is_read_is_thrown() -> None:
    """Read: asked for by name in an endpoint or a page."""
    read = {name for folder in ("oauth", "oidc", "web", "services") for path in (IDP / folder).glob("*.py")
            for name in _names_read(ast.parse(path.read_text()))}  # fmt: skip
    assert len(read) > 40
    assert sorted(read - set(FIELDS)) == []


def _names_read(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield from _called(node)
        elif isinstance(node, ast.Subscript) and ast.unparse(node.value) in _ASKED_OF:
            yield from _text(node.slice)


def _called(node: ast.Call) -> Iterator[str]:
    """``parameters.get("scope")``, ``single("user_code")``; fields of a form, ``StringField`` and the like apart."""
    method = node.func.attr if isinstance(node.func, ast.Attribute) else ""
    asked = method in _READ and ast.unparse(node.func).removesuffix(f".{method}") in _ASKED_OF
    if node.args and (asked or (isinstance(node.func, ast.Name) and node.func.id == "single")):
        yield from _text(node.args[0])


def _text(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value


def test_every_field_of_a_form_is_thrown(world: World) -> None:
    from wtforms import Form

    from idp.web import forms

    classes = [one for one in vars(forms).values() if isinstance(one, type) and issubclass(one, Form)]
    with world.app.test_request_context():
        named = {name for one in classes for name in dir(one) if type(getattr(one, name)).__name__ == "UnboundField"}
    assert named
    assert sorted(named - set(FIELDS)) == []


def test_every_registered_parameter_is_thrown() -> None:
    assert set(REGISTERED) <= set(FIELDS)


def test_every_name_has_a_value(world: World) -> None:
    known = world.known()
    assert [name for name in (*NAMES, *SIGNED) if name not in known] == []
    assert [name for name in known if name not in NAMES and name not in SECRETS] == []


SECRETS = {
    "victim.interaction_hash", "victim.user_code", "mallory.interaction_hash", "mallory.sid", "mallory.session",
    "mallory.device", "visit", "service.basic",
}  # fmt: skip
"""Not to be thrown by their names: unknown to Mallory, or thrown in cookies and headers alone."""
