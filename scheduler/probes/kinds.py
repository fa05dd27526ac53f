"""Words and bounds of probes: what can be asked, of whom, how a probe goes, how large its answer may be."""

from __future__ import annotations

import json
from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from django.utils.translation import gettext_lazy as _


class Kind(StrEnum):
    """What is asked."""

    COLLECT = "collect"
    SNAPSHOT = "snapshot"
    TRACE = "trace"
    MAP = "map"
    STACK = "stack"


class State(StrEnum):
    """How far a probe is. ``FAILED``: it raised, or its process died; ``EXPIRED``: nobody answered in time."""

    ASKED = "asked"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    EXPIRED = "expired"


OPEN = (State.ASKED, State.RUNNING)

KIND_LABELS = {
    Kind.COLLECT: _("Collect garbage"),
    Kind.SNAPSHOT: _("Heap snapshot"),
    Kind.TRACE: _("Trace allocations"),
    Kind.MAP: _("Memory map"),
    Kind.STACK: _("What the threads do"),
}

#: Roles with a housekeeper, which answers. The others fork, or run nothing but one loop of somebody else's.
ANSWERING = frozenset({"web", "pusher", "worker", "io"})
#: Seconds an allocation trace may take.
TRACE_LEAST_S, TRACE_MOST_S = 10, 60
#: Bytes of one result.
RESULT_LIMIT = 256 * 1024
ERROR_LIMIT = 500


def packed(result: Mapping[str, Any]) -> str:
    """``result`` as JSON of at most ``RESULT_LIMIT`` bytes.

    A larger one loses the ends of its longest lists, which stand in the order of their weight; ``cut_from`` then tells
    how many bytes it had.
    """
    text = _text(result)
    size = len(text.encode())
    if size <= RESULT_LIMIT:
        return text
    left = {**result, "cut_from": size}
    while len((text := _text(left)).encode()) > RESULT_LIMIT:
        name = max(left, key=lambda each: len(_text(left[each])))
        value = left[name]
        left[name] = value[: len(value) // 2] if isinstance(value, list | str) and len(value) > 1 else None
    return text


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
