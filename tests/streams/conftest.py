"""A provider of the module's own, which makes the tokens."""

from ..provider import alone, database, provider, seeded

__all__ = ["alone", "database", "provider", "seeded"]
