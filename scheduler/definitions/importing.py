"""Import of task definitions: all or nothing per file, new versions instead of changes, every problem with its path."""

from __future__ import annotations

import copy
import dataclasses
import hashlib
import json
import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from django.db import IntegrityError

from execution import plan
from execution.calls import SubTaskCall
from execution.errors import PlanErrors, Problem
from scheduler import audit, clock, conf, conflicts
from scheduler.definitions import callgraph, periodic, taskfile
from scheduler.errors import Refused, SchedulerError
from scheduler.models import DefinitionVersion, TaskDefinition


class ImportRefused(SchedulerError):
    """Nothing of the file was imported. ``problems`` holds every fault, with its path and remedy."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = list(problems)


@dataclass(frozen=True, slots=True)
class Imported:
    """What became of one definition, or would: ``created``, ``new_version``, ``settings`` (only they change), ``same``
    or, in a check, ``refused`` for its ``problems``. ``warnings`` do not stop an import."""

    label: str
    action: str
    version: int
    warnings: tuple[Problem, ...] = ()
    path: str = ""
    problems: tuple[Problem, ...] = ()


@dataclass(slots=True)
class _Item:
    """One definition on its way in. Everything that is wrong with it stands in ``problems``."""

    candidate: taskfile.Candidate
    definition_id: str
    detail: str = ""
    digest: str = ""
    blocks: int = 0
    calls: tuple[SubTaskCall, ...] = ()
    warnings: list[Problem] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


def import_file(
    name: str, data: bytes, *, actor: str, origin: str, replace: bool = False, only: Collection[str] | None = None
) -> list[Imported]:
    """Import every definition of a file, or none. ``only``: those with these labels, and nobody looks at the others.

    A label that exists is refused unless ``replace``, which makes a new version; unchanged definitions are ``same``.

    Raises:
        ImportRefused: with all problems of all definitions.
    """
    candidates = [each for each in _look(name, data) if only is None or each.label in only]
    if not candidates:
        raise ImportRefused([Problem(name, "nothing_chosen", "No definition was chosen.", "Choose at least one.")])
    # Compiling takes its time: nobody waits for a lock meanwhile.
    compiled = _compiled(candidates)

    def write() -> list[Imported]:
        known = _Known(lock=True)
        items = _judged(compiled, known, replace)
        problems = [problem for item in items for problem in item.problems]
        if problems:
            raise ImportRefused(problems)
        return [_imported(_store(item, known, actor, name[-200:]), actor, origin, name) for item in items]

    try:
        return conflicts.retried(write)
    except IntegrityError:
        # Another importer made the same label or id meanwhile; now it is known.
        return conflicts.retried(write)


def _imported(result: Imported, actor: str, origin: str, name: str) -> Imported:
    audit.record(
        actor=actor,
        action="import_definition",
        object_type="definition",
        object_id=result.label,
        after={"action": result.action, "version": result.version, "file": name[-100:]},
        origin=origin,
    )
    return result


def check_file(name: str, data: bytes, *, replace: bool = False) -> list[Imported]:
    """What an import of each definition of the file would do, without doing anything.

    Raises:
        ImportRefused: the file as a whole cannot be read.
    """
    known = _Known(lock=False)
    return [_foreseen(item, known) for item in _judged(_compiled(_look(name, data)), known, replace)]


def restore(pk: int, number: int, *, actor: str, origin: str, reason: str = "") -> DefinitionVersion:
    """Make a new version with the content of an earlier one; settings stay. The newest again changes nothing.

    Raises:
        Refused: ``version_unknown``; ``version_invalid`` when it would not run (any more).
    """
    return conflicts.retried(partial(_restore, pk, number, actor, origin, reason))


def _restore(pk: int, number: int, actor: str, origin: str, reason: str) -> DefinitionVersion:
    known = _Known(lock=True)
    row = next((each for each in known.by_label.values() if each.pk == pk), None)
    version = row.versions.filter(number=number).first() if row is not None else None
    if row is None or version is None or row.current is None:
        raise Refused("version_unknown", f"There is no version {number}.", "Look at the list of versions.")
    if version.digest == row.current.digest:
        return row.current
    item = _Item(_as_candidate(row, json.loads(version.detail)), row.definition_id)
    _compile(item)
    _follow_calls([item], known)
    if item.problems:
        raise Refused("version_invalid", f"Version {number} cannot run: {item.problems[0]}", "Import it corrected.")
    before = row.current.number
    _store(item, known, actor, f"v{number}: {reason}" if reason else f"v{number}")
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


def canonical(detail: dict[str, Any]) -> tuple[str, str]:
    """Return the text that is stored and the digest that tells whether two details are the same."""
    text = json.dumps(detail, ensure_ascii=False, separators=(",", ":"))
    ordered = json.dumps(detail, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    return text, hashlib.sha256(ordered.encode()).hexdigest()


class _Known:
    """The definitions there are, with their current versions but for the details. Two queries."""

    def __init__(self, *, lock: bool) -> None:
        # One importer at a time decides about labels; the unique columns are the last word. No join: it would lock the
        # versions too, in an order of its own.
        rows = list(TaskDefinition.objects.select_for_update() if lock else TaskDefinition.objects.all())
        versions = DefinitionVersion.objects.defer("detail").in_bulk([row.current_id for row in rows])
        for row in rows:
            row.current = versions.get(row.current_id)
        self.by_label = {row.label: row for row in rows}
        self.by_id = {row.definition_id: row for row in rows}

    def calls(self) -> dict[str, set[str]]:
        """Definition id → ids that its current version calls and waits for."""
        return {
            row.definition_id: {target for target, waits, _where in row.current.calls if waits}
            for row in self.by_label.values()
            if row.current is not None
        }


def _look(name: str, data: bytes) -> list[taskfile.Candidate]:
    try:
        return taskfile.look(name, data)
    except taskfile.TaskFileError as error:
        raise ImportRefused(error.problems) from error


def _compiled(candidates: Sequence[taskfile.Candidate]) -> list[_Item]:
    ids = dict(TaskDefinition.objects.values_list("label", "definition_id"))
    items = []
    for candidate in candidates:
        definition_id = ids.get(candidate.label) or candidate.definition_id or str(uuid.uuid4())
        item = _Item(candidate, definition_id, problems=list(candidate.problems))
        if not item.problems:
            _compile(item)
        items.append(item)
    return items


def _judged(compiled: Sequence[_Item], known: _Known, replace: bool) -> list[_Item]:
    """Copies of the items with what the definitions that exist have to say about them."""
    items = [dataclasses.replace(item, problems=list(item.problems), warnings=list(item.warnings)) for item in compiled]
    for item in items:
        existing = known.by_label.get(item.candidate.label)
        if existing is not None:
            item.definition_id = existing.definition_id
        if not item.problems:
            _compare(item, known, replace)
            _advise(item, existing)
    _follow_calls([item for item in items if not item.problems], known)
    return items


def _compile(item: _Item) -> None:
    values = conf.values()
    try:
        compiled = plan.compile(
            item.candidate.detail,
            max_block_depth=values.max_block_depth,
            definition_id=item.definition_id,
            strict_variables=values.strict_variables,
        )
    except PlanErrors as error:
        path = item.candidate.path
        item.problems.extend(
            Problem(f"{path} › {p.path}", p.code, p.message, p.remedy, p.warning) for p in error.problems
        )
        return
    item.detail, item.digest = canonical(item.candidate.detail)
    item.blocks, item.calls = len(compiled.blocks), compiled.calls
    item.warnings.extend(compiled.warnings)


def _compare(item: _Item, known: _Known, replace: bool) -> None:
    """Refuse a label or an id that is taken."""
    candidate = item.candidate
    existing = known.by_label.get(candidate.label)
    if existing is not None:
        if not replace and not _is_same(item, existing):
            item.problems.append(
                Problem(
                    candidate.path,
                    "WIND_LABEL_ERROR",
                    f"A definition with the label “{candidate.label}” exists.",
                    "Import with --replace to make a new version of it, or give another label.",
                )
            )
    elif (owner := known.by_id.get(candidate.definition_id)) is not None:
        item.problems.append(
            Problem(
                f"{candidate.path} › id",
                "id_taken",
                f"The id belongs to the definition “{owner.label}”.",
                "Leave the id out, or import it under that label.",
            )
        )


def _advise(item: _Item, existing: TaskDefinition | None) -> None:
    """What does not stop an import and should be known."""
    candidate = item.candidate
    if existing is not None and candidate.definition_id not in ("", existing.definition_id):
        words = f"The definition keeps its id {existing.definition_id}; sub-task calls must name that."
        item.warnings.append(
            Problem("id", "id_kept", words, "Correct the calls, or import it under another label.", warning=True)
        )
    if candidate.periodic and candidate.period_ms < periodic.INTERVAL_S * 1000:
        words = f"A period of {candidate.period_ms} ms is shorter than the {periodic.INTERVAL_S:g} s between two looks."
        item.warnings.append(Problem("period", "period_short", words, "It starts at every look.", warning=True))


def _follow_calls(items: Sequence[_Item], known: _Known) -> None:
    """Warn about calls of definitions that do not exist; refuse those that would wait for each other for ever."""
    if not any(item.calls for item in items):
        return
    labels = {row.definition_id: row.label for row in known.by_label.values()}
    labels |= {item.definition_id: item.candidate.label for item in items}
    waits_for = known.calls()
    waits_for |= {item.definition_id: {c.definition_id for c in item.calls if c.waits} for item in items}
    for item in items:
        for problem in callgraph.unknown_calls(item.calls, labels):
            item.warnings.append(problem)
        if way := callgraph.cycle_through(item.definition_id, waits_for):
            item.problems.append(callgraph.cycle_problem(way, labels, item.candidate.path))


def _is_same(item: _Item, existing: TaskDefinition) -> bool:
    if existing.current is None or existing.current.digest != item.digest:
        return False
    wanted = _settings(item.candidate)
    # To Python 1, 1.0 and true are one value; to who reads the export they are not.
    return canonical(wanted)[1] == canonical({name: getattr(existing, name) for name in wanted})[1]


def _foreseen(item: _Item, known: _Known) -> Imported:
    """What storing it would do."""
    candidate = item.candidate
    warnings, path = tuple(item.warnings), candidate.path
    existing = known.by_label.get(candidate.label)
    current = existing.current if existing else None
    if item.problems:
        number = current.number if current else 0
        return Imported(candidate.label, "refused", number, warnings, path, tuple(item.problems))
    if existing is not None and current is not None and current.digest == item.digest:
        action = "same" if _is_same(item, existing) else "settings"
        return Imported(candidate.label, action, current.number, warnings, path)
    latest = existing.versions.order_by("-number").values_list("number", flat=True).first() or 0 if existing else 0
    number = candidate.version if candidate.version and candidate.version > latest else latest + 1
    return Imported(candidate.label, "created" if existing is None else "new_version", number, warnings, path)


def _store(item: _Item, known: _Known, actor: str, reason: str) -> Imported:
    foreseen = _foreseen(item, known)
    if foreseen.action == "same":
        return foreseen
    candidate = item.candidate
    row = known.by_label.get(candidate.label)
    before = copy.copy(row)
    if row is None:
        row = TaskDefinition(label=candidate.label, definition_id=item.definition_id)
    settings = _settings(candidate)
    for name, value in settings.items():
        setattr(row, name, value)
    row.save(update_fields=[*settings, "updated_at"] if before else None)
    if foreseen.action != "settings":
        row.current = _new_version(row, item, foreseen.version, actor, reason)
    periodic.plan(row, clock.now(), before=before)
    row.save(update_fields=["current", "next_start_at", "updated_at"])
    return foreseen


def _new_version(row: TaskDefinition, item: _Item, number: int, actor: str, reason: str) -> DefinitionVersion:
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
        "extra": candidate.extra,
    }


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
