"""OAuth on the wire: one file per RFC, named by its number and subject.

``ls`` is the truthful list of what is supported. Syntax is read in ``requests``, answers and errors
are written in ``responses``, Authlib is wired in ``server``; decisions are the services'. May import
services and domain; knows neither pages nor databases.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from flask import Blueprint, Response


class Endpoint(Protocol):
    """Something that stands at an address of ours."""

    def mount(self, blueprint: Blueprint) -> None:
        """Add its addresses to the blueprint."""
        ...


AddressOfRequest = Callable[[], str]
BeforeRequest = Callable[[], None]
AfterRequest = Callable[[Response], Response]
