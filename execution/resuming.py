"""The begin of a slice, and its end: which waits are over. Everything is asked in bulk."""

from __future__ import annotations

from typing import Any

from execution import effects as e
from execution import waits
from execution.branches import Branches
from execution.checkpoints import NOT_YET
from execution.errors import BlockError
from execution.frames import READY, WAITING, Branch, Frame
from execution.steps import Steps


def resume_waiting(steps: Steps, branches: Branches) -> None:
    """At the begin of a slice: look, in bulk, which waits are over."""
    waiting = branches.waiting()
    steps.new_orders.clear()
    for branch in waiting:
        if branch.wait is not None and branch.wait.effect is None:
            try:
                branch.wait.effect = steps.reenter(branch, branch.stack[-1])
            except Exception as error:  # noqa: BLE001 - the block boundary
                branches.wake(branch)
                steps.frame_failed(branch, branch.stack[-1], error)
                branches.discard_turn(branch)
    _look(steps, branches, waiting)


def look_at_new_orders(steps: Steps, branches: Branches) -> bool:
    """Before suspending: orders that were first waited for in this slice may be there already."""
    new, steps.new_orders = steps.new_orders, []
    _look(steps, branches, [branch for branch in new if branch.status == WAITING])
    return bool(branches.ready) or steps.ending is not None


def _look(steps: Steps, branches: Branches, waiting: list[Branch]) -> None:
    found = [(branch, branch.wait.effect, branch.wait) for branch in waiting if branch.wait is not None]
    keys = [wait.key.removeprefix("effect:") for _, effect, wait in found if isinstance(effect, e.External)]
    orders = [effect.order_id for _, effect, _ in found if isinstance(effect, e.AwaitOrder)]
    answers = waits.Answers(
        steps.port.effect_answers(keys) if keys else {}, steps.port.orders(orders) if orders else {}
    )
    now = steps.port.now_ms()
    for branch, effect, wait in found:
        if branch.status != WAITING or steps.ending is not None:
            continue
        frame = branch.stack[-1]
        if isinstance(effect, e.Transacted):
            _retry(steps, branches, branch, frame, effect)
            continue
        if isinstance(effect, e.AwaitOrder) and (order := answers.orders.get(effect.order_id)) is not None:
            steps.said(frame, waits.follow_order(wait, order))
        over, answer = answers.of(wait, now)
        if over:
            _deliver(steps, branches, branch, frame, answer, memoised=False)


def _retry(steps: Steps, branches: Branches, branch: Branch, frame: Frame, effect: e.Transacted) -> None:
    try:
        answer = steps.store(branch, frame, effect)
    except BlockError as error:
        branches.wake(branch)
        steps.frame_failed(branch, frame, error)
        branches.discard_turn(branch)
        return
    if answer is not NOT_YET:
        _deliver(steps, branches, branch, frame, answer, memoised=True)


def _deliver(steps: Steps, branches: Branches, branch: Branch, frame: Frame, answer: Any, *, memoised: bool) -> None:
    branches.wake(branch)
    if isinstance(branch.heading, e.Left) and not memoised:  # it was stopped while it waited for this
        steps.answered_too_late(branch, frame, answer)
        return
    steps.drive(branch, frame, answer, resumed=not memoised)
    if branch.status != READY:
        branches.discard_turn(branch)
