"""Definitions that hypothesis makes up: every block, nested, ending the same way in whatever slices they run.

Branches of a parallel block touch variables and locations of their own only, and a return stands outside of them:
what depends on the order in which branches happen to act is not a property of the engine.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st

from execution.testing import FakeFleet, FakeSites, MemoryPort, Site
from execution.testing.tasks import FakeTask, FakeTasks
from tests.unit.execution.trees import Block, block, declare, expr, go, robot, say, set_, throw, try_

INPUTS = [
    declare("long", "Long", "5"),
    declare("double", "Double", "2.5"),
    declare("text", "String", "A,B,C"),
    declare("flag", "Boolean", "true"),
    declare("list", "JSONArray", '["x", 1, 2.5, null, {"k": ["v"]}]'),
    declare("object", "JSONObject", '{"a": 1, "$long": 7}'),
]
VALUES = [
    *("taskInputs.long", "taskInputs.long / 2", "taskInputs.double", "1.5B", "2.25B * 3", '"abc".charAt(1)', '"text"'),
    *("12", "9999999999L", "true", "taskInputs.list", "taskInputs.object", '["k": 1L, "c": "xy".charAt(0)]', "1.0 / 0"),
    *('"中文"', "taskInputs.nope", "1 / null"),
]


OUTPUTS = [
    "index",
    "index",
    "taskRecordId",
    "startSuccess",
    "stopSuccess",
    "taskRecord",
    "convertObject",
    "currentTimeStamp",
    "createUuid",
    "value",
    "codeInfo",
]


@dataclass
class Making:
    """Counts blocks, so that names are unique and trees stay small."""

    draw: Any
    zone: str = "z"
    left: int = 14
    names: int = 0
    robots: list[str] = field(default_factory=list)
    zones: list[str] = field(default_factory=lambda: ["z"])

    def name(self) -> str:
        self.names += 1
        self.left -= 1
        return f"b{self.names}"

    def pick(self, options: list[Any]) -> Any:
        return self.draw(st.sampled_from(options))


LEAVES = ["set", "set", "print", "state", "delay", "acquire", "filled", "empty", "lock", "unlock", "throw", "broken"]
LEAVES += ["data", "cache", "child", "task", "other"]
NESTS = ["serial", "if", "ifelse", "ifelseif", "repeat", "iterate", "while", "try", "try", "parallel", "robot", "break"]


def _blocks(making: Making, depth: int, context: frozenset[str]) -> list[Block]:
    count = making.draw(st.integers(1, 3))
    return [_one(making, depth, context) for _ in range(count) if making.left > 0]


def _one(making: Making, depth: int, context: frozenset[str]) -> Block:
    kinds = LEAVES + (NESTS * 2 if depth < 4 else [])
    if "robot" in context:
        kinds = [*kinds, "go", "go", "go"]
    if "parallel" not in context:
        kinds = [*kinds, "return", "cancelled"]
    kind = making.pick(kinds)
    made = _leaf(making, kind) or _nest(making, kind, depth, context)
    return {**made, "disabled": True} if making.pick([False] * 15 + [True]) else made


def _leaf(making: Making, kind: str) -> Block | None:
    name, zone = making.name(), making.zone
    site = f"{zone}-{making.draw(st.integers(1, 3))}"
    if kind == "set":
        read = [
            f"task.variables.{zone}_v",
            f"blocks.b{making.draw(st.integers(1, 12))}.{making.pick(OUTPUTS)}",
            f"task.variables.{zone}_w == 5",
        ]
        return set_(name, f"{zone}_{making.pick(['v', 'w'])}", making.pick(VALUES * 2 + read))
    if kind == "print":
        return say(name, expr(f'"line " + task.variables.{zone}_v'))
    if kind == "state":
        return block(name, "TaskStateBp", stateMsg=f"state of {name}")
    if kind == "delay":
        return block(name, "DelayBp", timeMillis=making.pick([0, 10, 5000]))
    if kind == "acquire":
        tries = {"retryTimes": 2} if making.draw(st.booleans()) else {}
        return block(
            name,
            "GetIdleSiteBp",
            groupName=zone,
            lock=making.draw(st.booleans()),
            filled=making.pick(["true", "false"]),
            **tries,
        )
    if kind in ("child", "cancelled"):
        return _child(making, kind)
    if kind in ("task", "other"):
        return _about_task(making, name) if kind == "task" else _other_task(making, name)
    if kind in ("filled", "empty"):
        return block(name, "SetSiteFilledBp" if kind == "filled" else "SetSiteEmptyBp", siteId=site)
    if kind in ("lock", "unlock"):
        return block(name, "SetSiteLockedBp" if kind == "lock" else "SetSiteUnlockedBp", siteId=site)
    if kind == "throw":
        return throw(name, f"thrown by {name}")
    if kind == "broken":
        return block(name, "SetSiteFilledBp", siteId="nowhere")
    if kind == "go":
        return go(name, making.pick([site, "LM1", expr("taskInputs.long"), expr(f"task.variables.{zone}_v")]))
    if kind == "data":
        return _data(making, name)
    if kind == "cache":
        return _cache(making, name)
    if kind in ("break", "return"):
        return block(name, "BreakBp" if kind == "break" else "ReturnBp")
    making.names -= 1
    making.left += 1
    return None


def _data(making: Making, name: str) -> Block:
    """Blocks that make a value: their outputs are compared, and read by expressions of later blocks."""
    json_text = making.pick(['{"a": 12345678901, "b": [1e400]}', '{"a": 1, "a": 2}'])
    return block(
        name,
        **making.pick(
            [
                {"kind": "StringToJsonObjectBp", "convertString": expr(f"'{json_text}'")},
                {"kind": "StringToJsonArrayBp", "convertString": expr("taskInputs.list")},
                {"kind": "StringToJsonArrayBp", "convertString": expr(f"task.variables.{making.zone}_v")},
                {"kind": "CurrentTimeStampBp"},
                {"kind": "TimestampBp"},
                {"kind": "CreateUuidBp"},
                {"kind": "Md5EncryptionForStringBp", "string": expr(f"task.variables.{making.zone}_v")},
                {"kind": "RandomSiteBp", "prefix": "P", "start": 1, "length": 1000, "width": 4},
            ]
        ),
    )


def _cache(making: Making, name: str) -> Block:
    """The shared cache, under keys of the branch."""
    key = f"{making.zone}-{making.draw(st.integers(1, 2))}"
    kind = making.pick(["CacheDataBp", "CacheDataBp", "GetCacheDataBp", "ClearCacheDataBp"])
    given = {"value": expr(making.pick(VALUES))} if kind == "CacheDataBp" else {}
    return block(name, kind, key=key, **given)


def _child(making: Making, kind: str) -> Block:
    """A call; a cancelled child ends the whole run, wherever its other branches stand."""
    name, value = f"b{making.names}", expr(f"task.variables.{making.zone}_v")
    if kind == "cancelled":
        return block(name, "SubTask::gone", value=value)
    if making.draw(st.booleans()):
        return block(name, "SubTask::good", value=value, ifAsync=making.pick(["true", expr("1 < 2")]))
    given = making.pick([{}, {"taskRecordId": f"{making.zone}-mine"}])
    return block(name, f"SubTask::{making.pick(['good', 'good', 'bad', 'unknown'])}", value=value, **given)


def _about_task(making: Making, name: str) -> Block:
    """What a run says of itself; the same in all branches, for the last one counts."""
    kind = making.pick(["MockTimeCostBp", "SetOutOrderNoBp", "MarkTaskStartBp", "MarkTaskEndBp", "WorkTypesBp"])
    kind = making.pick([kind, "TriggerTaskEventBp", "SetResponseBp"])
    given: dict[str, dict[str, Any]] = {
        "MockTimeCostBp": {"timeMillis": 70},
        "SetOutOrderNoBp": {"orderNo": making.pick(["WMS-1", "WMS-1", "taken"])},
        "WorkTypesBp": {"workTypes": "picker, driver"},
        "TriggerTaskEventBp": {"eventName": name, "eventData": expr("taskInputs.list")},
        "SetResponseBp": {"body": expr("taskInputs.object")},
    }
    return block(name, kind, **given.get(kind, {}))


def _other_task(making: Making, name: str) -> Block:
    """A block about another run, which only this branch touches."""
    run = making.pick([f"{making.zone}-run", f"{making.zone}-run", "nobody"])
    kind = making.pick(["StartTaskBp", "StopTaskBp", "SuspendTaskBp", "CheckTaskRecordIdIsExistBp", "GetTaskRecordBp"])
    kind = making.pick([kind, "GetTaskInputParamsByTaskRecordAndKeyBp", "GetTaskRecordByOutOrderIdBp"])
    if kind == "GetTaskRecordByOutOrderIdBp":
        return block(name, kind, outOrderId="taken")
    more = {"inputParamsKey": "pallet"} if kind == "GetTaskInputParamsByTaskRecordAndKeyBp" else {}
    return block(name, kind, taskRecordId=run, **more)


def _nest(making: Making, kind: str, depth: int, context: frozenset[str]) -> Block:
    name, zone = making.name(), making.zone
    deeper = depth + 1
    condition = expr(making.pick(["taskInputs.flag", f"task.variables.{zone}_v == 5", "false"]))
    if kind == "parallel":
        children = []
        for index in range(making.draw(st.integers(1, 4))):
            making.zone = f"{name}{index}"
            making.zones.append(making.zone)
            children.append(_one(making, deeper, context | {"parallel"}))
        making.zone = zone
        return block(name, "ParallelFlowBp", *children)
    if kind == "robot":
        making.robots.append(f"R-{name}")
        inside = _blocks(making, deeper, (context | {"robot"}))
        return robot(name, "S1", *inside, vehicle=f"R-{name}", priority=making.draw(st.integers(1, 9)))
    if kind == "try":
        tried, caught = _blocks(making, deeper, context), _blocks(making, deeper, context)
        return try_(name, tried, caught, swallow=making.draw(st.booleans()))
    if kind in ("ifelse", "ifelseif"):
        branches = {"if": _blocks(making, deeper, context), "else": _blocks(making, deeper, context)}
        if kind == "ifelse":
            return block(name, "IfElseBp", branches=branches, conditionIf=condition)
        branches["else_if"] = _blocks(making, deeper, context)
        return block(name, "IfElseIfBp", branches=branches, conditionIf=condition, conditionElseIf=expr("true"))
    inside = _blocks(making, deeper, context)
    if kind == "if":
        return block(name, "IfBp", *inside, condition=condition)
    if kind == "repeat":
        return block(name, "RepeatNumBp", *inside, num=making.draw(st.integers(0, 3)))
    if kind == "iterate":
        return block(name, "IterateListBp", *inside, list=expr("taskInputs.list"))
    if kind == "while":
        count = f"{zone}_n{name}"
        step = set_(f"{name}step", count, f"task.variables.{count} == null ? 1 : task.variables.{count} + 1")
        check = expr(f"task.variables.{count} == null || task.variables.{count} < 2")
        return block(name, "WhileBp", step, *inside, loopCondition=check, retryPeriod=making.pick([0, 500]))
    return block(name, "SerialFlowBp", *inside)


@dataclass(frozen=True)
class Scenario:
    """A definition and the world it runs in."""

    blocks: list[Block]
    robots: list[str]
    zones: list[str]

    def port(self) -> MemoryPort:
        """The world, as it is before the run."""
        sites = [
            Site(f"{zone}-{number}", group=zone, filled=number == 3) for zone in self.zones for number in (1, 2, 3)
        ]
        port = MemoryPort(FakeSites(sites), FakeFleet(self.robots or ["AMB-01"]))
        runs = [FakeTask(f"{zone}-run", inputs={"pallet": "P-1"}) for zone in self.zones]
        port.tasks = FakeTasks(runs, ends={"bad": 1004, "gone": 1001})
        port.tasks.numbers["z-run"] = "taken"
        return port


@st.composite
def scenarios(draw: Any) -> Scenario:
    """Any definition built from the blocks."""
    making = Making(draw)
    blocks = _blocks(making, 0, frozenset())
    return Scenario(blocks, making.robots, making.zones)
