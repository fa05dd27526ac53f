"""Robots: an order at the fleet, and the actions that are added to it.

Every identifier derives from the record, the block and its round, so a repetition after a crash meets the order that
is already there.
"""

from __future__ import annotations

import json
from collections.abc import Generator, Mapping
from dataclasses import dataclass
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
from execution.parameters import extras, flag, number, param, text, whole32
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

    priority: int | None = param(whole32)
    vehicle: str | None = param(text)
    tag: str | None = param(text)
    group: str | None = param(text)
    key_route: Any = param(lambda value: value, advised=True)  # noqa: RUF009 - only declares a field
    key_task: str | None = param(text)
    pre_point_redo: bool | None = param(flag)
    mapf_priority: str | None = param(text)
    key_goods_id: str | None = param(text)
    load_block_count: int | None = param(whole32)


@dataclass(slots=True)
class AgvOperationParams:
    """Parameters of CAgvOperationBp; ``agvId`` is written by editors and not used."""

    target_site_label: str | None = param(text, advised=True)
    script_name: str | None = param(text)
    post_action: str | None = param(text)
    goods_id: str | None = param(text)
    is_end_action: bool | None = param(flag)
    max_speed: float | None = param(number, name="max_speed")
    max_wspeed: float | None = param(number, name="max_wspeed")
    max_acc: float | None = param(number, name="max_acc")
    max_wacc: float | None = param(number, name="max_wacc")
    spin: bool | None = param(flag)
    adjust_info: str | None = param(text)
    agv_id: str | None = param(text)
    arguments: Mapping[str, Any] | None = extras("var_")


@block("CSelectAgvBp", params=SelectAgvParams, branches=("default",), outputs=("selectedAgvId",))
def select_agv(run: Here, params: SelectAgvParams) -> Generator[Effect, Any, dict[str, Any] | None]:
    """Orders a robot at the fleet, runs its children with it, completes the order and waits for its end."""
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
    _accepted((yield FleetCall("setOrder", order, _order_body(run, params, order, priority, route))), "setOrder")
    waiting_for = {"group": params.group or params.vehicle or "–"}
    view = _alive((yield AwaitOrder(order, "vehicle", waiting_for)))
    yield AddVehicle(view.vehicle)
    yield Publish({"selectedAgvId": view.vehicle})
    yield Offer({"order": order, "vehicle": view.vehicle})
    left = yield RunChildren(cleanup=True)
    order = run.offers["order"]
    if isinstance(left, ChildFailure):
        yield FleetCall("terminate", order, {"id": order, "disableVehicle": False})
        yield PassOn(left)
    _accepted((yield FleetCall("markComplete", order, {"id": order})), "markComplete")
    _alive((yield AwaitOrder(order, "final", waiting_for)))
    if left is not None:
        yield PassOn(left)
    return {"selectedAgvId": run.offers["vehicle"]}


@block("CAgvOperationBp", params=AgvOperationParams, outputs=("containerName", "noticeFailed"))
def agv_operation(run: Here, params: AgvOperationParams) -> Generator[Effect, Any, dict[str, Any]]:
    """Sends the selected robot to a location for one action and waits until the action is done."""
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
    _accepted((yield FleetCall("setOrder", order, body)), "setOrder")
    yield AmendOffer("order", order)
    view = _alive((yield AwaitOrder(order, "vehicle", {"group": vehicle})))
    yield AmendOffer("vehicle", view.vehicle)
    yield AddVehicle(view.vehicle)


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
    words = str(
        answer.result.get("message") or answer.result.get("msg") or answer.result.get("error") or answer.outcome
    )
    if answer.outcome == "unknown":
        raise BlockError(
            "fleet.unknown", f"Unknown whether {call} happened: {words}", remedy="Look at the fleet before going on."
        )
    raise BlockError(
        "fleet.refused", f"The fleet refused {call}: {words}", remedy="Correct what the fleet complains about."
    )


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
