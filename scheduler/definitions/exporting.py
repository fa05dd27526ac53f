"""Export of task definitions: the array ``.task`` that the importer reads back unchanged."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from scheduler.errors import Refused
from scheduler.models import DefinitionVersion, TaskDefinition


def export(labels: Sequence[str] | None = None) -> str:
    """Return the ``.task`` text of the definitions with these labels (``None``: all), in label order.

    Raises:
        Refused: ``unknown_label``, naming every label that does not exist.
    """
    rows = TaskDefinition.objects.select_related("current").order_by("label")
    if labels is not None:
        rows = rows.filter(label__in=labels)
        missing = sorted(set(labels) - {row.label for row in rows})
        if missing:
            raise Refused(
                "unknown_label",
                f"No definition has the label {', '.join(missing)}.",
                "Labels are shown under Definitions.",
            )
    return _text([_document(row, row.current) for row in rows])


def export_version(pk: int, number: int) -> str:
    """Return the ``.task`` text of one definition as it was at a version; its settings are those of today.

    Raises:
        Refused: ``version_unknown``.
    """
    version = DefinitionVersion.objects.select_related("definition").filter(definition=pk, number=number).first()
    if version is None:
        raise Refused("version_unknown", f"There is no version {number}.", "Look at the list of versions.")
    return _text([_document(version.definition, version)])


def _text(documents: Sequence[dict[str, Any]]) -> str:
    return json.dumps(documents, ensure_ascii=False, indent=1)


def _document(row: TaskDefinition, version: DefinitionVersion | None) -> dict[str, Any]:
    return {
        "status": 0,
        **row.extra,
        "id": row.definition_id,
        "label": row.label,
        "detail": version.detail if version else "{}",
        "version": version.number if version else 0,
        "ifEnable": int(row.periodic_enabled),
        "periodicTask": int(row.periodic),
        "period": row.period_ms,
        "delay": row.delay_ms,
        "releaseSites": row.release_sites,
        "templateName": row.template_name,
        "windcategoryId": row.category_id,
        "remark": row.remark,
    }
