"""Rules of the cache that all runs share, wherever it is kept: what is a key, and which text is stored of a value."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from execution.parameters import shown, text
from execution.values import detached, to_plain

KEY_LIMIT = 190


def key_fault(key: str) -> str:
    """Why a text cannot be a key, in words; empty when it can.

    White space around it is refused because some databases compare without trailing blanks: two keys would be one.
    """
    if key and len(key) <= KEY_LIMIT and key == key.strip() and key.isprintable():
        return ""
    given = shown(key) if key else "an empty text"
    return f"A key has 1 to {KEY_LIMIT} printable characters without white space around them, not {given}."


def stored_text(value: Any) -> str | None:
    """Any value, stored as text.

    A list or a map becomes its JSON, anything else its text form (``true``, ``2.0``); nothing stays nothing.

    Raises:
        ValueError: nested too deeply.
    """
    if isinstance(value, Mapping | list | tuple):
        value = json.dumps(to_plain(detached(value)), ensure_ascii=False, separators=(",", ":"))
    return text(value)
