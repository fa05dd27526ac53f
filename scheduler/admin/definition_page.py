"""The page of one definition: its parts as tabs. What a tab does not show is not read."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from execution.calls import SubTaskCall
from execution.definition import Problems
from execution.errors import PlanErrors, Problem
from execution.inputs import InputDeclaration, read_declarations
from scheduler import process
from scheduler.admin import definition_periodic, definition_versions
from scheduler.admin.tree import LIMIT, place_problems, tree
from scheduler.definitions import callgraph
from scheduler.models import DefinitionVersion, TaskDefinition
from vwed.admin_base import page

#: Runs shown, and problems that belong to no block.
SHOWN = 50
_TABS: tuple[tuple[str, Promise | str], ...] = (
    ("tree", _("Tree")),
    ("versions", _("Versions")),
    ("runs", _("Runs")),
    ("inputs", _("Inputs")),
    ("periodic", _("Periodic")),
)


def render(request: HttpRequest, row: TaskDefinition, *, tab: str = "", status: int = 200, **more: Any) -> HttpResponse:
    """The page; the tab and the version are in the address unless ``tab`` says otherwise."""
    tab = tab or request.GET.get("tab", "tree")
    if tab not in {name for name, _title in _TABS}:
        tab = "tree"
    version = shown_version(request, row)
    user = request.user
    context: dict[str, Any] = {
        "title": row.label,
        "definition": row,
        "version": version,
        "shown_current": version is not None and version.pk == row.current_id,
        "tabs": [(name, title, name == tab) for name, title in _TABS],
        "tab": tab,
        "may_run": user.has_perm("scheduler.run_taskdefinition"),
        "may_change": user.has_perm("scheduler.change_taskdefinition"),
        **_tab(tab, request, row, version),
        **more,
    }
    return page(request, "admin/scheduler/taskdefinition/detail.html", context, status=status)


def find(pk: int | str) -> TaskDefinition:
    """The definition with its current version.

    Raises:
        Http404: there is none.
    """
    row = TaskDefinition.objects.select_related("current").filter(pk=pk).first()
    if row is None:
        raise Http404
    return row


def shown_version(request: HttpRequest, row: TaskDefinition) -> DefinitionVersion | None:
    """The version that ``?version=`` names, or the current one.

    Raises:
        Http404: there is no such version.
    """
    number = request.GET.get("version", "")
    if not number.isdecimal() or (row.current is not None and int(number) == row.current.number):
        return row.current
    return definition_versions.find(row, number)


def declared(version: DefinitionVersion) -> tuple[InputDeclaration, ...]:
    """The inputs a version declares; faulty declarations are left out, as the importer has reported them."""
    try:
        return read_declarations(json.loads(version.detail).get("inputParams"), Problems())
    except (ValueError, AttributeError):
        return ()


def _tab(tab: str, request: HttpRequest, row: TaskDefinition, version: DefinitionVersion | None) -> dict[str, Any]:
    match tab:
        case "versions":
            return definition_versions.context(request, row)
        case "runs":
            runs = row.records.select_related("version").only(
                *("record_id", "status", "created_at", "ended_at", "ended_reason", "created_by", "version__number"),
                "definition_id",  # without it Django reads every row again to tell whose run it is
            )
            return {"runs": runs.order_by("-id")[:SHOWN]}
        case "inputs":
            return {"inputs": declared(version) if version else []}
        case "periodic":
            return definition_periodic.context(request, row)
        case _:
            return _tree(version) if version else {"tree": []}


def _tree(version: DefinitionVersion) -> dict[str, Any]:
    rows = tree(version.detail)
    problems = problems_of(version)
    elsewhere = place_problems(rows, problems)
    return {
        "tree": rows,
        "more_blocks": max(0, version.block_count - len(rows)) if len(rows) >= LIMIT else 0,
        "problems": len(problems),
        "elsewhere": elsewhere[:SHOWN],
        "more_elsewhere": max(0, len(elsewhere) - SHOWN),
    }


def problems_of(version: DefinitionVersion) -> Sequence[Problem]:
    """What is wrong with a version now, whatever was right when it was imported."""
    try:
        found = list(process.current().plans.get(version.pk).warnings)
    except PlanErrors as error:
        return error.problems
    if version.calls:
        calls = [SubTaskCall(target, where, waits) for target, waits, where in version.calls]
        targets = {call.definition_id for call in calls}
        known = TaskDefinition.objects.filter(definition_id__in=targets).values_list("definition_id", flat=True)
        found += callgraph.unknown_calls(calls, set(known))
    return found
