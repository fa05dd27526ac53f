"""Task variables."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from execution.effects import SetVariable
from execution.errors import BlockError
from execution.frames import Here
from execution.parameters import anything, param, text
from execution.registry import block


@dataclass(slots=True)
class SetTaskVariableParams:
    """Parameters of SetTaskVariableBp."""

    var_name: str | None = param(text, required=True)
    var_value: Any = param(anything, advised=True)  # noqa: RUF009 - only declares a field


@block("SetTaskVariableBp", params=SetTaskVariableParams)
def set_task_variable(run: Here, params: SetTaskVariableParams) -> SetVariable:
    """Stores a value as ``task.variables.<varName>``; an empty name or value fails."""
    if not params.var_name or params.var_value is None:
        missing = "varName" if not params.var_name else "varValue"
        raise BlockError("variable.empty", f"{missing} is empty.", remedy="Give the variable a name and a value.")
    return SetVariable(params.var_name, params.var_value)
