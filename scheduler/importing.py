"""Import of task definitions: all or nothing per file, new versions instead of changes, every problem with its path."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db import transaction

from execution import plan
from execution.errors import PlanErrors, Problem
from scheduler import audit, conf, taskfile
from scheduler.errors import SchedulerError
from scheduler.models import DefinitionVersion, TaskDefinition


class ImportRefused(SchedulerError):
    """Nothing of the file was imported. ``problems`` holds every fault, with its path and remedy."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = list(problems)


@dataclass(frozen=True, slots=True)
class Imported:
    """What became of one definition: ``created``, ``new_version`` or ``same``; ``warnings`` do not stop an import."""

    label: str
    action: str
    version: int
    warnings: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True)
class _Checked:
    candidate: taskfile.Candidate
    detail: str
    digest: str
    blocks: int
    warnings: tuple[Problem, ...]


def import_file(
    name: str, data: bytes, *, actor: str, origin: str, replace: bool = False, dry_run: bool = False
) -> list[Imported]:
    """Import every definition of a file, or none.

    A label that exists is refused unless ``replace``, which makes a new version; unchanged definitions are ``same``.
    ``dry_run`` checks everything and says what would happen.

    Raises:
        ImportRefused: with all problems of all definitions.
    """
    try:
        candidates = taskfile.read(name, data)
    except taskfile.TaskFileError as error:
        raise ImportRefused(error.problems) from error
    checked = _check(candidates)
    with transaction.atomic():
        # One importer at a time decides about labels; the unique columns are the last word.
        known = {d.label: d for d in TaskDefinition.objects.select_related("current").select_for_update()}
        problems = [p for item in checked for p in _conflicts(item.candidate, item.digest, known, replace)]
        if problems:
            raise ImportRefused(problems)
        results = [_store(item, known, actor, dry_run) for item in checked]
        if not dry_run:
            for result in results:
                audit.record(
                    actor=actor,
                    action="import_definition",
                    object_type="definition",
                    object_id=result.label,
                    after={"action": result.action, "version": result.version, "file": name[-100:]},
                    origin=origin,
                )
    return results


def canonical(detail: dict[str, Any]) -> tuple[str, str]:
    """Return the text that is stored and the digest that tells whether two details are the same."""
    text = json.dumps(detail, ensure_ascii=False, separators=(",", ":"))
    ordered = json.dumps(detail, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    return text, hashlib.sha256(ordered.encode()).hexdigest()


def _check(candidates: Sequence[taskfile.Candidate]) -> list[_Checked]:
    checked: list[_Checked] = []
    problems: list[Problem] = []
    values = conf.values()
    for candidate in candidates:
        try:
            compiled = plan.compile(
                candidate.detail,
                max_block_depth=values.max_block_depth,
                definition_id=candidate.definition_id or "",
                strict_variables=values.strict_variables,
            )
        except PlanErrors as error:
            problems.extend(
                Problem(f"{candidate.path} › {p.path}", p.code, p.message, p.remedy, p.warning) for p in error.problems
            )
            continue
        text, digest = canonical(candidate.detail)
        checked.append(_Checked(candidate, text, digest, len(compiled.blocks), tuple(compiled.warnings)))
    if problems:
        raise ImportRefused(problems)
    return checked


def _conflicts(
    candidate: taskfile.Candidate, digest: str, known: dict[str, TaskDefinition], replace: bool
) -> list[Problem]:
    existing = known.get(candidate.label)
    if existing is not None:
        same = existing.current is not None and existing.current.digest == digest
        if replace or same:
            return []
        return [
            Problem(
                candidate.path,
                "WIND_LABEL_ERROR",
                f"A definition with the label “{candidate.label}” exists.",
                "Import with --replace to make a new version of it, or give another label.",
            )
        ]
    owner = next((d for d in known.values() if d.definition_id == candidate.definition_id), None)
    if candidate.definition_id and owner is not None:
        return [
            Problem(
                f"{candidate.path} › id",
                "id_taken",
                f"The id belongs to the definition “{owner.label}”.",
                "Leave the id out, or import it under that label.",
            )
        ]
    return []


def _store(item: _Checked, known: dict[str, TaskDefinition], actor: str, dry_run: bool) -> Imported:
    candidate = item.candidate
    existing = known.get(candidate.label)
    current = existing.current if existing else None
    action = "created" if existing is None else "new_version"
    if current is not None and current.digest == item.digest and _settings(candidate).items() <= vars(existing).items():
        return Imported(candidate.label, "same", current.number, item.warnings)
    latest = existing.versions.order_by("-number").values_list("number", flat=True).first() or 0 if existing else 0
    number = candidate.version if candidate.version and candidate.version > latest else latest + 1
    if dry_run:
        return Imported(candidate.label, action, number, item.warnings)
    if existing is None:
        existing = TaskDefinition(
            label=candidate.label, definition_id=candidate.definition_id or str(uuid.uuid4()), extra=candidate.extra
        )
    for name, value in _settings(candidate).items():
        setattr(existing, name, value)
    existing.extra = candidate.extra
    existing.save()
    if current is None or current.digest != item.digest:
        existing.current = DefinitionVersion.objects.create(
            definition=existing,
            number=number,
            detail=item.detail,
            digest=item.digest,
            block_count=item.blocks,
            warnings=[
                {"path": p.path, "code": p.code, "message": p.message, "remedy": p.remedy} for p in item.warnings
            ],
            author=actor,
        )
        existing.save(update_fields=["current", "updated_at"])
    else:
        number = current.number
    return Imported(candidate.label, action, number, item.warnings)


def _settings(candidate: taskfile.Candidate) -> dict[str, Any]:
    """The columns of a definition that the file decides."""
    return {
        "periodic": candidate.periodic,
        "periodic_enabled": candidate.periodic_enabled,
        "period_ms": candidate.period_ms,
        "delay_ms": candidate.delay_ms,
        "release_sites": candidate.release_sites,
        "template_name": candidate.template_name,
        "category_id": candidate.category_id,
        "remark": candidate.remark,
    }
