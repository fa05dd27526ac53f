"""What there is to say about definitions before they are stored: faults, warnings, and what storing them would do."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from execution import plan
from execution.calls import SubTaskCall
from execution.errors import PlanErrors, Problem
from scheduler import conf
from scheduler.definitions import callgraph, periodic, taskfile
from scheduler.models import DefinitionVersion, TaskDefinition


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
class Item:
    """One definition on its way in. Everything that is wrong with it stands in ``problems``."""

    candidate: taskfile.Candidate
    definition_id: str
    detail: str = ""
    digest: str = ""
    blocks: int = 0
    calls: tuple[SubTaskCall, ...] = ()
    warnings: list[Problem] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


class Known:
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


def compile_all(candidates: Sequence[taskfile.Candidate]) -> list[Item]:
    """The definitions of a file, compiled. One query; takes its time and locks nothing."""
    ids = dict(TaskDefinition.objects.values_list("label", "definition_id"))
    items = []
    for candidate in candidates:
        definition_id = ids.get(candidate.label) or candidate.definition_id or str(uuid.uuid4())
        item = Item(candidate, definition_id, problems=list(candidate.problems))
        if not item.problems:
            compile_item(item)
        items.append(item)
    return items


def compile_item(item: Item) -> None:
    """Compile one definition; what is wrong with it is noted, under its path."""
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


def judge(compiled: Sequence[Item], known: Known, replace: bool) -> list[Item]:
    """Copies of the items with what the definitions that exist have to say about them."""
    items = [dataclasses.replace(item, problems=list(item.problems), warnings=list(item.warnings)) for item in compiled]
    for item in items:
        existing = known.by_label.get(item.candidate.label)
        if existing is not None:
            item.definition_id = existing.definition_id
        if not item.problems:
            _compare(item, known, replace)
            _advise(item, existing)
    follow_calls([item for item in items if not item.problems], known)
    return items


def _compare(item: Item, known: Known, replace: bool) -> None:
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


def _advise(item: Item, existing: TaskDefinition | None) -> None:
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


def follow_calls(items: Sequence[Item], known: Known) -> None:
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


def foresee(item: Item, known: Known) -> Imported:
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


def _is_same(item: Item, existing: TaskDefinition) -> bool:
    if existing.current is None or existing.current.digest != item.digest:
        return False
    wanted = settings_of(item.candidate)
    # To Python 1, 1.0 and true are one value; to who reads the export they are not.
    return canonical(wanted)[1] == canonical({name: getattr(existing, name) for name in wanted})[1]


def settings_of(candidate: taskfile.Candidate) -> dict[str, Any]:
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


def canonical(detail: dict[str, Any]) -> tuple[str, str]:
    """Return the text that is stored and the digest that tells whether two details are the same."""
    text = json.dumps(detail, ensure_ascii=False, separators=(",", ":"))
    ordered = json.dumps(detail, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    return text, hashlib.sha256(ordered.encode()).hexdigest()
