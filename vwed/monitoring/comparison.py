"""Two heap snapshots of one process side by side: which types became more, which heavier."""

from __future__ import annotations

import json
from dataclasses import dataclass

from scheduler.errors import Refused
from scheduler.models import Probe
from scheduler.probes.kinds import Kind, State


@dataclass(frozen=True, slots=True)
class Change:
    """One type before and after."""

    name: str
    count_before: int
    count: int
    bytes_before: int
    bytes: int

    @property
    def more(self) -> int:
        """Additional objects."""
        return self.count - self.count_before

    @property
    def heavier(self) -> int:
        """Additional bytes."""
        return self.bytes - self.bytes_before


@dataclass(frozen=True, slots=True)
class Comparison:
    """The older and the newer snapshot, and every type that differs, what grew most first."""

    older: Probe
    newer: Probe
    changes: list[Change]


def compare(first: Probe, second: Probe) -> Comparison:
    """Compare two snapshots, in the order they were taken.

    Raises:
        Refused: ``not_a_snapshot``, ``same_snapshot``, ``other_process``.
    """
    for probe in (first, second):
        if probe.kind != Kind.SNAPSHOT or probe.state != State.DONE or not probe.result:
            raise Refused(
                "not_a_snapshot",
                f"Probe {probe.pk} is no finished heap snapshot.",
                "Choose two snapshots that are done.",
            )
    if first.pk == second.pk:
        raise Refused("same_snapshot", "A snapshot does not differ from itself.", "Choose two different ones.")
    if first.process != second.process:
        raise Refused(
            "other_process",
            f"One snapshot is of {first.process}, the other of {second.process}: they hold different things.",
            "Choose two snapshots of the same process.",
        )
    older, newer = sorted((first, second), key=lambda probe: probe.pk)
    before, after = _types(older), _types(newer)
    changes = [
        _change(name, before.get(name, (0, 0)), after.get(name, (0, 0)))
        for name in {**before, **after}
        if before.get(name) != after.get(name)
    ]
    return Comparison(older, newer, sorted(changes, key=lambda each: (-each.heavier, -each.more, each.name)))


def _change(name: str, before: tuple[int, int], after: tuple[int, int]) -> Change:
    return Change(name, before[0], after[0], before[1], after[1])


def _types(probe: Probe) -> dict[str, tuple[int, int]]:
    return {name: (count, size) for name, count, size in json.loads(probe.result)["types"]}
