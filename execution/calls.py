"""Calls of sub-tasks: the block type ``SubTask::<definition id>`` names the definition that is started."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

SUB_TASK = "SubTask::…"
"""The name that all calls are registered under."""

_KIND, _MARK = "SubTask", "::"


@dataclass(frozen=True, slots=True)
class SubTaskCall:
    """One call in a definition: whom, where (path for messages), and whether it certainly waits for the end."""

    definition_id: str
    where: str
    waits: bool


def is_call(block_type: str) -> bool:
    """Whether a block type is, or wants to be, a call."""
    return block_type.startswith(_KIND)


def called(block_type: str) -> str:
    """The definition id that a block type names; empty when it names none."""
    kind, _, definition_id = block_type.partition(_MARK)
    return definition_id.strip() if kind == _KIND else ""


def surely_waits(parameters: Mapping[str, Any]) -> bool:
    """Whether the raw parameters of a call say that it waits; what an expression says is not known before the run."""
    given = parameters.get("ifAsync")
    if not isinstance(given, Mapping) or given.get("value") is None:
        return True
    return given.get("type") != "Expression" and str(given["value"]).strip().lower() != "true"
