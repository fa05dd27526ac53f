"""What a person decided about a run that stopped at a block: kept as text with the state, applied with it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from execution.errors import ExecutionError
from execution.values import dump_tagged, load_tagged


class DecisionError(ExecutionError):
    """What was decided does not fit the run: the block named in it did not fail."""


@dataclass(frozen=True, slots=True)
class Decision:
    """How the run goes on.

    ``retry``: the failed blocks are tried again. ``skip``: ``block`` (by name) is not executed; it ends by hand (1008)
    with ``outputs``, other failed blocks are tried again. ``anew``: what the open blocks held at other systems is gone
    (the run had ended): the outermost block that holds something begins anew, with everything inside it.
    """

    kind: str = "retry"
    block: str = ""
    outputs: Mapping[str, Any] = field(default_factory=dict)
    anew: bool = False

    def to_text(self) -> str:
        """JSON text."""
        return json.dumps([self.kind, self.block, dump_tagged(dict(self.outputs)), self.anew], separators=(",", ":"))

    @classmethod
    def from_text(cls, text: str) -> Decision | None:
        """What ``to_text`` wrote; ``None`` for an empty text.

        Raises:
            ValueError: the text is damaged.
        """
        if not text:
            return None
        kind, block, outputs, anew = json.loads(text)
        return cls(str(kind), str(block), load_tagged(outputs), bool(anew))
