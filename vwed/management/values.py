"""Named values on a command line: one JSON object, and single ones over it."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

from vwed.management.action import WrongUsage


def named_values(
    text: str, pairs: Sequence[str], option: str, example: str, value_of: Callable[[str], Any] = str
) -> dict[str, Any]:
    """The object of ``--<option>s`` with the pairs of ``--<option>`` over it; ``value_of`` reads a pair's value.

    Raises:
        WrongUsage: it is no JSON object, or a pair has no name.
    """
    try:
        values = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise WrongUsage(f"--{option}s is not JSON: {error}.") from None
    if not isinstance(values, dict):
        raise WrongUsage(f"--{option}s must be a JSON object, such as {example}.")
    for pair in pairs:
        name, separator, value = pair.partition("=")
        if not separator or not name:
            raise WrongUsage(f"--{option} {pair} is not of the form NAME=VALUE.")
        values[name] = value_of(value)
    return values
