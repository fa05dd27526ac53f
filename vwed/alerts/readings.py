"""What a look at the system finds: per rule the values of its objects, or that they cannot be told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

#: Objects of one rule that a look takes notice of.
OBJECT_LIMIT = 500
#: Characters of an object's name, and of a text in the arguments of a sentence.
NAME_LIMIT, TEXT_LIMIT = 190, 300


@dataclass(frozen=True, slots=True)
class Reading:
    """One value in the unit of its rule; ``None``: unknown. ``args``: for the sentence, names and numbers only."""

    value: float | None
    args: Mapping[str, Any] = field(default_factory=dict)


#: Object → reading. An object that is absent is quiet. ``None`` in place of all: the rule has no value here.
Readings = Mapping[str, Reading] | None
SYSTEM = ""


def of_system(value: float | None, **args: Any) -> Readings:
    """The reading of a rule about the whole system."""
    return {SYSTEM: Reading(value, args)}
