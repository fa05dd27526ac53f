"""Effects that may take time: storage in a checkpoint, external ones as rows, sleeping, waiting for a fleet order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from execution.effects import AwaitOrder, Effect, EffectAnswer, External, FleetCall, Log, OrderView, Pending, Sleep
from execution.frames import Branch, Frame, Wait
from execution.keys import effect_key
from execution.outcome import EffectRow, WaitRow
from execution.rows import clean

OVER = frozenset({"STOPPED", "Error"})
_SELECTED = frozenset({"WAITING", "FAILED", "FINISHED"})
_MOST = 200
"""Characters of one text among the arguments of a wait."""
_ACTION_DONE = frozenset({"FINISHED", "MANUAL_FINISHED"})


def reached(order: OrderView | None, goal: str) -> bool:
    """Whether an order is where a handler wants it (see ``AwaitOrder``)."""
    if order is None:
        return False
    if order.state in OVER:
        return True
    kind, _, action = goal.partition(":")
    if kind == "vehicle":
        return bool(order.vehicle) and order.state in _SELECTED
    if kind == "block":
        return order.blocks.get(action) in _ACTION_DONE
    return order.state == "FINISHED"


def key_of(frame: Frame, base: str) -> str:
    """The key of the effect a frame stands at."""
    return effect_key(base, frame.round, len(frame.memo))


def external_row(effect: External, key: str, block: str) -> EffectRow:
    """The row of an external effect."""
    if not isinstance(effect, FleetCall):
        raise TypeError(f"no rows are known for {type(effect).__name__}")
    request = {"operation": effect.operation, "order_id": effect.order_id, "body": dict(effect.body)}
    return EffectRow(key=key, kind="fleet", target="fleet", block=block, request=request)


def wait_for(effect: Effect, key: str, now: int) -> Wait:
    """The wait of an effect that takes time."""
    if isinstance(effect, Sleep):
        return Wait(effect, "time", effect.code, _brief(effect.args), now, due=now + effect.milliseconds)
    if isinstance(effect, AwaitOrder):
        args = {**_brief(effect.args), "order": effect.order_id, "state": "", "robot": ""}
        return Wait(effect, f"order:{effect.order_id}", "robot", args, now)
    args = {"target": "fleet"}
    if isinstance(effect, FleetCall):
        args |= {"operation": effect.operation, "order": effect.order_id}
    return Wait(effect, f"effect:{key}", "effect", args, now)


def adopt(wait: Wait, pending: Pending, effect: Effect, since: int) -> Log | None:
    """Take over what a storage effect says it waits for; answers the log line that is new."""
    wait.effect, wait.key, wait.code, wait.args = effect, pending.key, pending.code, _brief(pending.args)
    wait.since, wait.due, wait.deadline, wait.block_code = (
        since,
        pending.due_ms,
        pending.deadline_ms,
        pending.block_code,
    )
    return _say(wait, pending.log)


def follow_order(wait: Wait, order: OrderView) -> Log | None:
    """Bring a wait up to date with its order; answers a warning once for every failure of the fleet."""
    wait.args = {**wait.args, "state": order.state, "robot": order.vehicle}
    wait.code = "order" if order.vehicle else "robot"
    if order.state != "FAILED":
        wait.said = ""
        return None
    wait.args["reason"] = clean(order.reason, _MOST)
    args = {"order": order.order_id, "robot": order.vehicle, "reason": order.reason}
    return _say(wait, Log("order.failed", args, level=4))


def _brief(args: Mapping[str, Any]) -> dict[str, Any]:
    """What a reader of the wait is told: a definition may name a target of a million characters."""
    return {name: clean(value, _MOST) if isinstance(value, str) else value for name, value in args.items()}


def _say(wait: Wait, log: Log | None) -> Log | None:
    text = "" if log is None else f"{log.code} {sorted(_brief(log.args).items())!r}"
    if log is None or text == wait.said:
        return None
    wait.said = text
    return log


def wait_rows(branches: Sequence[Branch]) -> tuple[WaitRow, ...]:
    """The waits of a suspended run."""
    return tuple(
        WaitRow(
            branch=branch.key if len(branch.key) <= 190 else branch.key[-190:],
            block=branch.stack[-1].block.name,
            key=wait.key,
            code=wait.code,
            args=dict(wait.args),
            since_ms=wait.since,
            due_ms=wait.due,
            deadline_ms=wait.deadline,
        )
        for branch in branches
        if (wait := branch.wait) is not None
    )


class Answers:
    """What the port knows about many waits, asked in bulk."""

    def __init__(self, effects: Mapping[str, EffectAnswer], orders: Mapping[str, OrderView]) -> None:
        self._effects = effects
        self.orders = orders

    def of(self, wait: Wait, now: int) -> tuple[bool, Any]:
        """Whether the wait is over, and its answer. Storage effects are not asked here."""
        effect = wait.effect
        if isinstance(effect, Sleep):
            return (wait.due or 0) <= now, None
        if isinstance(effect, AwaitOrder):
            order = self.orders.get(effect.order_id)
            return reached(order, effect.goal), order
        answer = self._effects.get(wait.key.removeprefix("effect:"))
        return answer is not None, answer
