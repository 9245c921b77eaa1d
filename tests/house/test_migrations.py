"""Migrations form one line, each present, each saying what it does."""

from __future__ import annotations

from alembic.config import Config
from alembic.script import ScriptDirectory

from idp.paths import MIGRATIONS


def _script() -> ScriptDirectory:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    return ScriptDirectory.from_config(config)


def test_there_is_one_head_and_one_beginning() -> None:
    assert len(_script().get_heads()) == 1
    assert len(_script().get_bases()) == 1


def test_every_file_is_part_of_the_line() -> None:
    in_line = {revision.path for revision in _script().walk_revisions()}
    assert in_line == {str(path) for path in (MIGRATIONS / "versions").glob("*.py")}


def test_every_migration_says_what_it_does() -> None:
    assert all(revision.doc for revision in _script().walk_revisions())
