"""The fleet's state machine on injected time: ``advance`` moves everything whose simulated time has come.

Order: CREATED → TOBEDISPATCHED → (a fitting idle robot, highest priority first, then age) WAITING without actions, else
RUNNING → FINISHED when marked complete and nothing is left. FAILED until redone or finished by hand; STOPPED when
terminated.
"""

from __future__ import annotations

import heapq
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from vwed.simulator.model import COMPLETE, EXISTS, UNKNOWN, Action, Fault, Order, Refused, Robot

#: Simulated seconds: accepting an order, carrying out an action.
ACCEPT_S = 0.2
ACTION_S = 4.0
#: Bounds: ended orders kept for questions, recorded calls, faults that wait for their victim, actions of one order.
KEPT_ORDERS = 5_000
KEPT_CALLS = 20_000
MAX_FAULTS = 1_000
MAX_ACTIONS = 1_000
MAX_OPEN_ORDERS = 50_000


class Fleet:
    """Robots, orders and faults. Not thread-safe: one event loop owns it.

    ``clock`` is monotonic real seconds, ``wall`` unix seconds; ``speed``: simulated seconds that pass in a real one.
    """

    def __init__(
        self,
        robots: Iterable[Robot] = (),
        *,
        speed: float = 1.0,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._clock = clock
        self._wall = wall
        self._last = clock()
        self._setup: tuple[tuple[str, str, str, bool], ...] = ()
        self.speed = speed
        self.now = 0.0
        self.robots: dict[str, Robot] = {}
        self.open: dict[str, Order] = {}
        self._queue: dict[str, Order] = {}
        self._due: list[tuple[float, int, Order]] = []
        self.ended: OrderedDict[str, Order] = OrderedDict()
        self.faults: list[Fault] = []
        self.calls: deque[dict[str, Any]] = deque(maxlen=KEPT_CALLS)
        self._numbers = 0
        self._calls_seen = 0
        self.set_robots(robots)

    # --- Time --------------------------------------------------------------------------------------------------------

    def advance(self) -> None:
        """Move simulated time to now and everything that has become due, in the order of its due time."""
        real = self._clock()
        target = self.now + (real - self._last) * self.speed
        self._last = real
        self._dispatch()
        while (order := self._next_due()) is not None and order.due is not None and order.due <= target:
            self.now = max(self.now, order.due)
            self._step(order)
            self._dispatch()
        self.now = target

    def seconds_to_next(self) -> float | None:
        """Real seconds until something becomes due; ``None`` when only a call can change anything."""
        order = self._next_due()
        return None if order is None or order.due is None else max(0.0, (order.due - self.now) / self.speed)

    def set_speed(self, factor: float) -> None:
        """From now on ``factor`` simulated seconds pass in a real one."""
        self.advance()
        self.speed = factor

    def _schedule(self, order: Order, due: float) -> None:
        order.due = due
        self._numbers += 1
        heapq.heappush(self._due, (due, self._numbers, order))

    def _next_due(self) -> Order | None:
        """The order whose time comes next; entries that were overtaken by a call are thrown away here."""
        while self._due:
            due, _, order = self._due[0]
            if order.due == due:
                return order
            heapq.heappop(self._due)
        return None

    def _step(self, order: Order) -> None:
        order.due = None
        if order.state == "CREATED":
            order.state = "TOBEDISPATCHED"
            self._queue[order.id] = order
            if order.complete and order.current is None:
                self._end(order, "FINISHED")
            return
        action = order.current
        if order.state != "RUNNING" or action is None:
            return
        if action.fails:
            self._fail_action(order, action)
            return
        self._finish_action(order, action, "FINISHED")

    # --- Orders ------------------------------------------------------------------------------------------------------

    def find(self, order_id: str) -> Order:
        """The order, open or ended and still kept.

        Raises:
            Refused: 50002, nobody knows that id.
        """
        order = self.open.get(order_id) or self.ended.get(order_id)
        if order is None:
            raise Refused(UNKNOWN, f"order {order_id} does not exist", status=404)
        return order

    def set_order(self, spec: Mapping[str, Any], actions: Sequence[Action], *, complete: bool) -> bool:
        """Accept an order; an id that is known changes nothing and answers ``False``."""
        order_id = str(spec["id"])
        if order_id in self.open or order_id in self.ended:
            return False
        if len(self.open) >= MAX_OPEN_ORDERS:
            raise Refused(60000, f"{MAX_OPEN_ORDERS} orders are open; end some first", status=503)
        self._numbers += 1
        order = Order(order_id, spec, self._wall(), self._numbers, int(spec.get("priority") or 0))
        self._append(order, actions)
        order.complete = complete
        self.open[order_id] = order
        self._schedule(order, self.now + ACCEPT_S)
        return True

    def add_actions(self, order_id: str, actions: Sequence[Action], *, complete: bool) -> None:
        """Append actions, all or none.

        Raises:
            Refused: 50002 unknown order, 50001 an action id exists, 50003 the order takes no more.
        """
        order = self.find(order_id)
        self._append(order, actions)
        if complete:
            order.complete = True
        if order.state == "WAITING":
            self._go_on(order)

    def mark_complete(self, order_id: str) -> None:
        """No more actions will come; said again it changes nothing."""
        order = self.find(order_id)
        order.complete = True
        if order.state == "WAITING" or (order.state == "TOBEDISPATCHED" and order.current is None):
            self._go_on(order)

    def terminate(self, order_id: str, *, disable: bool, code: int = 0, message: str = "") -> None:
        """Stop an order for good; ``disable`` takes its robot out of dispatch. An ended order stays as it is."""
        order = self.find(order_id)
        if not order.open:
            return
        robot = self.robots.get(order.vehicle)
        if disable and robot is not None:
            self.set_dispatch([robot.id], "undispatchable_unignore")
        if message:
            order.errors.insert(0, {"code": code, "desc": message, "times": 1})
        for action in order.actions:
            if action.state in ("CREATED", "RUNNING", "FAILED"):
                action.state = "STOPPED"
        self._end(order, "STOPPED")

    def set_priority(self, order_id: str, priority: int) -> None:
        """Change the priority of an order that may still wait for a robot."""
        self.find(order_id).priority = priority

    def _append(self, order: Order, actions: Sequence[Action]) -> None:
        known = {action.id for action in order.actions}
        doubled = [action.id for action in actions if action.id in known]
        if doubled:
            raise Refused(EXISTS, f"block id {doubled[0]} already exist")
        if actions and (order.complete or not order.open):
            raise Refused(COMPLETE, f"order {order.id} is already complete")
        if len(order.actions) + len(actions) > MAX_ACTIONS:
            raise Refused(60000, f"order {order.id} has {MAX_ACTIONS} blocks; an order takes no more")
        order.actions.extend(actions)

    def _go_on(self, order: Order) -> None:
        """Start the next action, or wait for one, or finish."""
        order.due = None
        action = order.current
        if action is None:
            if order.complete:
                self._end(order, "FINISHED")
            else:
                order.state = "WAITING"
            return
        order.state = "RUNNING"
        action.state = "RUNNING"
        action.fails = any(fault.matches(order, action) for fault in self.faults)
        self._schedule(order, self.now + (ACTION_S / 2 if action.fails else ACTION_S))

    def _finish_action(self, order: Order, action: Action, state: str) -> None:
        action.state = state
        order.errors.clear()
        robot = self.robots[order.vehicle]
        robot.last_station, robot.station = robot.station, action.location
        robot.battery = robot.battery - 0.002 if robot.battery > 0.3 else 1.0
        self._go_on(order)

    def _fail_action(self, order: Order, action: Action) -> None:
        fault = next((fault for fault in self.faults if fault.matches(order, action)), None)
        if fault is None:  # another action used the fault up in the meantime
            action.fails = False
            self._schedule(order, self.now + ACTION_S / 2)
            return
        fault.times -= 1
        if fault.times == 0:
            self.faults.remove(fault)
        action.state = order.state = "FAILED"
        action.fails = False
        order.errors.insert(0, {"code": fault.code, "desc": fault.message, "times": 1})
        del order.errors[10:]

    def _end(self, order: Order, state: str) -> None:
        order.state, order.due, order.ended = state, None, self._wall()
        robot = self.robots.get(order.vehicle)
        if robot is not None and robot.order == order.id:
            robot.order = ""
        self._queue.pop(order.id, None)
        del self.open[order.id]
        self.ended[order.id] = order
        while len(self.ended) > KEPT_ORDERS:
            self.ended.popitem(last=False)

    def _dispatch(self) -> None:
        idle = [robot for robot in self.robots.values() if robot.dispatchable and not robot.order]
        if not idle or not self._queue:
            return
        for order in sorted(self._queue.values(), key=lambda order: (-order.priority, order.number)):
            robot = next((robot for robot in idle if order.wants(robot)), None)
            if robot is None:
                continue
            idle.remove(robot)
            del self._queue[order.id]
            robot.order, order.vehicle, order.assigned = order.id, robot.id, self._wall()
            self._go_on(order)
            if not idle:
                return

    # --- Robots ------------------------------------------------------------------------------------------------------

    def set_robots(self, robots: Iterable[Robot]) -> None:
        """Replace the robots. A robot that stays keeps its order; the order of one that goes is stopped."""
        fresh = {robot.id: robot for robot in robots}
        for robot in list(self.robots.values()):
            if robot.order and robot.id not in fresh:
                self.terminate(robot.order, disable=False, code=60000, message=f"vehicle {robot.id} was removed")
        for robot in fresh.values():
            if robot.id in self.robots:
                robot.order = self.robots[robot.id].order
        self.robots = fresh
        self._setup = tuple((robot.id, robot.group, robot.label, robot.dispatchable) for robot in fresh.values())

    def set_dispatch(self, vehicles: Sequence[str], kind: str) -> None:
        """Put robots into dispatch or take them out."""
        for robot in self._named(vehicles):
            robot.dispatch_type = kind
            robot.dispatchable = kind == "dispatchable"

    def set_locked(self, vehicles: Sequence[str], locked: bool) -> None:
        """Take or give back the control right of robots."""
        for robot in self._named(vehicles):
            robot.locked = locked

    def redo_failed(self, vehicles: Sequence[str]) -> None:
        """Carry out the failed action of these robots again."""
        for order in self._failed_orders(vehicles):
            order.errors.clear()
            self._go_on(order)

    def finish_by_hand(self, vehicles: Sequence[str]) -> None:
        """Count the failed (or running) action of these robots as done."""
        for order in self._failed_orders(vehicles, running_too=True):
            action = order.current
            if action is not None:
                self._finish_action(order, action, "MANUAL_FINISHED")

    def _named(self, vehicles: Sequence[str]) -> list[Robot]:
        missing = [name for name in vehicles if name not in self.robots]
        if missing:
            raise Refused(UNKNOWN, f"vehicle {missing[0]} does not exist", status=404)
        return [self.robots[name] for name in vehicles]

    def _failed_orders(self, vehicles: Sequence[str], *, running_too: bool = False) -> list[Order]:
        states = ("FAILED", "RUNNING") if running_too else ("FAILED",)
        orders = [self.open.get(robot.order) for robot in self._named(vehicles)]
        return [order for order in orders if order is not None and order.state in states]

    # --- Control of the simulation -----------------------------------------------------------------------------------

    def add_fault(self, fault: Fault) -> None:
        """Let the next matching actions fail; one that is running now fails at once."""
        if len(self.faults) >= MAX_FAULTS:
            raise Refused(60000, f"{MAX_FAULTS} faults are waiting; reset the simulator")
        self.faults.append(fault)
        for order in list(self.open.values()):
            action = order.current
            if order.state == "RUNNING" and action is not None and not action.fails and fault.matches(order, action):
                action.fails = True
                self._schedule(order, self.now)

    def record_call(self, call: str, body: Any, status: int, code: int) -> None:
        """Remember a call that changes something, refused ones too; the oldest are forgotten."""
        self._calls_seen += 1
        self.calls.append(
            {
                "seq": self._calls_seen,
                "time": self._wall(),
                "call": call,
                "path": f"/{call}",
                "body": body,
                "status": status,
                "code": code,
            }
        )

    def reset(self) -> None:
        """Forget orders, calls and faults; robots are idle again, as they were last set. The speed stays."""
        for held in (self.open, self._queue, self._due, self.ended):
            held.clear()
        self.faults.clear()
        self.calls.clear()
        self._calls_seen = 0
        for robot in self.robots.values():
            robot.order = ""
        self.set_robots([Robot(*setup) for setup in self._setup])
