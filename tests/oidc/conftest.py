"""A provider in this process for every test here."""

from ..local_sites import served
from ..provider import alone, both, database, provider, seeded

__all__ = ["alone", "both", "database", "provider", "seeded", "served"]
