"""The notes as an MCP server: tools that agents call (Model Context Protocol 2025-11-25, streamable HTTP).

Every message is a POST of its own with a JSON answer; there is no session and no stream, so GET and DELETE
are 405 (Transports, "Listening for Messages" and "Session Management"). Who may call is what protects the
API (Authorization): a 401 names the metadata of RFC 9728, from which an agent finds the provider,
registers, and has its person sign in; a tool whose scope is missing is a 403 that asks for it.

Why by hand and not with an SDK for servers: the protocol that four tools' worth of JSON needs is one page,
and ``make demo`` installs nothing for it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from flask import Flask, Response, jsonify, request

from ..resource_server import Verifier
from ..resource_server.flask import current_token, require_token

VERSIONS = ("2025-11-25", "2025-06-18", "2025-03-26")
PATH = "/mcp"
_PARSE_ERROR, _INVALID_REQUEST, _NO_METHOD, _INVALID_PARAMS = -32700, -32600, -32601, -32602
_TEXT = {"type": "object", "properties": {"text": {"type": "string", "maxLength": 500}}, "required": ["text"]}


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """One thing that an agent may do: ``act`` takes its arguments and raises ValueError for wrong ones."""

    name: str
    description: str
    scope: str
    schema: Mapping[str, Any]
    act: Callable[[Mapping[str, Any]], str]


class McpRefused(Exception):
    """A JSON-RPC error (JSON-RPC 2.0 section 5.1)."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


class McpServer:
    """POST /mcp."""

    def __init__(self, name: str, verifier: Verifier, tools: list[Tool]) -> None:
        self._name = name
        self._verifier = verifier
        self._tools = {tool.name: tool for tool in tools}
        self._needed = {tool.name: verifier.require(scope=tool.scope) for tool in tools}

    def mount(self, app: Flask) -> None:
        """Where it stands; whoever brings a live token for this API may ask what there is."""
        app.add_url_rule(PATH, "mcp", require_token(self._verifier)(self.post), methods=["POST"])

    def post(self) -> tuple[Response, int] | Response:
        """One message: a request is answered, a notification is taken note of (202, no body)."""
        if request.headers.get("Origin") is not None:
            return jsonify(error="forbidden", error_description="not for browsers (Transports)"), 403
        message = request.get_json(silent=True)
        if not isinstance(message, dict):
            return _failed(None, McpRefused(_PARSE_ERROR, "one JSON-RPC message, as an object")), 400
        if "id" not in message:
            return Response(status=202)
        try:
            return jsonify(jsonrpc="2.0", id=message["id"], result=self._answer(message))
        except McpRefused as refusal:
            return _failed(message["id"], refusal)

    def _answer(self, message: Mapping[str, Any]) -> dict[str, Any]:
        parameters = message.get("params", {})
        if message.get("jsonrpc") != "2.0" or not isinstance(parameters, dict):
            raise McpRefused(_INVALID_REQUEST, "not a JSON-RPC 2.0 request")
        match message.get("method"):
            case "initialize":
                return self._initialize(parameters)
            case "ping":
                return {}
            case "tools/list":
                return {"tools": [_described(tool) for tool in self._tools.values()]}
            case "tools/call":
                return self._call(parameters)
        raise McpRefused(_NO_METHOD, "this server has tools, and nothing else")

    def _initialize(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Lifecycle, "Version Negotiation": the client's version if we speak it, else our newest."""
        wanted = parameters.get("protocolVersion")
        return {
            "protocolVersion": wanted if wanted in VERSIONS else VERSIONS[0],
            "capabilities": {"tools": {"listChanged": False}},
            "serverInfo": {"name": self._name, "version": "1"},
        }

    def _call(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """A missing scope is raised as the SDK's own refusal: 403 with a challenge, so that the agent can ask."""
        tool = self._tools.get(str(parameters.get("name")))
        arguments = parameters.get("arguments") or {}
        if tool is None or not isinstance(arguments, dict):
            raise McpRefused(_INVALID_PARAMS, "no such tool, or arguments that are no object")
        self._verifier.admit(request.headers.get("Authorization"), self._needed[tool.name])
        try:
            text, failed = tool.act(arguments), False
        except ValueError as error:
            text, failed = str(error), True
        return {"content": [{"type": "text", "text": text}], "isError": failed}


def notes_tools(read: Callable[[str], list[str]], add: Callable[[str, str], None]) -> list[Tool]:
    """Reading and writing the notes of the person whom the token speaks for."""

    def listed(_arguments: Mapping[str, Any]) -> str:
        return "\n".join(read(current_token().sub)) or "There are no notes."

    def written(arguments: Mapping[str, Any]) -> str:
        text = arguments.get("text")
        if not isinstance(text, str) or not 0 < len(text) <= 500:
            raise ValueError("text is a string of 1 to 500 characters")
        add(current_token().sub, text)
        return "Written down."

    return [
        Tool(name="read_notes", description="Read the person's notes, oldest first.", scope="notes.read",
             schema={"type": "object", "properties": {}}, act=listed),
        Tool(name="write_note", description="Write one note.", scope="notes.write", schema=_TEXT, act=written),
    ]  # fmt: skip


def _described(tool: Tool) -> dict[str, Any]:
    return {"name": tool.name, "description": tool.description, "inputSchema": tool.schema}


def _failed(message_id: Any, refusal: McpRefused) -> Response:
    return jsonify(jsonrpc="2.0", id=message_id, error={"code": refusal.code, "message": str(refusal)})
