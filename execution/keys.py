"""Keys of effects, orders and actions, derived from record, attempt, block and iteration: nothing is ordered twice."""

from __future__ import annotations

import hashlib
import re

from execution.limits import RunInfo

MAX_KEY = 120
MAX_ITERATION = 100
_UNSAFE = re.compile(r"[^A-Za-z0-9_.-]")


def execution_key(info: RunInfo, block: str, iteration: str, attempt: int) -> str:
    """The key of one block execution; safe in a URL, at most 110 characters so that a number can follow.

    ``attempt`` is the one the block was started in: what it has ordered stays its own when the run is tried again.
    """
    record = _safe(info.record_id) if attempt <= 1 else f"{_safe(info.record_id)}~a{attempt}"
    key = f"{record}~{_safe(block)}"
    if iteration:
        key = f"{key}~{iteration}"
    return _cut(key, MAX_KEY - 10)


def effect_key(base: str, round_number: int | None, number: int) -> str:
    """The key of the ``number``-th answer that a block execution asks for."""
    return f"{base}:{number}" if round_number is None else f"{base}:{round_number}.{number}"


def inner_iteration(outer: str, number: int) -> str:
    """The iteration of the blocks inside a round: the rounds of all loops around, bounded however deep they nest."""
    text = f"{outer}.{number}" if outer else str(number)
    return text if len(text) <= MAX_ITERATION else f"{_digest(text)[:16]}.{number}"


def _safe(text: str) -> str:
    clean = _UNSAFE.sub("_", text)
    return text if clean == text else f"{clean}.{_digest(text)[:8]}"


def _cut(key: str, length: int) -> str:
    return key if len(key) <= length else f"{key[: length - 17]}~{_digest(key)[:16]}"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
