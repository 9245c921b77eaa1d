"""``idp demo``: the provider, a third-party app and a protected API on this machine, seeded."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from .arguments import leaf, port
from .output import Answer

if TYPE_CHECKING:
    from .arguments import Commands


def register(commands: Commands, common: argparse.ArgumentParser) -> None:
    """Add ``idp demo``."""
    parser = leaf(commands, common, "demo", _run, "try it: provider, demo app and demo API on this machine")
    parser.add_argument("--port", type=port, help="of the provider (8000)")
    parser.add_argument("--app-port", type=port, help="of the demo app (8001)")
    parser.add_argument("--api-port", type=port, help="of the demo API (8002)")
    parser.add_argument("--data-dir", type=Path, help="where the demo keeps its data (data/demo)")


def _run(arguments: argparse.Namespace) -> Answer:
    from ..demo.run import run

    code = run(arguments)
    return Answer({"stopped": True}, "", code)
