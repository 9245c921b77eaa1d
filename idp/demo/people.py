"""The demo's people. Ada has told everything that OpenID Connect Core 1.0 section 5.1 has a name for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """``claims`` by their OpenID names. The password is public: it is printed at the start."""

    email: str
    password: str
    claims: Mapping[str, object]


ADA = Person(
    email="ada@example.com",
    password="analytical engine 1843",
    claims={
        "name": "Ada Lovelace",
        "given_name": "Ada",
        "family_name": "Lovelace",
        "middle_name": "Augusta",
        "nickname": "Ada",
        "preferred_username": "ada",
        "profile": "https://example.com/ada",
        "picture": "https://example.com/ada.png",
        "website": "https://ada.example.com",
        "gender": "female",
        "birthdate": "1815-12-10",
        "zoneinfo": "Europe/London",
        "locale": "en-GB",
        "phone_number": "+442079460000",
        "phone_number_verified": True,
        "address": {
            "formatted": "12 St James's Square\nLondon\nSW1Y 4JH\nUnited Kingdom",
            "street_address": "12 St James's Square",
            "locality": "London",
            "region": "England",
            "postal_code": "SW1Y 4JH",
            "country": "United Kingdom",
        },
    },
)

GRACE = Person(
    email="grace@example.com",
    password="nanoseconds of wire",
    claims={
        "name": "Grace Hopper",
        "given_name": "Grace",
        "family_name": "Hopper",
        "preferred_username": "grace",
        "locale": "en-US",
        "zoneinfo": "America/New_York",
    },
)

PEOPLE = (ADA, GRACE)
