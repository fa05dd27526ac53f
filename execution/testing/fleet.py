"""A robot fleet in memory: takes calls, moves its orders one step at a time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from execution.effects import EffectAnswer, OrderView


@dataclass(slots=True)
class FakeOrder:
    """One order as the fleet sees it."""

    body: Mapping[str, Any]
    state: str = "CREATED"
    vehicle: str = ""
    complete: bool = False
    actions: dict[str, dict[str, Any]] = field(default_factory=dict)
    states: dict[str, str] = field(default_factory=dict)
    reason: str = ""
    codes: tuple[int, ...] = ()


class FakeFleet:
    """``fail[location] = (steps, reason)`` lets an action there fail for a while; ``stop[location] = (reason, codes)``
    stops the order; ``refuse[operation] = words`` refuses calls. ``calls`` lists what was received, ``sent`` how often
    each key was.
    """

    def __init__(self, robots: list[str] | None = None) -> None:
        self.robots = ["AMB-01"] if robots is None else robots
        self.orders: dict[str, FakeOrder] = {}
        self.calls: list[tuple[str, Mapping[str, Any]]] = []
        self.sent: dict[str, int] = {}
        self.fail: dict[str, tuple[int, str]] = {}
        self.stop: dict[str, tuple[str, tuple[int, ...]]] = {}
        self.refuse: dict[str, str] = {}

    def call(self, key: str, request: Mapping[str, Any]) -> EffectAnswer:
        """Receive one call. The same order or action again changes nothing."""
        self.sent[key] = self.sent.get(key, 0) + 1
        operation, body = str(request["operation"]), request["body"]
        if operation in self.refuse:
            return EffectAnswer("failed", {"code": 40000, "message": self.refuse[operation]})
        if self.sent[key] == 1:
            self.calls.append((operation, body))
        order = self.orders.get(request["order_id"])
        if operation == "setOrder":
            self.orders.setdefault(request["order_id"], FakeOrder(body, complete=bool(body.get("complete"))))
        elif order is None:
            return EffectAnswer("failed", {"code": 50002, "message": "no such order"})
        elif operation == "addBlocks":
            for action in body["blocks"]:
                order.actions.setdefault(action["blockId"], action)
                order.states.setdefault(action["blockId"], "CREATED")
        elif operation == "markComplete":
            order.complete = True
        elif operation == "terminate" and order.state not in ("FINISHED", "STOPPED"):
            order.state = "STOPPED"
        return EffectAnswer("done", {"code": 0})

    def step(self) -> None:
        """Let every order go one step further."""
        for order in self.orders.values():
            if order.state in ("FINISHED", "STOPPED", "Error"):
                continue
            if not order.vehicle:
                self._assign(order)
            else:
                self._work(order)

    def _assign(self, order: FakeOrder) -> None:
        busy = {other.vehicle for other in self.orders.values() if other.state not in ("FINISHED", "STOPPED")}
        wanted = order.body.get("vehicle")
        for robot in self.robots:
            if robot not in busy and wanted in (None, "", robot):
                order.vehicle, order.state = robot, "WAITING"
                return

    def _work(self, order: FakeOrder) -> None:
        for action, state in order.states.items():
            if state in ("FINISHED", "MANUAL_FINISHED"):
                continue
            location = order.actions[action]["location"]
            if location in self.stop:
                order.reason, order.codes = self.stop.pop(location)
                order.state = "STOPPED"
                return
            steps, reason = self.fail.get(location, (0, ""))
            if steps > 0:
                self.fail[location] = (steps - 1, reason)
                order.state, order.states[action], order.reason = "FAILED", "FAILED", reason
                return
            if state in ("CREATED", "FAILED"):
                order.states[action], order.state = "RUNNING", "RUNNING"
                return
            order.states[action] = "FINISHED"
            break
        done = all(state in ("FINISHED", "MANUAL_FINISHED") for state in order.states.values())
        if done:
            order.state = "FINISHED" if order.complete else "WAITING"

    def view(self, order_id: str) -> OrderView | None:
        """The order as the port shows it."""
        order = self.orders.get(order_id)
        if order is None:
            return None
        return OrderView(order_id, order.state, order.vehicle, dict(order.states), {}, order.reason, order.codes)
