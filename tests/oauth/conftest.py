"""A provider in this process for every test here."""

from ..provider import alone, both, database, provider, seeded

__all__ = ["alone", "both", "database", "provider", "seeded"]
