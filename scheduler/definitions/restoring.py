"""An earlier version of a definition comes back, as a new one."""

from __future__ import annotations

import json
from functools import partial
from typing import Any

from scheduler import audit, conflicts
from scheduler.definitions import taskfile
from scheduler.definitions.judging import Item, Known, compile_item, follow_calls
from scheduler.definitions.storing import store
from scheduler.errors import Refused
from scheduler.models import DefinitionVersion, TaskDefinition


def restore(pk: int, number: int, *, actor: str, origin: str, reason: str = "") -> DefinitionVersion:
    """Make a new version with the content of an earlier one; settings stay. The newest again changes nothing.

    Raises:
        Refused: ``version_unknown``; ``version_invalid`` when it would not run (any more).
    """
    return conflicts.retried(partial(_restore, pk, number, actor, origin, reason))


def _restore(pk: int, number: int, actor: str, origin: str, reason: str) -> DefinitionVersion:
    known = Known(lock=True)
    row = next((each for each in known.by_label.values() if each.pk == pk), None)
    version = row.versions.filter(number=number).first() if row is not None else None
    if row is None or version is None or row.current is None:
        raise Refused("version_unknown", f"There is no version {number}.", "Look at the list of versions.")
    if version.digest == row.current.digest:
        return row.current
    item = Item(_as_candidate(row, json.loads(version.detail)), row.definition_id)
    compile_item(item)
    follow_calls([item], known)
    if item.problems:
        raise Refused("version_invalid", f"Version {number} cannot run: {item.problems[0]}", "Import it corrected.")
    before = row.current.number
    store(item, known, actor, f"v{number}: {reason}" if reason else f"v{number}")
    audit.record(
        actor=actor,
        action="restore_definition",
        object_type="definition",
        object_id=row.label,
        before={"version": before},
        after={"version": row.current.number, "restored": number},
        reason=reason,
        origin=origin,
    )
    return row.current


def _as_candidate(row: TaskDefinition, detail: dict[str, Any]) -> taskfile.Candidate:
    """A definition as its own file would have it, with another content."""
    return taskfile.Candidate(
        row.label,
        detail,
        row.label,
        definition_id=row.definition_id,
        periodic=row.periodic,
        periodic_enabled=row.periodic_enabled,
        period_ms=row.period_ms,
        delay_ms=row.delay_ms,
        release_sites=row.release_sites,
        template_name=row.template_name,
        category_id=row.category_id,
        remark=row.remark,
        extra=row.extra,
    )
