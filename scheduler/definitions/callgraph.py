"""Which definition calls which: what an import must know before runs wait for each other for ever."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from execution.calls import SubTaskCall
from execution.errors import Problem

#: Names told of one cycle.
_TOLD = 10


def as_rows(calls: Sequence[SubTaskCall]) -> list[list[str | bool]]:
    """Calls as a version keeps them; one for each definition, mode and block."""
    return [[call.definition_id, call.waits, call.where] for call in calls]


def unknown_calls(calls: Sequence[SubTaskCall], known: Collection[str]) -> list[Problem]:
    """A warning for each call of a definition that does not exist (yet)."""
    return [
        Problem(
            call.where,
            "subtask.unknown",
            f"There is no definition with the id {call.definition_id[:64]}.",
            "Import that definition too; without it this block fails.",
            warning=True,
        )
        for call in calls
        if call.definition_id not in known
    ]


def cycle_through(start: str, waits_for: Mapping[str, Collection[str]]) -> list[str]:
    """Definition ids of a way from ``start`` back to it by calls that wait; empty when there is none."""
    came_from: dict[str, str] = {}
    todo = [start]
    while todo:
        caller = todo.pop()
        for target in waits_for.get(caller, ()):
            if target == start:
                way = [caller]
                while way[-1] != start:
                    way.append(came_from[way[-1]])
                return way[::-1]
            if target not in came_from and target in waits_for:
                came_from[target] = caller
                todo.append(target)
    return []


def cycle_problem(way: Sequence[str], labels: Mapping[str, str], path: str) -> Problem:
    """The refusal of a definition on a cycle."""
    named = [labels.get(each, each) for each in way]
    shown = " → ".join(f"“{name[:60]}”" for name in [*named[:_TOLD], named[0]])
    return Problem(
        path,
        "subtask.cycle",
        f"These definitions call each other and wait: {shown}.",
        "Let one of them call with ifAsync true, or use a loop block.",
    )
