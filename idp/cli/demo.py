"""``idp demo``: the provider, a third-party app and a protected API on this machine, seeded."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from .arguments import leaf
from .output import Answer

if TYPE_CHECKING:
    from .arguments import Commands


def register(commands: Commands, common: argparse.ArgumentParser) -> None:
    """Add ``idp demo``."""
    parser = leaf(commands, common, "demo", _run, "try it: provider, demo app and demo API on this machine")
    parser.add_argument("--data-dir", type=Path, help="keep the demo's data here; a new directory otherwise")


def _run(arguments: argparse.Namespace) -> Answer:
    from ..demo.run import run

    return Answer({"exit": run(arguments)}, "")
