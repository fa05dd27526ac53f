"""What an expression may cost. Every bound of the expression language is a field here."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one expression; a bound that is passed raises ``ExpressionError``."""

    text: int = 20_000
    """Characters of the expression itself."""
    nesting: int = 60
    """Levels of parentheses, calls, ternaries and blocks inside each other."""
    result: int = 1_000_000
    """Characters of any text that is built, also on the way to the result."""
    steps: int = 100_000
    """Work units: rounds of loops times their size, calls, and what they look at: 64 characters or 8 elements each."""
    pattern: int = 1_000
    """Characters of a regular expression."""
    pattern_seconds: float = 0.5
    """Seconds all matches of one evaluation may take together; stops patterns that backtrack for ever."""


DEFAULT_LIMITS = Limits()
