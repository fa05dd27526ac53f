"""Requests of the fleet's API as functions of (path argument, query, body); the rules are the engine's."""

from __future__ import annotations

import datetime
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from vwed.simulator.engine import Fleet
from vwed.simulator.model import BAD_REQUEST, UNKNOWN, Action, Fault, Order, Refused, Robot

#: Most orders that one page of ``/orders`` carries, most names in one request, fastest and slowest clock.
MAX_PAGE = 5_000
MAX_NAMES = 5_000
SPEEDS = (0.01, 10_000.0)

Query = Mapping[str, str]
Operation = Callable[["Api", str, Query, Any], Any]


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back: an HTTP status and a JSON document."""

    status: int
    document: Any


class Api:
    """The calls that the simulated fleet understands."""

    def __init__(self, fleet: Fleet) -> None:
        self.fleet = fleet

    def handle(self, method: str, path: str, query: Query, body: Any) -> Answer:
        """Carry out one request; every refusal is an answer, never an exception."""
        name, _, argument = path.strip("/").partition("/")
        if name == "sim":
            name, argument = f"sim/{argument}", ""
        methods = ROUTES.get(name)
        if methods is None:
            return Answer(404, _said(UNKNOWN, f"there is no call {path!r}"))
        operation = methods.get(method)
        if operation is None:
            return Answer(405, _said(BAD_REQUEST, f"{path} takes {' or '.join(methods)}"))
        self.fleet.advance()
        try:
            result = operation(self, argument, query, body)
            answer = Answer(200, _said(0, "ok") if result is None else result)
        except Refused as refusal:
            answer = Answer(refusal.status, _said(refusal.code, refusal.message))
        if method == "POST" and name in RECORDED:
            code = answer.document.get("code", 0) if isinstance(answer.document, dict) else 0
            self.fleet.record_call(name, body, answer.status, code)
        self.fleet.advance()
        return answer

    # --- Orders ------------------------------------------------------------------------------------------------------

    def set_order(self, _: str, __: Query, body: Any) -> Any:
        """``POST /setOrder``."""
        spec = {key: value for key, value in _object(body).items() if value is not None}
        spec["id"] = _text(spec, "id")
        if "priority" in spec:
            spec["priority"] = _integer(spec, "priority")
        route = spec.get("keyRoute")
        if isinstance(route, str):
            spec["keyRoute"] = [part.strip() for part in route.split(",") if part.strip()]
        actions = _actions(spec.pop("blocks", None) or [])
        fresh = self.fleet.set_order(spec, actions, complete=bool(spec.pop("complete", False)))
        return None if fresh else _said(0, f"order id {spec['id']} already exist")

    def add_blocks(self, _: str, __: Query, body: Any) -> None:
        """``POST /addBlocks``."""
        spec = _object(body)
        actions = _actions(spec.get("blocks") or [])
        self.fleet.add_actions(_text(spec, "id"), actions, complete=bool(spec.get("complete")))

    def mark_complete(self, _: str, __: Query, body: Any) -> None:
        """``POST /markComplete``."""
        self.fleet.mark_complete(_text(_object(body), "id"))

    def terminate(self, _: str, __: Query, body: Any) -> None:
        """``POST /terminate``: the robot leaves dispatch unless ``disableVehicle`` is false."""
        spec = _object(body)
        ids = _names(spec, "idList") if spec.get("idList") else [_text(spec, "id")]
        for order_id in ids:
            self.fleet.find(order_id)
        for order_id in ids:
            self.fleet.terminate(order_id, disable=bool(spec.get("disableVehicle", True)))

    def set_priority(self, _: str, __: Query, body: Any) -> None:
        """``POST /setPriority``."""
        spec = _object(body)
        self.fleet.set_priority(_text(spec, "id"), _integer(spec, "priority"))

    def order_details(self, order_id: str, __: Query, ___: Any) -> Any:
        """``GET /orderDetails/{id}``."""
        return self.fleet.find(order_id).view()

    def order_by_block(self, block_id: str, __: Query, ___: Any) -> Any:
        """``GET /orderDetailsByBlockId/{id}``."""
        return self._order_of_block(block_id)[0].view()

    def block_details(self, block_id: str, __: Query, ___: Any) -> Any:
        """``GET /blockDetailsById/{id}``."""
        order, action = self._order_of_block(block_id)
        return {**action.view(), "orderId": order.id, "vehicle": order.vehicle}

    def order_by_external(self, external_id: str, __: Query, ___: Any) -> Any:
        """``GET /orderDetailsByExternalId/{id}``: the newest order with that external id."""
        return self._newest(external_id).view()

    def orders(self, _: str, query: Query, body: Any) -> Any:
        """``GET /orders`` or ``POST /orders`` (the same names in a body): a page, newest first, or exactly ``ids``."""
        wanted: Mapping[str, Any] = {**query, **(_object(body) if body is not None else {})}
        page, size = _integer(wanted, "page", 1), _integer(wanted, "size", 20)
        if page < 1 or not 1 <= size <= MAX_PAGE:
            raise Refused(BAD_REQUEST, f"page starts at 1 and size is 1 to {MAX_PAGE}")
        ids = wanted.get("ids")
        if ids is not None:
            names = _names({"ids": ids.split(",") if isinstance(ids, str) else ids}, "ids")
            known = (self.fleet.open.get(name) or self.fleet.ended.get(name) for name in names)
            found = [order for order in known if order is not None]
        else:
            found = sorted(self._orders(), key=lambda order: -order.number)
        state, external = wanted.get("state"), wanted.get("externalId")
        if state:
            found = [order for order in found if (order.open if state == "open" else order.state == state)]
        if external:
            found = [order for order in found if order.external_id == external]
        shown = [order.view() for order in found[(page - 1) * size : page * size]]
        return {"list": shown, "page": page, "size": size, "total": len(found)}

    def _orders(self) -> list[Order]:
        return [*self.fleet.open.values(), *self.fleet.ended.values()]

    def _newest(self, external_id: str) -> Order:
        found = [order for order in self._orders() if order.external_id == external_id]
        if not found:
            raise Refused(UNKNOWN, f"no order has the external id {external_id}", status=404)
        return max(found, key=lambda order: order.number)

    def _order_of_block(self, block_id: str) -> tuple[Order, Action]:
        for order in self._orders():
            for action in order.actions:
                if action.id == block_id:
                    return order, action
        raise Refused(UNKNOWN, f"block {block_id} does not exist", status=404)

    # --- Robots ------------------------------------------------------------------------------------------------------

    def robots_status(self, _: str, query: Query, ___: Any) -> Any:
        """``GET /robotsStatus``."""
        names = set(query["vehicles"].split(",")) if query.get("vehicles") else set(self.fleet.robots)
        shown = [r.view(self.fleet.open.get(r.order)) for r in self.fleet.robots.values() if r.id in names]
        return {
            "report": shown,
            "scene_md5": "simulated",
            "model_md5": "simulated",
            "alarms": {"fatals": [], "errors": [], "warnings": [], "notices": []},
        }

    def dispatchable(self, _: str, __: Query, body: Any) -> None:
        """``POST /dispatchable``."""
        spec = _object(body)
        kind = spec.get("type") or "dispatchable"
        if kind not in ("dispatchable", "undispatchable_unignore", "undispatchable_ignore"):
            raise Refused(BAD_REQUEST, f"type {kind!r} is unknown; dispatchable, undispatchable_unignore or _ignore")
        self.fleet.set_dispatch(_names(spec, "vehicles"), str(kind))

    def lock(self, _: str, __: Query, body: Any) -> None:
        """``POST /lock``."""
        self.fleet.set_locked(_names(_object(body), "vehicles"), True)

    def unlock(self, _: str, __: Query, body: Any) -> None:
        """``POST /unlock``."""
        self.fleet.set_locked(_names(_object(body), "vehicles"), False)

    def redo_failed(self, _: str, __: Query, body: Any) -> None:
        """``POST /redoFailedOrder``."""
        self.fleet.redo_failed(_names(_object(body), "vehicles"))

    def manual_finished(self, _: str, __: Query, body: Any) -> None:
        """``POST /manualFinished``."""
        self.fleet.finish_by_hand(_names(_object(body), "vehicles"))

    def ping(self, _: str, __: Query, ___: Any) -> Any:
        """``GET /ping``."""
        return {"product": "fleet simulator", "version": "1", "speed": self.fleet.speed, "open": len(self.fleet.open)}

    # --- Control of the simulation -----------------------------------------------------------------------------------

    def sim_reset(self, _: str, __: Query, ___: Any) -> None:
        """``POST /sim/reset``."""
        self.fleet.reset()

    def sim_robots(self, _: str, __: Query, body: Any) -> None:
        """``POST /sim/robots``: the whole list of {id, group, dispatchable} (also {"robots": [...]})."""
        rows = body.get("robots") if isinstance(body, dict) else body
        if not isinstance(rows, list) or len(rows) > MAX_NAMES:
            raise Refused(BAD_REQUEST, "send a list of {id, group, dispatchable}")
        robots = [
            Robot(
                _text(_object(row), "id"),
                str(row.get("group") or ""),
                str(row.get("label") or ""),
                bool(row.get("dispatchable", True)),
            )
            for row in rows
        ]
        self.fleet.set_robots(robots)

    def sim_fail(self, _: str, __: Query, body: Any) -> None:
        """``POST /sim/fail``: {vehicle | order | location, times, code, message}."""
        spec = _object(body)
        victim = {name: str(spec[name]) for name in ("vehicle", "order", "location") if spec.get(name)}
        times = _integer(spec, "times", 1)
        if not victim or times < 1:
            raise Refused(BAD_REQUEST, "name a vehicle, an order or a location, and times of at least 1")
        message = str(spec.get("message") or "injected failure")
        self.fleet.add_fault(Fault(times, _integer(spec, "code", 52200), message, **victim))

    def sim_stop(self, _: str, __: Query, body: Any) -> None:
        """``POST /sim/stop``: {order (id or external id), code?, message?}: the fleet ends the order by itself."""
        spec = _object(body)
        name = _text(spec, "order")
        order_id = name if name in self.fleet.open or name in self.fleet.ended else self._newest(name).id
        message = str(spec.get("message") or "stopped at the fleet")
        self.fleet.terminate(order_id, disable=False, code=_integer(spec, "code", 60000), message=message)

    def sim_speed(self, _: str, __: Query, body: Any) -> None:
        """``POST /sim/speed``: {factor}."""
        try:
            factor = float(_object(body).get("factor"))  # type: ignore[arg-type]
        except (TypeError, ValueError):
            factor = math.nan
        if not SPEEDS[0] <= factor <= SPEEDS[1]:
            raise Refused(BAD_REQUEST, f"factor is a number from {SPEEDS[0]:g} to {SPEEDS[1]:g}")
        self.fleet.set_speed(factor)

    def sim_calls(self, _: str, query: Query, ___: Any) -> Any:
        """``GET /sim/calls``: the newest mutating calls in order, after ``?after=<seq>``."""
        after = _integer(query, "after", 0)
        return [call for call in self.fleet.calls if call["seq"] > after]


ROUTES: Mapping[str, Mapping[str, Operation]] = {
    "setOrder": {"POST": Api.set_order},
    "addBlocks": {"POST": Api.add_blocks},
    "markComplete": {"POST": Api.mark_complete},
    "terminate": {"POST": Api.terminate},
    "setPriority": {"POST": Api.set_priority},
    "orderDetails": {"GET": Api.order_details},
    "orderDetailsByBlockId": {"GET": Api.order_by_block},
    "orderDetailsByExternalId": {"GET": Api.order_by_external},
    "blockDetailsById": {"GET": Api.block_details},
    "orders": {"GET": Api.orders, "POST": Api.orders},
    "robotsStatus": {"GET": Api.robots_status},
    "dispatchable": {"POST": Api.dispatchable},
    "lock": {"POST": Api.lock},
    "unlock": {"POST": Api.unlock},
    "redoFailedOrder": {"POST": Api.redo_failed},
    "manualFinished": {"POST": Api.manual_finished},
    "ping": {"GET": Api.ping},
    "sim/reset": {"POST": Api.sim_reset},
    "sim/robots": {"POST": Api.sim_robots},
    "sim/fail": {"POST": Api.sim_fail},
    "sim/stop": {"POST": Api.sim_stop},
    "sim/speed": {"POST": Api.sim_speed},
    "sim/calls": {"GET": Api.sim_calls},
}
#: Calls that change something at a real fleet; they are what ``/sim/calls`` lists.
RECORDED = frozenset(
    {
        "setOrder",
        "addBlocks",
        "markComplete",
        "terminate",
        "setPriority",
        "dispatchable",
        "lock",
        "unlock",
        "redoFailedOrder",
        "manualFinished",
    }
)


def _said(code: int, message: str) -> dict[str, Any]:
    return {"code": code, "msg": message, "create_on": datetime.datetime.now(datetime.UTC).isoformat()}


def _object(body: Any) -> dict[str, Any]:
    if not isinstance(body, dict):
        raise Refused(BAD_REQUEST, "the body must be a JSON object")
    return body


def _text(spec: Mapping[str, Any], name: str) -> str:
    value = spec.get(name)
    if not isinstance(value, str) or not value.strip() or len(value) > 500:
        raise Refused(BAD_REQUEST, f"{name} must be a text of 1 to 500 characters")
    return value


def _integer(spec: Mapping[str, Any], name: str, default: int | None = None) -> int:
    value: Any = spec.get(name, default)
    try:
        return int(value)
    except (TypeError, ValueError, OverflowError):
        raise Refused(BAD_REQUEST, f"{name} must be a whole number") from None


def _names(spec: Mapping[str, Any], name: str) -> list[str]:
    values = spec.get(name)
    if not isinstance(values, list) or not values or len(values) > MAX_NAMES:
        raise Refused(BAD_REQUEST, f"{name} must be a list of 1 to {MAX_NAMES} texts")
    if not all(isinstance(value, str) for value in values):
        raise Refused(BAD_REQUEST, f"{name} must hold texts only")
    return values


def _actions(blocks: Any) -> list[Action]:
    if not isinstance(blocks, list):
        raise Refused(BAD_REQUEST, "blocks must be a list")
    actions = [Action(_text(_object(spec), "blockId"), _text(spec, "location"), spec) for spec in blocks]
    if len({action.id for action in actions}) < len(actions):
        raise Refused(BAD_REQUEST, "two blocks have the same blockId")
    return actions
