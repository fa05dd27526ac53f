"""The command palette: pages by name, runs by id, definitions and locations by label. Links only, never actions."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, override
from unfold.dataclasses import SearchResult
from unfold.sites import UnfoldAdminSite

from scheduler.models import TaskDefinition, TaskRecord
from storage.models import StorageLocation
from vwed.console.listing import begins_with, containing
from vwed.navigation import NAVIGATION

#: Results per kind, and the shortest text that is searched for.
PER_KIND = 5
SHORTEST = 2


_RECORDS, _LOCATIONS = "admin:scheduler_taskrecord_changelist", "admin:storage_storagelocation_changelist"
_QUESTIONS = (
    (gettext_lazy("Locks left behind"), _LOCATIONS, "state=left", "storage.view_storagelocation"),
    (gettext_lazy("Runs with locks left behind"), _RECORDS, "locks=left&periodic=1", "scheduler.view_taskrecord"),
    (gettext_lazy("Roll settings back"), "admin:settings_history", "", "vwed.rollback_settingchange"),
    (gettext_lazy("Runs that need a decision"), _RECORDS, "status=interrupted&periodic=1", "scheduler.view_taskrecord"),
)


def palette(site: UnfoldAdminSite, request: HttpRequest) -> HttpResponse:
    """Answer ``?s=``: at most five of each kind, three indexed queries."""
    term = request.GET.get("s", "").strip()[:100]
    if len(term) < SHORTEST:
        return HttpResponse()
    results = list(_results(request, term))
    paginator = Paginator(results, 100)
    extended = "extended" in request.GET
    template = "unfold/helpers/command_results.html" if extended else "unfold/helpers/search_results.html"
    context = {
        "page_obj": paginator,
        "results": paginator.page(1),
        "page_counter": 0,
        "execution_time": 0,
        "command_show_history": False,
    }
    return TemplateResponse(request, template, context, headers={"HX-Trigger": "search"})


def _results(request: HttpRequest, term: str) -> Iterator[SearchResult]:
    yield from islice(_pages(request, term.lower()), PER_KIND)
    yield from islice(_questions(request, term.lower()), PER_KIND)
    may = request.user.has_perm
    if may("scheduler.view_taskrecord"):
        found = TaskRecord.objects.filter(begins_with("record_id", term) | begins_with("out_order_no", term))
        for row in found.only("record_id", "label").order_by("-pk")[:PER_KIND]:
            yield _result(row.record_id, row.label, "admin:scheduler_taskrecord_change", row.pk)
    if may("scheduler.view_taskdefinition"):
        for task in containing(TaskDefinition.objects.only("label"), "label", term).order_by("label")[:PER_KIND]:
            yield _result(task.label, _("Task definition"), "admin:scheduler_taskdefinition_change", task.pk)
            if may("scheduler.run_taskdefinition"):
                title = _("Run %(label)s") % {"label": task.label}
                yield _result(title, _("Opens the form"), "admin:scheduler_taskdefinition_run", task.pk)
    if may("storage.view_storagelocation"):
        for site in (
            StorageLocation.objects.filter(begins_with("site_id", term)).only("site_id").order_by("site_id")[:PER_KIND]
        ):
            yield _result(site.site_id, _("Location"), "admin:storage_storagelocation_change", site.pk)


def _pages(request: HttpRequest, term: str) -> Iterator[SearchResult]:
    """Pages whose name in either language contains the term."""
    for group in NAVIGATION:
        for item in group["items"]:
            if "permission" in item and not item["permission"](request):
                continue
            names = [_in(language, item["title"]).lower() for language in ("en", "zh-hans")]
            if any(term in name for name in names):
                yield SearchResult(
                    title=str(item["title"]), description=str(group["title"]), link=str(item["link"]), icon=item["icon"]
                )


def _questions(request: HttpRequest, term: str) -> Iterator[SearchResult]:
    """What people ask for in words: lists with a filter set."""
    for title, view, query, permission in _QUESTIONS:
        if request.user.has_perm(permission) and any(term in _in(name, title).lower() for name in ("en", "zh-hans")):
            yield SearchResult(
                title=str(title),
                description=_("List"),
                link=f"{reverse(view)}?{query}" if query else reverse(view),
                icon="filter_alt",
            )


def _in(language: str, title: Any) -> str:
    with override(language):
        return str(title)


def _result(title: str, description: str, view: str, pk: int) -> SearchResult:
    return SearchResult(title=title, description=description, link=reverse(view, args=(pk,)), icon="arrow_forward")
