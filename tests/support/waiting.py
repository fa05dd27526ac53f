"""Waiting for a condition instead of sleeping."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def wait_until(
    predicate: Callable[[], T], timeout: float, describe: str | Callable[[], str], interval: float = 0.02
) -> T:
    """Poll ``predicate`` until it is truthy and return its value.

    Raises:
        AssertionError: after ``timeout`` seconds, naming what was awaited.
    """
    deadline = time.monotonic() + timeout
    while True:
        value = predicate()
        if value:
            return value
        if time.monotonic() >= deadline:
            text = describe() if callable(describe) else describe
            raise AssertionError(f"not within {timeout:g} s: {text}")
        time.sleep(interval)
