"""Definitions that hypothesis makes up: every block, nested, ending the same way in whatever slices they run.

Branches of a parallel block touch variables, locations, cached values and other runs of their own only, copies do
nothing that another copy could notice, and a return stands outside of them: what depends on the order in which branches
happen to act is not a property of the engine. For the same reason a branch stops the others when all of them have
ended or wait for what does not come.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st

from execution.testing import FakeFleet, FakeSites, MemoryPort, Site
from execution.testing.cache import FakeCache
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
    *("index", "index", "taskRecordId", "startSuccess", "stopSuccess", "taskRecord", "convertObject"),
    *("currentTimeStamp", "createUuid", "value", "codeInfo", "siteId", "attrValue"),
]
LONG = 10**9
"""Milliseconds after which everything else has come to its end."""


@dataclass
class Making:
    """Counts blocks, so that names are unique and trees stay small."""

    draw: Any
    zone: str = "z"
    left: int = 15
    names: int = 0
    robots: list[str] = field(default_factory=list)
    zones: list[str] = field(default_factory=lambda: ["z"])
    parallel: bool = False

    def name(self) -> str:
        self.names += 1
        self.left -= 1
        return f"b{self.names}"

    def pick(self, options: list[Any]) -> Any:
        return self.draw(st.sampled_from(options))

    def site(self) -> str:
        return f"{self.zone}-{self.draw(st.integers(1, 3))}"

    def new_zone(self, zone: str) -> None:
        self.zone = zone
        self.zones.append(zone)


# --- Blocks without children: block type → how one is made -----------------------------------------------------------

Maker = Callable[[Making, str], Block]


def _set(making: Making, name: str) -> Block:
    zone = making.zone
    read = [
        f"task.variables.{zone}_v",
        f"blocks.b{making.draw(st.integers(1, 12))}.{making.pick(OUTPUTS)}",
        f"task.variables.{zone}_w == 5",
    ]
    return set_(name, f"{zone}_{making.pick(['v', 'w'])}", making.pick(VALUES * 2 + read))


def _acquire(making: Making, name: str) -> Block:
    tries = {"retryTimes": 2} if making.draw(st.booleans()) else {}
    given = {"lock": making.draw(st.booleans()), "filled": making.pick(["true", "false"])}
    return block(name, "GetIdleSiteBp", groupName=making.zone, **given, **tries)


def _acquire_in_lane(making: Making, name: str) -> Block:
    given = {"filled": making.pick(["true", "false"]), "lock": making.draw(st.booleans()), "retryNum": 2}
    return block(name, "GetIdleCrowdedSiteBp", groupName=f'["{making.zone}_lane"]', **given)


def _of_site(kind: str, **params: Any) -> Maker:
    return lambda making, name: block(name, kind, siteId=making.pick([making.site()] * 9 + ["nowhere"]), **params)


def _attribute(kind: str, **params: Any) -> Maker:
    def make(making: Making, name: str) -> Block:
        return block(name, kind, siteId=making.site(), attrName=making.pick(["content", "tags", "height"]), **params)

    return make


def _of_record(kind: str, **params: Any) -> Maker:
    return lambda making, name: block(name, kind, taskRecordId=making.pick([f"{making.zone}-run", "nobody"]), **params)


def _of_cache(kind: str, **params: Any) -> Maker:
    return lambda making, name: block(name, kind, key=f"{making.zone}-{making.pick(['a', 'b'])}", **params)


def _fixed(kind: str, **params: Any) -> Maker:
    return lambda making, name: block(name, kind, **params)


def _sub_task(making: Making, name: str) -> Block:
    # A cancelled child ends the whole run, wherever its other branches stand.
    kind = making.pick(["good", "good", "good", "bad", "unknown"] + ["gone"] * (not making.parallel))
    given = making.pick([{}, {"taskRecordId": f"{making.zone}-mine"}])
    if kind == "good" and making.draw(st.booleans()):
        given = {"ifAsync": making.pick(["true", expr("1 < 2")])}
    return block(name, f"SubTask::{kind}", value=expr(f"task.variables.{making.zone}_v"), **given)


def _read_object(making: Making, name: str) -> Block:
    json_text = making.pick(['{"a": 12345678901, "b": [1e400]}', '{"a": 1, "a": 2}'])
    return block(name, "StringToJsonObjectBp", convertString=expr(f"'{json_text}'"))


def _read_array(making: Making, name: str) -> Block:
    given = making.pick(["taskInputs.list", f"task.variables.{making.zone}_v", "taskInputs.text"])
    return block(name, "StringToJsonArrayBp", convertString=expr(given))


def _cached(making: Making, name: str) -> Block:
    key = f"{making.zone}-{making.pick(['a', 'b'])}"
    return block(name, "CacheDataBp", key=key, value=expr(making.pick(VALUES)))


LEAVES: Mapping[str, Maker] = {
    "SetTaskVariableBp": _set,
    "PrintBp": lambda making, name: say(name, expr(f'"line " + task.variables.{making.zone}_v')),
    "TaskStateBp": lambda making, name: block(name, "TaskStateBp", stateMsg=f"state of {name}"),
    "DelayBp": lambda making, name: block(name, "DelayBp", timeMillis=making.pick([0, 10, 5000])),
    "MockTimeCostBp": lambda making, name: block(name, "MockTimeCostBp", timeMillis=making.pick([0, 700])),
    "ThrowExceptionBp": lambda making, name: throw(name, f"thrown by {name}"),
    "GetIdleSiteBp": _acquire,
    "GetIdleCrowdedSiteBp": _acquire_in_lane,
    "QueryIdleSiteBp": lambda making, name: block(name, "QueryIdleSiteBp", groupName=making.zone, filled="false"),
    "SetSiteFilledBp": _of_site("SetSiteFilledBp"),
    "SetSiteEmptyBp": _of_site("SetSiteEmptyBp"),
    "SetSiteLockedBp": _of_site("SetSiteLockedBp"),
    "SetSiteUnlockedBp": _of_site("SetSiteUnlockedBp"),
    "SetSiteContentBp": _of_site("SetSiteContentBp", content="P-1"),
    "SetSiteTagsBp": _of_site("SetSiteTagsBp", tags="t1"),
    "GetSiteAttrBp": _attribute("GetSiteAttrBp"),
    "SetSiteAttrBp": _attribute("SetSiteAttrBp", attrValue="x"),
    "BatchSettingSiteBp": lambda making, name: block(
        name, "BatchSettingSiteBp", siteIds=making.site(), content="P-2", filled=making.pick(["true", "false"])
    ),
    "GetLockedSitesByTaskRecordIdBp": _of_record("GetLockedSitesByTaskRecordIdBp"),
    "CacheDataBp": _cached,
    "GetCacheDataBp": _of_cache("GetCacheDataBp"),
    "ClearCacheDataBp": _of_cache("ClearCacheDataBp"),
    "CurrentTimeStampBp": _fixed("CurrentTimeStampBp"),
    "TimestampBp": _fixed("TimestampBp"),
    "CreateUuidBp": _fixed("CreateUuidBp"),
    "RandomSiteBp": _fixed("RandomSiteBp", prefix="A-", start=1, length=100, width=3),
    "Md5EncryptionForStringBp": _fixed("Md5EncryptionForStringBp", string=expr("taskInputs.text")),
    "StringToJsonObjectBp": _read_object,
    "StringToJsonArrayBp": _read_array,
    "SetResponseBp": _fixed("SetResponseBp", code=200, body=expr("taskInputs.object")),
    "SetOutOrderNoBp": lambda making, name: block(
        name, "SetOutOrderNoBp", orderNo=making.pick(["WMS-1", "WMS-1", "taken"])
    ),
    "WorkTypesBp": _fixed("WorkTypesBp", workTypes="picker, driver"),
    "MarkTaskStartBp": _fixed("MarkTaskStartBp"),
    "MarkTaskEndBp": _fixed("MarkTaskEndBp"),
    "TriggerTaskEventBp": lambda making, name: block(
        name, "TriggerTaskEventBp", eventName=name, eventData=expr("taskInputs.list")
    ),
    "StartTaskBp": _of_record("StartTaskBp"),
    "StopTaskBp": _of_record("StopTaskBp"),
    "SuspendTaskBp": _of_record("SuspendTaskBp"),
    "CheckTaskRecordIdIsExistBp": _of_record("CheckTaskRecordIdIsExistBp"),
    "GetTaskRecordBp": _of_record("GetTaskRecordBp"),
    "GetTaskRecordByOutOrderIdBp": _fixed("GetTaskRecordByOutOrderIdBp", outOrderId="taken"),
    "GetTaskInputParamsByTaskRecordAndKeyBp": _of_record(
        "GetTaskInputParamsByTaskRecordAndKeyBp", inputParamsKey="pallet"
    ),
    "SubTask::…": _sub_task,
    "CAgvOperationBp": lambda making, name: go(
        name, making.pick([making.site(), "LM1", expr("taskInputs.long"), expr(f"task.variables.{making.zone}_v")])
    ),
    "SkipToComponent": lambda making, name: block(
        name, "SkipToComponent", skipComponentId=making.pick([f"b{n}" for n in range(1, 18)] + ["B5", "105", "nowhere"])
    ),
    "BreakBp": _fixed("BreakBp"),
    "ReturnBp": _fixed("ReturnBp"),
}
_OFTEN = ["SetTaskVariableBp", "PrintBp", "DelayBp", "GetIdleSiteBp", "SetSiteLockedBp", "ThrowExceptionBp"]
_PLACED = frozenset({"CAgvOperationBp", "SkipToComponent", "BreakBp", "ReturnBp"})
_ALONE = ["PrintBp", "DelayBp", "ThrowExceptionBp", "CreateUuidBp", "RandomSiteBp", "Md5EncryptionForStringBp"]
"""What a copy may do without another one noticing."""


def _blocks(making: Making, depth: int, context: frozenset[str]) -> list[Block]:
    count = making.draw(st.integers(1, 3))
    return [_one(making, depth, context) for _ in range(count) if making.left > 0]


def _one(making: Making, depth: int, context: frozenset[str]) -> Block:
    if "copies" in context:
        kinds = _ALONE + (["SerialFlowBp", "RepeatNumBp", "TryCatchBp", "IfElseBp"] if depth < 4 else [])
    else:
        kinds = [kind for kind in LEAVES if kind not in _PLACED] + _OFTEN * 2
        kinds += [*NESTS, "TryCatchBp", "ParallelFlowBp", "ParallelFlowBp"] * 3 if depth < 4 else []
        kinds += ["CAgvOperationBp"] * (12 if "robot" in context else 0)
        kinds += ["BreakBp"] * (3 if "loop" in context else 1)
        # The step that ends a while loop could be skipped in each of its rounds.
        kinds += ["SkipToComponent"] * (0 if "while" in context else 6)
        kinds += ["ReturnBp"] * ("parallel" not in context)
        kinds += ["held"] * (8 if "stopped" in context else 0)
    kind = making.pick(kinds)
    name = making.name()
    if kind == "held":
        made = block(name, "SetSiteLockedBp", siteId=f"{making.zone}-held", retryTimes=LONG)
    else:
        made = LEAVES[kind](making, name) if kind in LEAVES else NESTS[kind](making, name, depth + 1, context)
    made = {**made, "id": 100 + int(name[1:])}
    return {**made, "disabled": True} if making.pick([False] * 19 + [True]) else made


# --- Blocks with children --------------------------------------------------------------------------------------------

Nesting = Callable[[Making, str, int, frozenset[str]], Block]


def _condition(making: Making) -> Any:
    return expr(making.pick(["taskInputs.flag", f"task.variables.{making.zone}_v == 5", "false"]))


def _parallel(making: Making, name: str, depth: int, context: frozenset[str]) -> Block:
    zone, before = making.zone, making.parallel
    making.parallel = True
    stops = "stopped" not in context and making.pick([False, False, True])
    inside = context | {"parallel"} | ({"stopped"} if stops else frozenset())
    children = []
    for index in range(making.draw(st.integers(1, 4))):
        making.new_zone(f"{name}{index}")
        children.append(_one(making, depth, inside))
    if stops:
        making.new_zone(f"{name}s")
        stop = [block(f"{name}wait", "DelayBp", timeMillis=LONG), block(f"{name}stop", "StopOtherBranch")]
        rest = _blocks(making, depth, (context | {"parallel", "stopped"}))
        children.insert(making.draw(st.integers(0, len(children))), block(f"{name}s", "SerialFlowBp", *stop, *rest))
    making.zone, making.parallel = zone, before
    return block(name, "ParallelFlowBp", *children)


def _copies(making: Making, name: str, depth: int, context: frozenset[str]) -> Block:
    return block(name, "ParallelRepeatNBp", *_blocks(making, depth, context | {"copies"}), num=making.pick([0, 1, 3]))


def _selection(making: Making, name: str, depth: int, context: frozenset[str]) -> Block:
    making.robots.append(f"R-{name}")
    inside = _blocks(making, depth, context | {"robot"})
    return robot(name, "S1", *inside, vehicle=f"R-{name}", priority=making.draw(st.integers(1, 9)))


def _try(making: Making, name: str, depth: int, context: frozenset[str]) -> Block:
    tried, caught = _blocks(making, depth, context), _blocks(making, depth, context)
    return try_(name, tried, caught, swallow=making.draw(st.booleans()))


def _if_else(making: Making, name: str, depth: int, context: frozenset[str]) -> Block:
    branches = {"if": _blocks(making, depth, context), "else": _blocks(making, depth, context)}
    condition = expr("taskInputs.flag") if "copies" in context else _condition(making)
    return block(name, "IfElseBp", branches=branches, conditionIf=condition)


def _if_else_if(making: Making, name: str, depth: int, context: frozenset[str]) -> Block:
    branches = {branch: _blocks(making, depth, context) for branch in ("if", "else", "else_if")}
    condition = _condition(making)
    return block(name, "IfElseIfBp", branches=branches, conditionIf=condition, conditionElseIf=expr("true"))


def _while(making: Making, name: str, depth: int, context: frozenset[str]) -> Block:
    count = f"{making.zone}_n{name}"
    step = set_(f"{name}step", count, f"task.variables.{count} == null ? 1 : task.variables.{count} + 1")
    check = expr(f"task.variables.{count} == null || task.variables.{count} < 2")
    inside = _blocks(making, depth, context | {"loop", "while"})
    return block(name, "WhileBp", step, *inside, loopCondition=check, retryPeriod=making.pick([0, 500]))


def _simple(kind: str, *, loop: bool = False, **given: Callable[[Making], Any]) -> Nesting:
    def make(making: Making, name: str, depth: int, context: frozenset[str]) -> Block:
        inside = _blocks(making, depth, context | {"loop"} if loop else context)
        return block(name, kind, *inside, **{key: value(making) for key, value in given.items()})

    return make


NESTS: Mapping[str, Nesting] = {
    "SerialFlowBp": _simple("SerialFlowBp"),
    "IfBp": _simple("IfBp", condition=_condition),
    "IfElseBp": _if_else,
    "IfElseIfBp": _if_else_if,
    "RepeatNumBp": _simple("RepeatNumBp", loop=True, num=lambda making: making.draw(st.integers(0, 3))),
    "IterateListBp": _simple("IterateListBp", loop=True, list=lambda making: expr("taskInputs.list")),
    "WhileBp": _while,
    "TryCatchBp": _try,
    "ParallelFlowBp": _parallel,
    "ParallelRepeatNBp": _copies,
    "CSelectAgvBp": _selection,
}
BESIDES = frozenset({"RootBp", "StopOtherBranch"})
"""Made by other means: the root of every definition, and the end of a parallel block."""


@dataclass(frozen=True)
class Scenario:
    """A definition and the world it runs in."""

    blocks: list[Block]
    robots: list[str]
    zones: list[str]

    def port(self) -> MemoryPort:
        """The world, as it is before the run."""
        sites = []
        for zone in self.zones:
            sites += [Site(f"{zone}-{number}", group=zone, filled=number == 3) for number in (1, 2, 3)]
            sites += [Site(f"{zone}_{number}", group=f"{zone}_lane", filled=number == 3) for number in (1, 2, 3)]
            sites.append(Site(f"{zone}-held", locked_by="kim"))
        port = MemoryPort(FakeSites(sites), FakeFleet(self.robots or ["AMB-01"]))
        runs = [FakeTask(f"{zone}-run", inputs={"pallet": "P-1"}) for zone in self.zones]
        port.tasks = FakeTasks(runs, ends={"bad": 1004, "gone": 1001})
        port.tasks.numbers["z-run"] = "taken"
        port.cache = FakeCache({f"{zone}-a": "old" for zone in self.zones})
        return port


@st.composite
def scenarios(draw: Any) -> Scenario:
    """Any definition built from the blocks."""
    making = Making(draw)
    blocks = _blocks(making, 0, frozenset())
    return Scenario(blocks, making.robots, making.zones)
