"""Cached values: what runs share, to read for everybody, to add, change and remove for those who may."""

from __future__ import annotations

import shlex
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models.functions import Left, Length
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from execution.cached import KEY_LIMIT
from scheduler import cache, conf
from scheduler.audit import REASON_LIMIT
from scheduler.errors import Refused
from scheduler.models import CachedValue, TaskRecord
from vwed.admin_base import ConsoleAdmin, page
from vwed.console.confirm import Question, ask
from vwed.console.listing import Listing, Search, begins_with
from vwed.console.permit import require, require_view

#: Characters of a value in the list, and in the question whether to remove it.
_SHOWN = 120
_OBJECT = "cached_value"
#: Characters of a key in a title.
_TITLE = 60
_LIST = "admin:scheduler_cachedvalue_changelist"


class ValueForm(forms.Form):
    """A value, why it is stored, and under a new key which."""

    key = forms.CharField(
        label=gettext_lazy("Key"),
        max_length=KEY_LIMIT,
        help_text=gettext_lazy("Small and capital letters are different keys."),
    )
    value = forms.CharField(
        label=gettext_lazy("Value"), required=False, strip=False, widget=forms.Textarea(attrs={"rows": 8})
    )
    reason = forms.CharField(label=gettext_lazy("Reason"), min_length=3, max_length=REASON_LIMIT)
    seen = forms.CharField(required=False, widget=forms.HiddenInput)

    def __init__(self, *args: Any, new: bool, **options: Any) -> None:
        super().__init__(*args, **options)
        del self.fields["seen" if new else "key"]
        for name, field in self.fields.items():
            if not isinstance(field.widget, forms.HiddenInput):
                field.widget.attrs["class"] = "vw-field vw-mono" if name == "value" else "vw-field"
            if field.help_text:
                field.widget.attrs["aria-describedby"] = f"id_{name}_helptext"
        self.fields["reason"].widget.attrs["autocomplete"] = "off"


@admin.register(CachedValue)
class CachedValueAdmin(ConsoleAdmin):
    """The shared cache. Its rows are written by ``scheduler.cache`` alone."""

    list_template = "admin/scheduler/cachedvalue/list.html"

    def listing(self, request: HttpRequest) -> Listing:
        """By key; of the values only the beginning is read."""
        rows = CachedValue.objects.defer("value").annotate(size=Length("value"), beginning=Left("value", _SHOWN))
        search = Search(gettext_lazy("Beginning of the key"), lambda rows, text: rows.filter(begins_with("key", text)))
        return Listing(request, rows, order="key", search=search)

    def list_context(self, request: HttpRequest, listing: Listing) -> dict[str, Any]:
        """Runs that stored what the page shows. One query."""
        return {
            "runs": _runs({row.changed_by for row in listing.rows}),
            "limit": conf.values().cache_entries,
            "may_add": request.user.has_perm("scheduler.add_cachedvalue"),
        }

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Store a value under a new key."""
        key = request.POST.get("key", "")
        _require(request, "add", key)
        form = ValueForm(request.POST or None, new=True)
        status = 200
        if request.method == "POST":
            if form.is_valid() and (row := _add(request, form)):
                return HttpResponseRedirect(_url("change", row.pk))
            status = 422
        context = {"title": _("Add a cached value"), "form": form, "limit": conf.values().cache_text}
        return page(request, "admin/scheduler/cachedvalue/add.html", context, status=status)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """One value; a valid POST replaces it, unless it is not the one any more that the person has seen."""
        require_view(request, self.view_permission)
        row = _row(object_id)
        if request.method == "POST":
            _require(request, "change", row.key)
            form = ValueForm(request.POST, new=False)
            if form.is_valid():
                return _change(request, row, form)
            return _page(request, row, form, status=422)
        initial = {"value": row.value, "seen": cache.fingerprint(row.value)}
        return _page(request, row, ValueForm(initial=initial, new=False))

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Ask, then remove the key; not when its value has changed since the question."""
        row = _row(object_id)
        _require(request, "delete", row.key)
        question = Question(
            title=_("Remove %(key)s") % {"key": row.key[:_TITLE]},
            consequence=[
                gettext_lazy("Runs that read this key get nothing from then on."),
                gettext_lazy("If it says that a task was started, that task may be started again."),
            ],
            objects=[_beginning(row.value)] if row.value else (),
            verb=gettext_lazy("Remove"),
            danger=True,
            reason_required=True,
            command=f"manage.py cache clear {shlex.quote(row.key)} --reason TEXT",
            back=_url("change", row.pk),
            fields={"seen": [request.POST.get("seen") or cache.fingerprint(row.value)]},
        )
        answer = ask(request, question)
        if isinstance(answer, HttpResponse):
            return answer
        actor, seen = request.user.get_username(), request.POST.get("seen", "")
        try:
            cache.remove(row.pk, seen=seen, actor=actor, origin="page", reason=answer.reason)
        except Refused as refusal:
            messages.error(request, f"{refusal.message} {refusal.remedy}")
            gone = refusal.code == "cache_gone"
            return HttpResponseRedirect(reverse(_LIST) if gone else _url("change", row.pk))
        messages.success(request, _("%(key)s is removed.") % {"key": row.key})
        return HttpResponseRedirect(reverse(_LIST))


def _add(request: HttpRequest, form: ValueForm) -> CachedValue | None:
    """The new row, or ``None`` with the refusal at the form."""
    given = form.cleaned_data
    actor = request.user.get_username()
    try:
        row = cache.add(given["key"], _typed(given["value"]), actor=actor, origin="page", reason=given["reason"])
    except Refused as refusal:
        form.add_error(None, f"{refusal.message} {refusal.remedy}")
        return None
    messages.success(request, _("%(key)s is stored.") % {"key": row.key})
    return row


def _change(request: HttpRequest, row: CachedValue, form: ValueForm) -> HttpResponse:
    given = form.cleaned_data
    actor = request.user.get_username()
    try:
        cache.change(
            row.pk,
            _typed(given["value"], row.value),
            seen=given["seen"],
            actor=actor,
            origin="page",
            reason=given["reason"],
        )
    except Refused as refusal:
        if refusal.code == "cache_gone":
            messages.error(request, f"{refusal.message} {refusal.remedy}")
            return HttpResponseRedirect(reverse(_LIST))
        return _refused(request, row.pk, form, refusal)
    messages.success(request, _("%(key)s is stored.") % {"key": row.key})
    return HttpResponseRedirect(_url("change", row.pk))


def _refused(request: HttpRequest, pk: int, form: ValueForm, refusal: Refused) -> HttpResponse:
    """The page again, with what the person typed and beside it what is stored now; saving again replaces that."""
    row = CachedValue.objects.filter(pk=pk).first()
    if row is None:
        raise Http404
    changed = refusal.code == "cache_changed"
    if changed:
        form = ValueForm({**request.POST.dict(), "seen": cache.fingerprint(row.value)}, new=False)
    form.add_error(None, f"{refusal.message} {refusal.remedy}")
    return _page(request, row, form, changed=changed, status=409 if changed else 422)


def _page(
    request: HttpRequest, row: CachedValue, form: ValueForm, *, changed: bool = False, status: int = 200
) -> HttpResponse:
    context = {
        "title": _("Cached value %(key)s") % {"key": row.key[:_TITLE]},
        "row": row,
        "size": len(row.value),
        "form": form if request.user.has_perm("scheduler.change_cachedvalue") else None,
        "changed": changed,
        "limit": conf.values().cache_text,
        "run": _runs({row.changed_by}).get(row.changed_by),
        "may_delete": request.user.has_perm("scheduler.delete_cachedvalue"),
    }
    return page(request, "admin/scheduler/cachedvalue/detail.html", context, status=status)


def _row(object_id: str) -> CachedValue:
    row = CachedValue.objects.filter(pk=int(object_id)).first() if object_id.isdigit() else None
    if row is None:
        raise Http404
    return row


def _require(request: HttpRequest, verb: str, key: str) -> None:
    """Adding, changing and removing have a permission each; a refused attempt is in the audit log."""
    action = {"add": "add_cached_value", "change": "change_cached_value", "delete": "remove_cached_value"}[verb]
    require(request, f"scheduler.{verb}_cachedvalue", action=action, object_type=_OBJECT, object_id=key)


def _typed(text: str, before: str = "") -> str:
    """What a person typed: browsers send each end of a line as CR LF, whatever the value had."""
    unix = text.replace("\r\n", "\n")
    return unix.replace("\n", "\r\n") if "\r\n" in before else unix


def _runs(actors: set[str]) -> dict[str, int]:
    return dict(TaskRecord.objects.filter(record_id__in=actors - {""}).values_list("record_id", "pk"))


def _beginning(value: str) -> str:
    return value if len(value) <= _SHOWN else f"{value[:_SHOWN]}…"


def _url(view: str, pk: int) -> str:
    return reverse(f"admin:scheduler_cachedvalue_{view}", args=(pk,))
