"""Errors of the engine. Every refusal has a stable code, a message for the operator and a remedy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


class ExecutionError(Exception):
    """Root of the engine's errors."""


class ExpressionError(ExecutionError):
    """An expression does not parse or cannot be evaluated.

    ``position`` is the offset in the text (0-based, ``None`` if unknown), ``hint`` says what to do.
    """

    def __init__(self, message: str, *, position: int | None = None, hint: str = "", text: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.position = position
        self.hint = hint
        self.text = text

    def __str__(self) -> str:
        where = f" (at character {self.position + 1})" if self.position is not None else ""
        hint = f" {self.hint}" if self.hint else ""
        return (
            f"{self.message}{where}.{hint}" if not self.message.endswith(".") else f"{self.message[:-1]}{where}.{hint}"
        )


@dataclass(frozen=True, slots=True)
class Problem:
    """One fault of a definition: ``path`` as ``rootBlock › b3 IfElseBp › if › b7 PostBp › url``."""

    path: str
    code: str
    message: str
    remedy: str = ""
    warning: bool = False

    def __str__(self) -> str:
        remedy = f" {self.remedy}" if self.remedy else ""
        return f"{self.path}: {self.message}{remedy}"


class PlanErrors(ExecutionError):
    """A definition cannot be run; ``problems`` holds every fault that was found."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = list(problems)


class BlockError(ExecutionError):
    """A block fails. ``final`` marks a business end (1004 instead of 1006 when nothing catches it)."""

    def __init__(self, code: str, message: str, *, remedy: str = "", final: bool = False) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.remedy = remedy
        self.final = final


class LeaseLost(BaseException):
    """Another process owns the run now. Derives from BaseException so that no handler can swallow it."""
