"""Commands of operators on one location: asked first, then done by ``scheduler.commands.sites`` (audit and wake)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from scheduler.commands import sites
from scheduler.errors import Refused
from scheduler.models import TaskRecord
from scheduler.states import ACTIVE
from storage.models import StorageLocation
from vwed.console.confirm import Question, ask
from vwed.console.permit import require

OPERATE = "storage.operate_storagelocation"
FORCE = "storage.force_release_storagelocation"
_MATCHED = gettext_lazy("Waiting requests are matched at once.")


@dataclass(frozen=True, slots=True)
class Command:
    """One command: its button, what it does, when it is offered, and how it is carried out."""

    verb: Promise
    icon: str
    consequence: Promise
    offered: Callable[[StorageLocation], bool]
    run: Callable[[StorageLocation, str, str], sites.SitesResult]
    reason_required: bool = False
    danger: bool = False


COMMANDS: Mapping[str, Command] = {
    "fill": Command(
        gettext_lazy("Mark as full"),
        "inventory_2",
        gettext_lazy("Only this field changes."),
        lambda row: not row.filled,
        lambda row, actor, reason: sites.fill([row.site_id], actor=actor, origin="page"),
    ),
    "empty": Command(
        gettext_lazy("Mark as empty"),
        "check_box_outline_blank",
        gettext_lazy("Its content goes too."),
        lambda row: row.filled,
        lambda row, actor, reason: sites.empty([row.site_id], actor=actor, origin="page"),
    ),
    "lock": Command(
        gettext_lazy("Lock for me"),
        "lock_person",
        gettext_lazy("No run takes it until you release it."),
        lambda row: not row.locked_by,
        lambda row, actor, reason: sites.lock([row.site_id], actor, actor=actor, origin="page", reason=reason),
    ),
    "release": Command(
        gettext_lazy("Release"),
        "lock_open",
        gettext_lazy("Whoever holds it does not hold it any more."),
        lambda row: bool(row.locked_by),
        lambda row, actor, reason: sites.release([row.site_id], actor=actor, origin="page", reason=reason),
        reason_required=True,
        danger=True,
    ),
    "disable": Command(
        gettext_lazy("Take out of use"),
        "block",
        gettext_lazy("A holder keeps its lock; nothing new is placed here until further notice."),
        lambda row: not row.disabled,
        lambda row, actor, reason: sites.disable([row.site_id], actor=actor, origin="page", reason=reason),
        reason_required=True,
    ),
    "enable": Command(
        gettext_lazy("Put back into use"),
        "check_circle",
        gettext_lazy("Runs may take it again."),
        lambda row: row.disabled,
        lambda row, actor, reason: sites.enable([row.site_id], actor=actor, origin="page", reason=reason),
    ),
}


def offered(request: HttpRequest, row: StorageLocation) -> list[tuple[str, Command]]:
    """Commands that fit the location's state, for people who may give them."""
    if not request.user.has_perm(OPERATE):
        return []
    return [(name, item) for name, item in COMMANDS.items() if item.offered(row)]


def command(request: HttpRequest, pk: int, command: str) -> HttpResponse:
    """Ask, then do it. A lock of a live run needs the right to release by force."""
    row = StorageLocation.objects.filter(pk=pk).first()
    item = COMMANDS.get(command)
    if row is None or item is None:
        raise Http404
    run = _live_holder(row) if command == "release" else None
    need = FORCE if run is not None else OPERATE
    require(request, need, action=f"{command}_location", object_type="location", object_id=row.site_id)
    back = reverse("admin:storage_storagelocation_change", args=(row.pk,))
    consequence: list[Promise | str] = [item.consequence, _MATCHED]
    if run is not None:
        consequence.append(
            _("It is held by run %(id)s, which goes on and may collide with what comes next.") % {"id": run.record_id}
        )
    question = Question(
        title=f"{item.verb}: {row.site_id}",
        consequence=consequence,
        verb=item.verb,
        danger=item.danger,
        reason_required=item.reason_required,
        back=back,
    )
    answer = ask(request, question)
    if isinstance(answer, HttpResponse):
        return answer
    _do(request, item, row, answer.reason)
    return HttpResponseRedirect(back)


def _do(request: HttpRequest, item: Command, row: StorageLocation, reason: str) -> None:
    try:
        result = item.run(row, request.user.get_username(), reason)
    except Refused as refusal:
        messages.error(request, f"{refusal.message} {refusal.remedy}")
        return
    for error in result.refused.values():
        messages.error(request, str(error))
    if result.done:
        messages.success(request, _("%(site)s: done.") % {"site": row.site_id})


def _live_holder(row: StorageLocation) -> TaskRecord | None:
    if not row.locked_by:
        return None
    return TaskRecord.objects.filter(record_id=row.locked_by, status__in=sorted(ACTIVE)).only("record_id").first()
