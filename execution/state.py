"""The state of a run as text, and back: everything a later slice, in any process, needs to go on.

Values keep their types (``execution.values``); answers of effects are written by name. Frames name their block, so a
state fits only the plan it came from.
"""

from __future__ import annotations

import dataclasses
import json
from typing import Any

from execution import effects
from execution.branches import Branches, base_frame, parallel_of
from execution.context import TaskContext
from execution.deciding import try_again
from execution.decision import Decision
from execution.errors import ExecutionError
from execution.frames import ENDED, JOINING, READY, WAITING, Branch, Frame, Parallel, Wait
from execution.jumps import Route
from execution.keeping import Rounds
from execution.plan import Plan
from execution.recording import RUNNING, Recording
from execution.values import dump_tagged, load_tagged

VERSION = 2
_ANSWERS: dict[str, Any] = {
    kind.__name__: kind
    for kind in (
        effects.Left,
        effects.ChildFailure,
        effects.SiteFound,
        effects.NotFound,
        effects.SiteState,
        effects.Unlocked,
        effects.EffectAnswer,
        effects.OrderView,
        effects.SubTaskStarted,
        effects.SubTaskEnded,
    )
}


class StateError(ExecutionError):
    """A stored state cannot be read, or belongs to another plan."""


def dump(
    context: TaskContext,
    branches: Branches,
    recording: Recording,
    *,
    current: Branch | None = None,
    failed: bool = False,
    steps: int = 0,
) -> str:
    """The state as compact JSON text. ``current`` has the turn; ``failed``: to go on is to try failed blocks again.

    ``steps``: blocks and rounds since the run last waited.
    """
    ready = [branch.key for branch in branches.ready]
    if current is not None and current.status == READY and current.key not in ready:
        ready.insert(0, current.key)
    data = {
        "v": VERSION,
        "seq": recording.seq,
        "inputs": dump_tagged(context.inputs),
        "variables": dump_tagged(context.variables),
        "sources": context.sources,
        "outputs": dump_tagged(context.outputs),
        "path": list(context.path),
        "priority": context.priority,
        "vehicles": recording.vehicles,
        "first": recording.first_block,
        "failed": failed,
        "steps": 0 if failed else steps,
        "trimmed": recording.trimmed,
        "logged": recording.logged,
        "ready": ready,
        "branches": [_dump_branch(branch) for branch in branches.all.values()],
    }
    return json.dumps(data, separators=(",", ":"))


def _dump_branch(branch: Branch) -> dict[str, Any]:
    data: dict[str, Any] = {
        "k": branch.key,
        "o": branch.owner.key if branch.owner is not None else None,
        "i": branch.index,
        "f": [_dump_frame(frame) for frame in branch.stack],
    }
    if branch.heading is not None:
        data["h"] = [branch.heading.target, isinstance(branch.heading, Route)]
    if branch.failure is not None:
        data["e"] = [branch.status == ENDED, dump_answer(branch.failure)]
    if branch.wait is not None:
        wait = branch.wait
        data["w"] = [
            wait.key,
            wait.code,
            dict(wait.args),
            wait.since,
            wait.due,
            wait.deadline,
            wait.said,
            wait.block_code,
        ]
    return data


def _dump_frame(frame: Frame) -> dict[str, Any]:
    data: dict[str, Any] = {"b": frame.block.name, "s": frame.seq, "t": frame.started, "i": frame.iteration}
    if frame.params is not None and frame.params is not frame.block.constant:
        data["p"] = [
            dump_tagged(getattr(frame.params, item.field)) for item in frame.block.spec.parameters if not item.deferred
        ]
        data["h"] = frame.held
    if frame.attempt != 1:
        data["a"] = frame.attempt
    if frame.memo:
        data["m"] = [dump_answer(answer) for answer in frame.memo]
    if frame.round is not None:
        data["r"], data["n"] = frame.round, frame.inner
        if frame.quiet:
            data["q"] = True
        if frame.passed:
            data["x"] = True
        if frame.rounds is not None:
            data["k"] = [frame.rounds.count, frame.rounds.marks]
    if frame.children is not None:
        data["c"] = [frame.branch, frame.pos, frame.catch, frame.cleanup]
    if frame.offers is not None:
        data["f"] = dump_tagged(frame.offers)
    if frame.outputs is not None:
        data["u"] = dump_tagged(dict(frame.outputs))
    if frame.parallel is not None:
        data["l"] = [
            frame.branch,
            frame.parallel.following,
            [None if result is None else dump_answer(result) for result in frame.parallel.results],
            frame.parallel.copies,
        ]
    return data


def dump_answer(answer: Any) -> Any:
    """An answer of an effect in JSON's types: ``[value]``, or ``[name, field, field ...]``."""
    name = type(answer).__name__
    if name in _ANSWERS and type(answer) is _ANSWERS[name]:
        return [name, *(dump_tagged(getattr(answer, item.name)) for item in dataclasses.fields(answer))]
    return [dump_tagged(answer)]


def load_answer(data: list[Any]) -> Any:
    """What ``dump_answer`` wrote."""
    if len(data) == 1:
        return load_tagged(data[0])
    kind, values = _ANSWERS[data[0]], [load_tagged(value) for value in data[1:]]
    if kind is effects.OrderView:
        values[-1] = tuple(values[-1])
    return kind(*values)


def load(
    text: str,
    plan: Plan,
    context: TaskContext,
    branches: Branches,
    recording: Recording,
    decision: Decision | None = None,
) -> tuple[int, list[Branch]]:
    """Fill a new run from its state; answers its steps without waiting, and the branches whose block ends by hand.

    Raises:
        StateError: the text is damaged, or names blocks that the plan does not have.
        DecisionError: the decision does not fit the state.
    """
    try:
        data = json.loads(text)
        if data["v"] != VERSION:
            raise StateError(f"The state has format {data['v']}; this program reads {VERSION}.")
        _load_context(data, context)
        recording.seq, recording.vehicles, recording.first_block = data["seq"], data["vehicles"], data["first"]
        recording.saved, recording.trimmed, recording.logged = recording.seq, data["trimmed"], data["logged"]
        for item in data["branches"]:
            branch = _load_branch(item, plan, branches)
            branches.all[branch.key] = branch
        again = data["failed"] or decision is not None
        by_hand = try_again(branches, decision or Decision()) if again else []
        _join(branches)
        branches.ready.extend(branches.all[key] for key in data["ready"] if key in branches.all)
        branches.ready.extend(
            branch for branch in branches.all.values() if branch.status == READY and branch not in branches.ready
        )
        return 0 if again else data["steps"], by_hand
    except (KeyError, ValueError, TypeError, IndexError, AttributeError) as error:
        raise StateError(f"The stored state cannot be read: {type(error).__name__} {error}") from error


def _load_context(data: dict[str, Any], context: TaskContext) -> None:
    sources = data["sources"]
    for name, value in load_tagged(data["inputs"]).items():
        context.set_input(name, value, "inputs")
    for name, value in load_tagged(data["variables"]).items():
        context.set_variable(name, value, sources.get(name, ""))
    for name, value in load_tagged(data["outputs"]).items():
        context.keep_outputs(name, value)
    context.path.extend(data["path"])
    context.set_priority(data["priority"])


def _load_branch(data: dict[str, Any], plan: Plan, branches: Branches) -> Branch:
    owner = branches.all[data["o"]] if data["o"] is not None else None
    frames = [_load_frame(item, plan) for item in data["f"][1:]]
    if owner is None:
        base = Frame(plan.root, None, 0, "", 0)
        base.children = plan.root.branches.get("default", ())
    else:
        base = base_frame(owner.stack[-1], parallel_of(owner), data["i"])
    base.pos = data["f"][0]["c"][1]
    branch = Branch(data["k"], owner, data["i"], base)
    branch.stack.extend(frames)
    if "h" in data:
        target, skips = data["h"]
        branch.heading = plan.jumps.route(target) if skips else effects.Left("stop")
    if data.get("w"):
        key, code, args, since, due, deadline, said, block_code = data["w"]
        branch.wait = Wait(None, key, code, args, since, due, deadline, said, block_code)
        branch.status = WAITING
        frames[-1].written = block_code
    if data.get("e"):
        ended, failure = data["e"]
        branch.failure = load_answer(failure)
        branch.status = ENDED if ended else branch.status
    return branch


def _load_frame(data: dict[str, Any], plan: Plan) -> Frame:
    block = plan.blocks[data["b"]]
    params = block.constant
    if "p" in data and block.spec.params is not None:
        fields = [item.field for item in block.spec.parameters if not item.deferred]
        params = block.spec.params(**dict(zip(fields, map(load_tagged, data["p"]), strict=True)))
    frame = Frame(block, params, data["s"], data["i"], data["t"])
    frame.memo = [load_answer(answer) for answer in data.get("m", ())]
    frame.attempt, frame.held = data.get("a", 1), data.get("h", 0)
    frame.written = RUNNING
    if "r" in data:
        frame.round, frame.inner = data["r"], data["n"]
        frame.quiet = data.get("q", False)
        frame.passed = data.get("x", False)
        frame.rounds = Rounds(*data["k"]) if "k" in data else None
    if "c" in data:
        frame.branch, frame.pos, frame.catch, frame.cleanup = data["c"]
        frame.children = block.branches.get(frame.branch, ())
    if "f" in data:
        frame.offers = load_tagged(data["f"])
    if "u" in data:
        frame.outputs = load_tagged(data["u"])
    if "l" in data:
        frame.branch, following, results, copies = data["l"]
        frame.parallel = Parallel(block.branches.get(frame.branch, ()), len(results), copies=copies)
        frame.parallel.following = following
        frame.parallel.results = [None if result is None else load_answer(result) for result in results]
    return frame


def _join(branches: Branches) -> None:
    """Give parallel blocks their branches again."""
    for branch in branches.all.values():
        if branch.owner is not None:
            parallel_of(branch.owner).branches[branch.index] = branch
    for branch in reversed(list(branches.all.values())):
        frame = branch.stack[-1]
        if frame.parallel is not None and branch.status != ENDED:
            together = all(result is not None for result in frame.parallel.results)
            branch.status = READY if together else JOINING
            frame.children = () if together else None
            frame.pos = 0
        branch.active = branch.status == READY
        if frame.parallel is not None:
            frame.parallel.active = sum(child.active for child in frame.parallel.branches.values())
            branch.active = branch.active or frame.parallel.active > 0
