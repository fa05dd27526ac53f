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

    var_name: str | None = param(text, required=True, help="The variable's name, any text.")
    var_value: Any = param(anything, advised=True, help="The value, kept as the expression gives it.")


@block(
    "SetTaskVariableBp",
    params=SetTaskVariableParams,
    errors={"variable.empty": "``varName`` or ``varValue`` is empty"},
    example={"varName": "attempts", "varValue": "=2 + 1"},
)
def set_task_variable(run: Here, params: SetTaskVariableParams) -> SetVariable:
    """Stores a value as ``task.variables.<varName>``; an empty name or value fails.

    All branches of the run share its variables; the record shows them. What is stored counts towards the context limit.
    """
    if not params.var_name or params.var_value is None:
        missing = "varName" if not params.var_name else "varValue"
        raise BlockError("variable.empty", f"{missing} is empty.", remedy="Give the variable a name and a value.")
    return SetVariable(params.var_name, params.var_value)
