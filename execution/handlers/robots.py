"""Robots: an order at the fleet, and the actions that are added to it.

Every identifier derives from the record, the block and its round, so a repetition after a crash meets the order that
is already there.
"""

from __future__ import annotations

import json
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from execution.effects import (
    AddVehicle,
    AmendOffer,
    AwaitOrder,
    ChildFailure,
    Effect,
    EffectAnswer,
    FleetCall,
    InspectSite,
    Left,
    Log,
    Offer,
    OrderView,
    PassOn,
    Publish,
    RunChildren,
    SetInput,
    SetPriority,
)
from execution.errors import BlockError
from execution.frames import Here
from execution.parameters import anything, extras, flag, number, param, text, whole32
from execution.registry import block
from execution.values import to_plain

CHANGE_EXPECTED = 60019
MAX_CHANGES = 20
_ACTION_DONE = frozenset({"FINISHED", "MANUAL_FINISHED"})
_JSON_OPERATIONS = frozenset({"binTask", "preBinTask"})
_OPERATIONS = frozenset(
    {"JackLoad", "JackHeight", "JackUnload", "Wait", "ForkLoad", "ForkUnload", "ForkHeight", "CustomCommand"}
)


@dataclass(slots=True)
class SelectAgvParams:
    """Parameters of CSelectAgvBp."""

    priority: int | None = param(
        whole32, help="Priority of the order; the record takes it over. A higher number is served first; left out: 1."
    )
    vehicle: str | None = param(text, help="Only this robot; left out: the fleet chooses.")
    tag: str | None = param(text, help="Only robots with this label.")
    group: str | None = param(text, help="Only robots of this group.")
    key_route: Any = param(
        anything, advised=True, help="The locations the fleet plans with: a list, or names with commas between them."
    )
    key_task: str | None = param(
        text, help="``load`` or ``unload``: what is done at the first location; for the fleet."
    )
    pre_point_redo: bool | None = param(
        flag, help="Whether the fleet may choose another robot on the way; for the fleet."
    )
    mapf_priority: str | None = param(text, help="Right of way in traffic; for the fleet.")
    key_goods_id: str | None = param(text, help="The goods to carry; for the fleet.")
    load_block_count: int | None = param(whole32, help="How many goods are loaded; for the fleet.")


@dataclass(slots=True)
class AgvOperationParams:
    """Parameters of CAgvOperationBp; ``agvId`` is written by editors and not used."""

    target_site_label: str | None = param(text, advised=True, help="The location to drive to.")
    script_name: str | None = param(
        text,
        help="What to do there: an operation, ``binTask`` or a script of the robot; left out or ``none``: only drive.",
    )
    post_action: str | None = param(text, help="Configuration of the action after this one; for the fleet.")
    goods_id: str | None = param(text, help="The goods it concerns; for the fleet.")
    is_end_action: bool | None = param(
        flag, help="Written by editors, not used: the selection's end completes the order."
    )
    max_speed: float | None = param(number, name="max_speed", help="Metres per second; left out: the robot's own.")
    max_wspeed: float | None = param(number, name="max_wspeed", help="Radians per second; left out: the robot's own.")
    max_acc: float | None = param(number, name="max_acc", help="Metres per second squared; left out: the robot's own.")
    max_wacc: float | None = param(
        number, name="max_wacc", help="Radians per second squared; left out: the robot's own."
    )
    spin: bool | None = param(flag, help="Whether the tray keeps its direction while the robot turns.")
    adjust_info: str | None = param(text, help="How to dock exactly; for the fleet.")
    agv_id: str | None = param(text, help="Written by editors, not used: the robot is the one selected around it.")
    arguments: Mapping[str, Any] | None = extras("var_", help="Arguments of the operation or script, by name.")


_FLEET_ERRORS = MappingProxyType(
    {
        "fleet.refused": "the fleet refused a call; the message has its words",
        "fleet.unknown": "a crash left it open whether a call happened",
        "fleet.order-stopped": "the order was stopped at the fleet; **ends the task**",
        "fleet.order-refused": "the fleet does not accept the order",
    }
)


@block(
    "CSelectAgvBp",
    params=SelectAgvParams,
    branches=("default",),
    outputs={"selectedAgvId": "the robot; readable by the blocks inside, too"},
    errors={
        "robot.no-key-route": "``keyRoute`` is empty and the setting wants one; **ends the task**",
        **_FLEET_ERRORS,
    },
    example={
        "keyRoute": "A-01",
        "group": "forklifts",
        "default": [("CAgvOperationBp", {"targetSiteLabel": "A-01", "scriptName": "JackLoad"})],
    },
)
def select_agv(run: Here, params: SelectAgvParams) -> Generator[Effect, Any, dict[str, Any] | None]:
    """Orders a robot at the fleet, runs its children with it, completes the order and waits for its end.

    Waits until the fleet has named a robot. A break or return that leaves it completes the order first; a failure that
    is caught terminates it; one that is not leaves it open, so that the task can be continued with the same robot. When
    the fleet refuses to complete the order, the block waits for its end with a warning: the robot's work is done.
    Repeated after a crash, it meets the order that is already there.
    """
    route = _route(params.key_route)
    if not route and run.limits.require_key_route:
        raise BlockError(
            "robot.no-key-route",
            "keyRoute is empty: the fleet cannot choose a robot.",
            remedy="Give the first location of the tour as keyRoute.",
            final=True,
        )
    priority = 1 if params.priority is None else params.priority
    order = run.key
    yield SetPriority(priority)
    _accepted(
        (yield FleetCall("setOrder", order, _order_body(run, params, order, priority, route), holds=True)), "setOrder"
    )
    waiting_for = {"group": params.group or params.vehicle or "–"}
    view = yield AwaitOrder(order, "vehicle", waiting_for, cleanup=True)
    if isinstance(view, Left):
        yield from _give_up(order, view)
    view = _alive(view)
    yield AddVehicle(view.vehicle)
    yield Publish({"selectedAgvId": view.vehicle})
    yield Offer({"order": order, "vehicle": view.vehicle})
    left = yield RunChildren(cleanup=True)
    order = run.offers["order"]
    if isinstance(left, ChildFailure) or (left is not None and left.kind == "stop"):
        yield from _give_up(order, left)
    answer = yield FleetCall("markComplete", order, {"id": order})
    if answer.outcome != "done":
        # Its actions are done: to fail here would have them done again by whoever continues. The order's end decides.
        yield Log("order.not-completed", {"order": order, "reason": _words(answer)}, level=4)
    _alive((yield AwaitOrder(order, "final", waiting_for)))
    if left is not None:
        yield PassOn(left)
    return {"selectedAgvId": run.offers["vehicle"]}


@block(
    "CAgvOperationBp",
    params=AgvOperationParams,
    outputs={
        "containerName": "the place on the robot that was used, or empty",
        "noticeFailed": "always false: a failed action makes the block wait or fail",
    },
    errors={
        "robot.no-order": "there is no CSelectAgvBp around it",
        "robot.no-target": "``targetSiteLabel`` is empty; **ends the task**",
        "robot.target-disabled": "the target location is disabled; **ends the task**",
        **_FLEET_ERRORS,
    },
    example={"targetSiteLabel": "A-01", "scriptName": "ForkLoad", "var_end_height": 0.2},
    within="CSelectAgvBp",
)
def agv_operation(run: Here, params: AgvOperationParams) -> Generator[Effect, Any, dict[str, Any]]:
    """Sends the selected robot to a location for one action and waits until the action is done.

    An action that fails at the robot is waited for: somebody repeats it or finishes it by hand at the fleet. When the
    fleet gives up the order because the destination may change, a new order for the same robot takes its place, at most
    20 times. The target is also stored as ``taskInputs.targetSiteLabel``.
    """
    target = params.target_site_label
    order, vehicle = run.offered("order"), run.offered("vehicle")
    if not order:
        raise BlockError(
            "robot.no-order", "There is no robot selection around this block.", remedy="Put it into a CSelectAgvBp."
        )
    if not target:
        raise BlockError(
            "robot.no-target",
            "targetSiteLabel is empty: the robot has nowhere to go.",
            remedy="Give the block a target.",
            final=True,
        )
    site = yield InspectSite(target)
    if site is not None and site.disabled:
        raise BlockError(
            "robot.target-disabled",
            f"The target {target} is disabled.",
            remedy="Enable the location or choose another target.",
            final=True,
        )
    yield SetInput("targetSiteLabel", target)
    action, changes = run.key, 0
    while True:
        body = {"id": order, "blocks": [_action_body(params, action, target)], "complete": False}
        _accepted((yield FleetCall("addBlocks", order, body)), "addBlocks")
        yield FleetCall("dispatchable", order, {"vehicles": [vehicle], "type": "dispatchable"})
        view = yield AwaitOrder(order, f"block:{action}", {"target": target})
        if view.blocks.get(action) in _ACTION_DONE:
            break
        if CHANGE_EXPECTED not in view.error_codes or changes >= MAX_CHANGES:
            _alive(view)
        changes += 1
        yield Log("order.changed", {"order": order, "robot": view.vehicle, "reason": view.reason}, level=4)
        vehicle = view.vehicle or vehicle
        order, action = f"{run.key}-c{changes}", f"{run.key}-b{changes}"
        yield from _replace(run, order, vehicle, target)
    return {"containerName": view.container_names.get(action, ""), "noticeFailed": False}


def _replace(run: Here, order: str, vehicle: str, target: str) -> Generator[Effect, Any, None]:
    """The fleet gave up the order because vehicle or destination change: a new one for the same vehicle."""
    body = {
        "id": order,
        "vehicle": vehicle,
        "priority": 1000,
        "keyRoute": [target],
        "externalId": run.record_id,
        "complete": False,
    }
    yield AmendOffer("order", order)
    _accepted((yield FleetCall("setOrder", order, body, holds=True)), "setOrder")
    view = _alive((yield AwaitOrder(order, "vehicle", {"group": vehicle})))
    yield AmendOffer("vehicle", view.vehicle)
    yield AddVehicle(view.vehicle)


def _give_up(order: str, left: ChildFailure | Left) -> Generator[Effect, Any, None]:
    """Terminate the order; the failure or the stop goes on outwards."""
    yield FleetCall("terminate", order, {"id": order, "disableVehicle": False})
    yield PassOn(left)


def _order_body(run: Here, params: SelectAgvParams, order: str, priority: int, route: list[str]) -> dict[str, Any]:
    return _given(
        id=order,
        priority=priority,
        vehicle=params.vehicle,
        group=params.group,
        label=params.tag,
        keyRoute=route or None,
        keyTask=params.key_task,
        keyGoodsId=params.key_goods_id,
        prePointRedo=params.pre_point_redo,
        mapfPriority=params.mapf_priority,
        loadBlockCount=params.load_block_count,
        externalId=run.record_id,
        complete=False,
    )


def _action_body(params: AgvOperationParams, action: str, target: str) -> dict[str, Any]:
    name, arguments = params.script_name or "", dict(params.arguments or {})
    body: dict[str, Any] = {"blockId": action, "location": target}
    if name in _JSON_OPERATIONS:
        body[name] = text(arguments.get(name)) or text(next(iter(arguments.values()), None)) or ""
    elif name in _OPERATIONS:
        body["operation"] = name
        if arguments:
            body["operationArgs"] = json.dumps(to_plain(arguments))
    elif name and name.lower() != "none":
        body["scriptName"] = name
        if arguments:
            body["scriptArgs"] = json.dumps(to_plain(arguments))
    profile = _given(
        max_speed=params.max_speed,
        max_wspeed=params.max_wspeed,
        max_acc=params.max_acc,
        max_wacc=params.max_wacc,
        spin=params.spin,
    )
    return {
        **body,
        **_given(
            goodsId=params.goods_id,
            postAction={"configId": params.post_action} if params.post_action else None,
            robotMotionProfile=profile or None,
            adjustInfo=params.adjust_info,
        ),
    }


def _route(value: Any) -> list[str]:
    """A comma list, or a list, as the stations it names."""
    items = value if isinstance(value, list | tuple) else (text(value) or "").split(",")
    return [name for name in ((text(item) or "").strip() for item in items) if name]


def _given(**values: Any) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def _accepted(answer: EffectAnswer, call: str) -> None:
    """Refuse what the fleet refused, in its own words."""
    if answer.outcome == "done":
        return
    words = _words(answer)
    if answer.outcome == "unknown":
        raise BlockError(
            "fleet.unknown", f"Unknown whether {call} happened: {words}", remedy="Look at the fleet before going on."
        )
    raise BlockError(
        "fleet.refused", f"The fleet refused {call}: {words}", remedy="Correct what the fleet complains about."
    )


def _words(answer: EffectAnswer) -> str:
    """What the fleet says of a call that it refused."""
    said = answer.result
    return str(said.get("message") or said.get("msg") or said.get("error") or answer.outcome)


def _alive(view: OrderView) -> OrderView:
    """Refuse an order that was stopped at the fleet, or never accepted there."""
    if view.state == "STOPPED":
        reason = view.reason or "no reason given"
        raise BlockError(
            "fleet.order-stopped",
            f"The fleet stopped order {view.order_id}: {reason}",
            remedy="See at the fleet why, then start the task again.",
            final=True,
        )
    if view.state == "Error":
        raise BlockError(
            "fleet.order-refused",
            f"The fleet does not accept order {view.order_id}: {view.reason}",
            remedy="Correct what the fleet complains about.",
        )
    return view
