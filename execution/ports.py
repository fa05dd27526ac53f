"""What the engine needs from outside. ``scheduler`` implements it on rows, ``execution.testing`` in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

from execution.effects import EffectAnswer, OrderView, Pending, Transacted
from execution.outcome import Snapshot


class CheckpointTx(Protocol):
    """One open checkpoint: begun with the fencing update, committed when its ``with`` block is left without error."""

    def apply(self, effect: Transacted, key: str, since_ms: int) -> Any | Pending:
        """Carry out an effect. ``key`` names the attempt-independent request; ``since_ms`` is its first wait.

        Raises:
            execution.errors.BlockError: the effect is refused (unknown location, deadline reached ...). It leaves
                the ``with`` block as an exception, so nothing of the checkpoint is kept.
        """

    def save(self, snapshot: Snapshot) -> None:
        """Write state, block records, log lines and effects."""


class RunPort(Protocol):
    """The world of one run during one slice."""

    def now_ms(self) -> int:
        """Epoch milliseconds on the database's clock."""

    def stop_requested(self) -> str | None:
        """``cancel``, ``pause``, ``drain`` or ``None``. Asked before every block: an attribute read, never a query."""

    def checkpoint(self) -> AbstractContextManager[CheckpointTx]:
        """Begin a checkpoint.

        Raises:
            execution.errors.LeaseLost: this process no longer owns the run; nothing was written and nothing may be.
        """

    def effect_answers(self, keys: Sequence[str]) -> Mapping[str, EffectAnswer]:
        """Answers of those effects that have ended, in one query."""

    def orders(self, order_ids: Sequence[str]) -> Mapping[str, OrderView]:
        """The fleet orders as last seen, in one query."""
