"""What one evaluation carries: the scope, local variables and the work it may still do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from execution.errors import ExpressionError
from execution.expressions.limits import Limits
from execution.values import MAX_NESTING, NestingError, to_text

CHEAP = 64  # characters that cost no extra step
CHEAP_ELEMENTS = 8  # list elements that cost no extra step


class Run:
    """State of one evaluation; made anew for each and kept by nobody."""

    __slots__ = ("limits", "local", "pattern_seconds", "scope", "steps", "strict")

    def __init__(self, scope: Mapping[str, Any], strict: bool, limits: Limits) -> None:
        self.scope = scope
        self.strict = strict
        self.limits = limits
        self.steps = limits.steps
        self.pattern_seconds = limits.pattern_seconds
        self.local: dict[str, Any] | None = None

    def spend(self, steps: int) -> None:
        """Take work units from what is left.

        Raises:
            ExpressionError: nothing is left.
        """
        self.steps -= steps
        if self.steps < 0:
            raise ExpressionError(
                f"The expression does too much work: more than {self.limits.steps} steps",
                hint="Shorten its loops or the texts it works on, or use a script block.",
            )

    def fits(self, length: int) -> None:
        """Check, before a text or list of ``length`` is built, that it may be, and pay for it.

        Raises:
            ExpressionError: it is too long, or no steps are left.
        """
        if length > CHEAP:
            if length > self.limits.result:
                raise ExpressionError(
                    f"The expression builds a text of more than {self.limits.result} characters",
                    hint="Results of expressions are meant to be short.",
                )
            self.spend(length // CHEAP)

    def look_at(self, value: Any) -> None:
        """Pay for a text or list that is about to be gone through.

        Raises:
            ExpressionError: no steps are left.
        """
        if isinstance(value, str):
            self.spend(len(value) // CHEAP)
        elif isinstance(value, (list, tuple, Mapping)):
            self.spend(len(value) // CHEAP_ELEMENTS)

    def text_of(self, value: Any) -> str:
        """Give the text form of any value, within the limits."""
        if type(value) is str:
            return value
        try:
            text = to_text(value, self.limits.result)
        except NestingError as error:
            raise ExpressionError(f"This has no text form: {error}") from None
        self.fits(len(text))
        return text


def located(error: ExpressionError, position: int) -> ExpressionError:
    """Give an error the position of the element that raised it, unless an inner element already did."""
    if error.position is None:
        error.position = position
    return error


def check_size(value: Any, limits: Limits) -> None:
    """Refuse a text, list or map that would be too large, or too deeply nested, to be kept once it is written out.

    Parts that are shared count as often as they occur: ``x = [x, x]`` doubles.

    Raises:
        ExpressionError: it is.
    """
    if isinstance(value, str) and len(value) <= limits.result:
        return
    left = limits.result
    level: list[Any] = [value]
    for _ in range(MAX_NESTING):
        below: list[Any] = []
        for item in level:
            left -= 1
            if isinstance(item, str):
                left -= len(item)
            elif isinstance(item, (list, tuple)):
                below.extend(item)
            elif isinstance(item, Mapping):
                below.extend(item)
                below.extend(item.values())
            if left < len(below):
                raise ExpressionError(
                    f"The result has more than {limits.result} characters and elements",
                    hint="Results of expressions are meant to be short.",
                )
        if not below:
            return
        level = below
    raise ExpressionError(f"The result is nested more than {MAX_NESTING} levels deep")
