"""What the simulated fleet knows: robots, orders and their actions, and how each is shown in an answer."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

#: An order in one of these states never changes again.
FINAL_STATES = frozenset({"FINISHED", "STOPPED", "Error"})
#: An action in one of these states is behind the robot.
DONE_ACTIONS = frozenset({"FINISHED", "MANUAL_FINISHED"})


class Refused(Exception):
    """The fleet refuses a call: its documented ``code``, its words, and the HTTP status that carries them."""

    def __init__(self, code: int, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status


EXISTS, UNKNOWN, COMPLETE, BAD_REQUEST, VEHICLE_CHANGED = 50001, 50002, 50003, 50000, 60019


@dataclass(slots=True)
class Robot:
    """One vehicle. ``order`` is the id of the order it is bound to, empty when idle."""

    id: str
    group: str = ""
    label: str = ""
    dispatchable: bool = True
    order: str = ""
    station: str = ""
    last_station: str = ""
    battery: float = 1.0
    locked: bool = False
    dispatch_type: str = "dispatchable"

    def view(self, order: Order | None) -> dict[str, Any]:
        """The robot's entry in ``/robotsStatus``."""
        return {
            "vehicle_id": self.id,
            "uuid": self.id,
            "dispatchable": self.dispatchable,
            "procBusiness": order is not None,
            "is_error": order is not None and order.state == "FAILED",
            "isLoaded": False,
            "connection_status": 1,
            "network_delay": 1,
            "lock_info": {"locked": self.locked},
            "basic_info": {"ip": "127.0.0.1", "current_area": [], "current_group": self.group},
            "current_order": order.view(brief=True) if order is not None else {},
            "undispatchable_reason": {
                "disconnect": False,
                "unconfirmed_reloc": False,
                "unlock": 0,
                "low_battery": False,
                "current_map_invalid": False,
                "suspended": False,
                "dispatchable_status": {"dispatchable": 0, "undispatchable_unignore": 1}.get(self.dispatch_type, 2),
            },
            "rbk_report": {
                "battery_level": round(self.battery, 3),
                "charging": False,
                "confidence": 1.0,
                "current_station": self.station,
                "last_station": self.last_station,
                "task_status": 2 if order is not None and order.state == "RUNNING" else 0,
                "reloc_status": 1,
                "emergency": False,
                "soft_emc": False,
                "blocked": False,
                "alarms": {"fatals": [], "errors": [], "warnings": [], "notices": []},
            },
        }


@dataclass(slots=True)
class Action:
    """One action (the fleet says "block") of an order. ``due`` is in simulated seconds, ``None`` unless it runs."""

    id: str
    location: str
    spec: Mapping[str, Any]
    state: str = "CREATED"
    due: float | None = None
    fails: bool = False

    def view(self) -> dict[str, Any]:
        """The action's entry in an order's ``blocks``."""
        args = self.spec.get("operation_args", self.spec.get("operationArgs"))
        script_args = self.spec.get("script_args", self.spec.get("scriptArgs"))
        return {
            "blockId": self.id,
            "location": self.location,
            "operation": str(self.spec.get("operation") or ""),
            "operation_args": json.dumps(args, ensure_ascii=False),
            "script_name": str(self.spec.get("script_name") or self.spec.get("scriptName") or ""),
            "script_args": json.dumps(script_args, ensure_ascii=False),
            "binTask": str(self.spec.get("binTask") or ""),
            "goodsId": str(self.spec.get("goodsId") or ""),
            "containerName": str(self.spec.get("containerName") or ""),
            "state": self.state,
        }


@dataclass(slots=True)
class Order:
    """One transport order. Times are unix seconds except ``due``, which is in simulated seconds."""

    id: str
    spec: Mapping[str, Any]
    created: float
    number: int
    priority: int = 0
    due: float | None = None
    state: str = "CREATED"
    vehicle: str = ""
    complete: bool = False
    actions: list[Action] = field(default_factory=list)
    errors: list[dict[str, Any]] = field(default_factory=list)
    assigned: float | None = None
    ended: float | None = None

    @property
    def open(self) -> bool:
        """Whether the order can still change."""
        return self.state not in FINAL_STATES

    @property
    def external_id(self) -> str:
        """The caller's own name for the order, empty when none was given."""
        return str(self.spec.get("externalId") or "")

    @property
    def current(self) -> Action | None:
        """The first action that is not done."""
        return next((action for action in self.actions if action.state not in DONE_ACTIONS), None)

    def wants(self, robot: Robot) -> bool:
        """Whether ``robot`` may carry this order, by vehicle, group and label."""
        vehicle, group, label = (str(self.spec.get(name) or "") for name in ("vehicle", "group", "label"))
        return (not vehicle or robot.id == vehicle) and group in ("", robot.group) and label in ("", robot.label)

    def view(self, *, brief: bool = False) -> dict[str, Any]:
        """The order as ``/orderDetails`` shows it; ``brief`` is the part that ``/robotsStatus`` carries."""
        shown: dict[str, Any] = {
            "id": self.id,
            "externalId": self.external_id,
            "state": self.state,
            "complete": self.complete,
            "msg": "",
            "error": dict(self.errors[0]) if self.errors else {},
            "blocks": [action.view() for action in self.actions],
        }
        if brief:
            return shown
        shown.update(
            group=str(self.spec.get("group") or ""),
            label=str(self.spec.get("label") or ""),
            keyRoute=list(self.spec.get("keyRoute") or ()),
            priority=self.priority,
            createTime=int(self.created),
            errors=[dict(error) for error in self.errors],
            warnings=[],
            notices=[],
            type=0,
            joinable=False,
        )
        if self.vehicle:
            shown["vehicle"] = self.vehicle
        if self.assigned is not None:
            shown["receiveTime"] = int(self.assigned)
        if self.ended is not None:
            shown["terminalTime"] = int(self.ended)
            shown["executionTimeCost"] = int(self.ended - (self.assigned or self.ended))
        return shown


@dataclass(slots=True)
class Fault:
    """An ordered failure: the next ``times`` actions that match every given filter fail."""

    times: int
    code: int
    message: str
    vehicle: str = ""
    order: str = ""
    location: str = ""

    def matches(self, order: Order, action: Action) -> bool:
        """Whether this fault hits ``action`` of ``order``."""
        return (
            self.times > 0
            and self.vehicle in ("", order.vehicle)
            and self.order in ("", order.id, order.external_id)
            and self.location in ("", action.location)
        )
