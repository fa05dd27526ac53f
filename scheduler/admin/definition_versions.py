"""Versions of a definition: who made them and from what, what differs between two, and an earlier one brought back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from scheduler.admin.tree import icon_of
from scheduler.definitions.differences import ADDED, REMOVED, Block, compare
from scheduler.definitions.outline import read
from scheduler.definitions.restoring import restore
from scheduler.errors import Refused
from scheduler.models import DefinitionVersion, TaskDefinition
from vwed.console.chips import Look
from vwed.console.confirm import Question, ask
from vwed.console.permit import require

#: Versions in the table; a difference can name any two.
SHOWN = 50
#: Blocks of a difference that are shown; characters of one value.
SHOWN_BLOCKS = 500
VALUE = 2000

_ADDED = Look("add_circle", "good", gettext_lazy("added"))
_REMOVED = Look("remove_circle", "bad", gettext_lazy("removed"))
_MOVED = Look("move_down", "active", gettext_lazy("moved"))
_RENAMED = Look("badge", "active", gettext_lazy("renamed"))
_CHANGED = Look("edit_note", "wait", gettext_lazy("changed"))


@dataclass(frozen=True, slots=True)
class Line:
    """One block of a difference as the page shows it; without ``looks`` it only leads to one that differs."""

    block: Block
    depth: int
    icon: str
    looks: Sequence[Look]
    #: Unchanged blocks left out before it.
    left_out: int


def context(request: HttpRequest, row: TaskDefinition) -> dict[str, Any]:
    """The table of versions, and the difference that ``?old=`` and ``?new=`` ask for."""
    versions = list(row.versions.defer("detail", "warnings", "calls").order_by("-number")[: SHOWN + 1])
    found: dict[str, Any] = {"versions": versions[:SHOWN], "more_versions": len(versions) > SHOWN}
    if len(versions) > 1:
        found |= {"old": versions[1].number, "new": versions[0].number}
    old, new = request.GET.get("old", ""), request.GET.get("new", "")
    return {**found, **_difference(row, old, new)} if old and new else found


def _difference(row: TaskDefinition, old: str, new: str) -> dict[str, Any]:
    sides = [find(row, old), find(row, new)]
    difference = compare(*[read(side.detail) for side in sides])
    lines = _lines(difference.blocks)
    return {
        "old": sides[0].number,
        "new": sides[1].number,
        "difference": difference,
        "counts": difference.counts,
        "lines": lines[:SHOWN_BLOCKS],
        "more_lines": max(0, len(lines) - SHOWN_BLOCKS),
    }


def find(row: TaskDefinition, number: str) -> DefinitionVersion:
    """The version of that number.

    Raises:
        Http404: there is none.
    """
    found = row.versions.filter(number=int(number)).first() if number.isdecimal() and len(number) < 10 else None
    if found is None:
        raise Http404
    return found


def _lines(blocks: Sequence[Block]) -> list[Line]:
    """What differs, and the blocks that lead there."""
    shown: list[int] = []
    depth = -1
    for index in range(len(blocks) - 1, -1, -1):
        block = blocks[index]
        # Going back, the next block less deep than one that is shown is the one around it.
        if block.differs or block.depth < depth:
            shown.append(index)
            depth = block.depth
    lines = []
    before = -1
    for index in reversed(shown):
        block = blocks[index]
        lines.append(Line(block, min(block.depth, 30), icon_of(block.type), _looks(block), index - before - 1))
        before = index
    return lines


def _looks(block: Block) -> list[Look]:
    if block.state in (ADDED, REMOVED):
        return [_ADDED if block.state == ADDED else _REMOVED]
    looks = [(_MOVED, block.moved_from), (_RENAMED, block.was), (_CHANGED, block.parameters or block.fields)]
    return [look for look, holds in looks if holds]


def restore_view(request: HttpRequest, pk: int, number: int) -> HttpResponse:
    """Ask for a reason, then make a new version of an earlier one."""
    row = TaskDefinition.objects.select_related("current").defer("current__detail").filter(pk=pk).first()
    if row is None or row.current is None or not row.versions.filter(number=number).exists():
        raise Http404
    require(
        request,
        "scheduler.change_taskdefinition",
        action="restore_definition",
        object_type="definition",
        object_id=row.label,
    )
    back = f"{reverse('admin:scheduler_taskdefinition_change', args=(pk,))}?tab=versions"
    answer = ask(request, _question(row, number, row.current.number, back))
    if isinstance(answer, HttpResponse):
        return answer
    try:
        made = restore(pk, number, actor=request.user.get_username(), origin="page", reason=answer.reason)
    except Refused as refusal:
        messages.error(request, f"{refusal.message} {refusal.remedy}")
    else:
        messages.success(
            request, _("Version %(new)s has the content of version %(old)s.") % {"new": made.number, "old": number}
        )
    return HttpResponseRedirect(back)


def _question(row: TaskDefinition, number: int, current: int, back: str) -> Question:
    given = {"number": number, "current": current}
    return Question(
        title=_("Bring back version %(number)s") % given,
        consequence=[
            _("A new version with the content of version %(number)s is made; new runs use it.") % given,
            _("Runs that exist keep their version. Version %(current)s stays in the list.") % given,
        ],
        verb=_("Bring back version %(number)s") % given,
        objects=[row.label],
        reason_required=True,
        back=back,
    )
