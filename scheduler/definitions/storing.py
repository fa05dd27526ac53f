"""Writes what is new about a definition: its settings, and a version. In the caller's transaction."""

from __future__ import annotations

import copy

from scheduler import clock
from scheduler.definitions import callgraph, periodic
from scheduler.definitions.judging import Imported, Item, Known, foresee, settings_of
from scheduler.models import DefinitionVersion, TaskDefinition


def store(item: Item, known: Known, actor: str, reason: str) -> Imported:
    """Write one definition that nothing is wrong with; what became of it. ``known`` holds its row locked."""
    foreseen = foresee(item, known)
    if foreseen.action == "same":
        return foreseen
    candidate = item.candidate
    row = known.by_label.get(candidate.label)
    before = copy.copy(row)
    if row is None:
        row = TaskDefinition(label=candidate.label, definition_id=item.definition_id)
    settings = settings_of(candidate)
    for name, value in settings.items():
        setattr(row, name, value)
    row.save(update_fields=[*settings, "updated_at"] if before else None)
    if foreseen.action != "settings":
        row.current = _new_version(row, item, foreseen.version, actor, reason)
    periodic.plan(row, clock.now(), before=before)
    row.save(update_fields=["current", "next_start_at", "updated_at"])
    return foreseen


def _new_version(row: TaskDefinition, item: Item, number: int, actor: str, reason: str) -> DefinitionVersion:
    return DefinitionVersion.objects.create(
        definition=row,
        number=number,
        detail=item.detail,
        digest=item.digest,
        size=len(item.detail),
        block_count=item.blocks,
        calls=callgraph.as_rows(item.calls),
        warnings=[{"path": p.path, "code": p.code, "message": p.message, "remedy": p.remedy} for p in item.warnings],
        author=actor[:150],
        reason=reason[:200],
    )
