"""Tools of the example agent. They run in a process of their own: what they import, print or break concerns no call."""

import os
from datetime import date
from decimal import Decimal
from typing import Literal

SUNDAY = 6


class NobodyDrives(Exception):
    """Nobody drives on that day."""


def quote(weight: int, speed: Literal["express", "standard"]) -> dict[str, Decimal]:
    """What a parcel costs, in pounds."""
    return {"price": Decimal("4.50") + weight * (Decimal("1.20") if speed == "express" else Decimal("0.60"))}


def collect(weight: int, speed: Literal["express", "standard"], day: date, *, idempotency_key: str) -> dict[str, str]:
    """Book a collection; the same key is the same collection, however often it comes."""
    if day.weekday() == SUNDAY:
        raise NobodyDrives
    token = os.environ["COURIERS_TOKEN"]  # a real function asks a back end here, with this token
    return {"reference": f"C{weight}{idempotency_key[:3].upper()}"} if token else {}
