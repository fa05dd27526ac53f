"""Errors of the scheduler. A refusal has a stable code, a message for the operator and a remedy."""

from __future__ import annotations


class SchedulerError(Exception):
    """Root of the scheduler's errors."""


class Refused(SchedulerError):
    """A command is refused; nothing was changed."""

    def __init__(self, code: str, message: str, remedy: str = "") -> None:
        super().__init__(f"{message} {remedy}".strip())
        self.code = code
        self.message = message
        self.remedy = remedy


class IllegalTransition(SchedulerError):
    """Code asks for a move that the state machine does not have: a fault of the program, not of the operator."""
