"""Going on with a run that stopped at a block: a new attempt, from the kept state, in the version it started with.

Blocks that were done are not repeated. A run that had ended (1004) has lost what it held at other systems: the block
that held it begins anew. Skipping a block stands in for its outputs with values that a person gives.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from execution.decision import Decision
from execution.errors import PlanErrors
from execution.plan import Plan, PlanBlock
from execution.stopped import stopped_blocks
from execution.values import NestingError
from scheduler import conflicts, process
from scheduler.commands import attempts
from scheduler.commands.attempts import AttemptResult, Command
from scheduler.commands.selection import find
from scheduler.errors import Refused
from scheduler.models import RunState, TaskRecord
from scheduler.states import Status

#: From these a run can go on.
CONTINUABLE = frozenset({Status.INTERRUPTED, Status.FAILED})
#: Characters of the JSON text of given outputs.
MAX_OUTPUTS = 100_000


class OutputsRefused(Refused):
    """The outputs given for a skipped block are not what later blocks need; ``fields`` says what is wrong with each."""

    def __init__(self, block: str, fields: Mapping[str, str]) -> None:
        said = " ".join(f"{name}: {why}" for name, why in fields.items())
        super().__init__(
            "outputs_invalid", f"Block {block} cannot be skipped like that. {said}", "Correct the outputs."
        )
        self.fields = dict(fields)


@dataclass(frozen=True, slots=True)
class Skippable:
    """A block that a run stopped at: the outputs that other blocks read, and all that may be given.

    ``inside``: a block around it that begins anew, so that this one alone cannot be passed over.
    """

    block: str
    block_type: str
    required: tuple[str, ...]
    known: tuple[str, ...]
    inside: str = ""


def go_on(record_ids: Sequence[str], *, actor: str, reason: str, origin: str | None) -> AttemptResult:
    """Continue the named runs from the blocks they stopped at. One that goes on already is refused and unharmed.

    ``origin=None``: a run asks for it; journal, no audit entry.

    Raises:
        Refused: ``empty_selection``.
    """
    command = Command("continue", actor, reason, origin)
    return attempts.each(record_ids, partial(_continue, command=command))


def _continue(pk: int, *, command: Command) -> None:
    run = attempts.locked(pk, CONTINUABLE, "be continued")
    _decide(run, Decision())
    attempts.begin(run, command, {}, block=run.failed_block)


def skip(
    record_id: str,
    block: str = "",
    outputs: Mapping[str, Any] | None = None,
    *,
    actor: str,
    reason: str,
    origin: str,
) -> str:
    """Continue behind a block the run stopped at, with these outputs in its place; returns the block's name.

    ``block`` may be left out when the run stopped at one block only.

    Raises:
        Refused: ``unknown_record``, ``not_stopped``, ``has_ended``, ``state_gone``, ``block_not_stopped``.
        OutputsRefused: outputs that other blocks read are missing, or an output is none of the block's.
    """
    found, unknown = find([record_id])
    if unknown:
        raise Refused("unknown_record", f"There is no task record {record_id}.", "Ids are shown under Task records.")
    command = Command("skip", actor, reason, origin)
    return conflicts.retried(partial(_skip, found[0].pk, block, dict(outputs or {}), command))


def _skip(pk: int, block: str, outputs: Mapping[str, Any], command: Command) -> str:
    run = attempts.locked(pk, CONTINUABLE, "be continued")
    found = to_skip(run, block)
    _check_outputs(found, outputs)
    _decide(run, Decision("skip", found.block, outputs))
    attempts.begin(run, command, {}, block=found.block)
    return found.block


def to_skip(run: TaskRecord, block: str = "") -> Skippable:
    """The block of that name that a stopped run failed at; without a name the only one.

    Raises:
        Refused: ``state_gone``, ``block_not_stopped``, ``block_begins_anew``.
    """
    found = _chosen(_stopped(run), block, run.record_id)
    if found.inside:
        raise Refused(
            "block_begins_anew",
            f"Block {found.block} cannot be skipped: {found.inside} around it lost its order when the run ended.",
            f"Continue the run: {found.inside} begins anew.",
        )
    return found


def _stopped(run: TaskRecord) -> list[Skippable]:
    """The blocks that a stopped run failed at, in the order of its branches; empty when it stopped between blocks."""
    row = RunState.objects.filter(pk=run.pk).values_list("text", "decision").first()
    if row is None:
        return []
    stopped = stopped_blocks(row[0])
    plan = _plan(run) if stopped else None
    if plan is None:
        return []
    lost = _lost(run, row[1])
    return [_skippable(plan.blocks[each.block], each.holder if lost else "") for each in stopped]


def _lost(run: TaskRecord, decision: str) -> bool:
    """Whether what the run held was given back at its end; it may not have come far enough since to be told so."""
    earlier = Decision.from_text(decision)
    return run.status == Status.FAILED or (earlier is not None and earlier.anew)


def _plan(run: TaskRecord) -> Plan | None:
    try:
        return process.current().plans.get(run.version_id)
    except PlanErrors:
        return None


def _skippable(block: PlanBlock, inside: str) -> Skippable:
    declared = tuple(block.spec.outputs)
    if block.keeps is True:
        return Skippable(block.name, block.type, declared, declared, inside)
    read = sorted(block.keeps or ())
    required = tuple(name for name in read if not declared or name in declared)
    return Skippable(block.name, block.type, required, declared or required, inside)


def _chosen(stopped: Sequence[Skippable], block: str, record_id: str) -> Skippable:
    names = [each.block for each in stopped]
    if not block and len(names) == 1:
        return stopped[0]
    if block in names:
        return stopped[names.index(block)]
    if not names:
        raise Refused(
            "block_not_stopped", f"Run {record_id} did not stop at a block.", "Continue it, or start it again."
        )
    said = f"Run {record_id} did not stop at block {block[:60]}." if block else "It stopped at more than one block."
    raise Refused("block_not_stopped", said, f"Name one of: {', '.join(names)}.")


def _check_outputs(found: Skippable, outputs: Mapping[str, Any]) -> None:
    wrong = {name: "Later blocks read it: give its value." for name in found.required if name not in outputs}
    wrong |= {name[:60]: f"{found.block_type} has no such output." for name in outputs if name not in found.known}
    if wrong:
        raise OutputsRefused(found.block, wrong)


def _decide(run: TaskRecord, decision: Decision) -> None:
    """Keep the decision with the state.

    Raises:
        Refused: ``state_gone``, ``call_under_way``, ``outputs_too_large``.
    """
    state = RunState.objects.filter(pk=run.pk).values_list("decision", flat=True).first()
    if state is None and run.status == Status.FAILED:
        raise Refused(
            "state_gone", f"Nothing of run {run.record_id} is kept any more.", "Start it again from the beginning."
        )
    anew = _lost(run, state or "")
    if anew:
        attempts.require_quiet(run)
    if state is not None:
        RunState.objects.filter(pk=run.pk).update(decision=_text(replace(decision, anew=anew)))


def _text(decision: Decision) -> str:
    if decision == Decision():
        return ""  # a state that is taken up again tries what failed by itself
    try:
        text = decision.to_text()
    except (NestingError, TypeError, ValueError, RecursionError) as error:
        raise Refused("outputs_invalid", f"The outputs cannot be kept: {error}.", "Give plain JSON values.") from error
    if len(text) > MAX_OUTPUTS:
        raise Refused(
            "outputs_too_large", f"The outputs are longer than {MAX_OUTPUTS:,} characters.", "Give a reference instead."
        )
    return text


def value_of(text: str) -> Any:
    """What a person typed as a value: JSON if it reads as JSON, else the text itself (``A-03``, ``12``, ``"12"``)."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text
