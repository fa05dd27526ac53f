"""Withdrawing a storage request: asked first, then done by ``scheduler.commands.sites`` (audit, wake, next in line)."""

from __future__ import annotations

import shlex

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _

from scheduler.admin.waits import criteria
from scheduler.commands import sites
from storage.admin.location_actions import OPERATE
from storage.models import StorageRequest
from storage.states import LIVE
from vwed.console.confirm import Question, ask
from vwed.console.permit import require


def withdraw(request: HttpRequest, pk: int) -> HttpResponse:
    """Ask, then withdraw it."""
    row = StorageRequest.objects.filter(pk=pk).first()
    if row is None:
        raise Http404
    require(request, OPERATE, action="withdraw_request", object_type="request", object_id=row.key)
    back = HttpResponseRedirect(reverse("admin:storage_storagerequest_changelist"))
    if row.state in LIVE:
        question = Question(
            title=_("Withdraw the request of run %(run)s") % {"run": row.holder},
            consequence=[
                _("It waits for %(criteria)s.") % {"criteria": criteria(row)},
                _("Its block fails; if the task does not catch that, the run stops and waits for a decision."),
                _("To end the run itself, cancel it instead."),
            ],
            verb=_("Withdraw"),
            danger=True,
            reason_required=True,
            command=f"manage.py locations withdraw {shlex.quote(row.holder)} --reason TEXT",
            back=back.url,
        )
        answer = ask(request, question)
        if isinstance(answer, HttpResponse):
            return answer
        who = request.user.get_username()
        if sites.withdraw_request([row.key], actor=who, origin="page", reason=answer.reason).done:
            messages.success(request, _("The request was withdrawn; its run is told."))
            return back
    messages.warning(request, _("The request has ended meanwhile; nothing was done."))
    return back
