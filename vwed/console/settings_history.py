"""The history of settings: the list, one change with who has it and how it went, and the ways back."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.contrib import messages
from django.db.models import Max
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from scheduler import clock
from scheduler.errors import Refused
from scheduler.q2 import renewal
from vwed.admin_base import page
from vwed.console import confirm
from vwed.console.confirm import Question
from vwed.console.listing import Filter, Listing
from vwed.console.permit import require_view
from vwed.console.settings_door import shut, told
from vwed.console.settings_words import ACKNOWLEDGED, STATES, moves, observed, outcome, verdict_sentence, window_word
from vwed.models import ChangeSet, ChangeState
from vwed.tuning import acknowledgement, changes, observation, stored
from vwed.tuning.acknowledgement import Acknowledgement, State
from vwed.tuning.permissions import May

#: Seconds after which the page reads itself again: while something is under way, and otherwise.
SOON_S, LATER_S = 1.5, 10.0
#: A scheduled change is under way when its time is so near.
NEAR = timedelta(seconds=2 * LATER_S)
_FILTER = Filter(
    "state",
    gettext_lazy("State"),
    [(str(state), STATES[state].word) for state in ChangeState],
    lambda rows, chosen: rows.filter(state=chosen),
)


def history(request: HttpRequest) -> HttpResponse:
    """Every change, the newest first. Three queries."""
    require_view(request, May.VIEW)
    listing = Listing(request, ChangeSet.objects.all(), filters=(_FILTER,))
    newest = stored.version()
    context = {
        "title": _("History of settings"),
        "listing": listing,
        "lines": [(row, moves(row), STATES[row.state], row.version == newest) for row in listing.rows],
        "may_roll_back": request.user.has_perm(May.ROLL_BACK),
    }
    return page(request, "vwed/pages/settings_history.html", context)


def change(request: HttpRequest, number: int) -> HttpResponse:
    """One change set: who has it, how the system did, and what can be done about it. At most 8 queries."""
    require_view(request, May.VIEW)
    row = ChangeSet.objects.prefetch_related("observations").filter(pk=number).first()
    if row is None:
        raise Http404
    newest = stored.version()
    near = row.state == ChangeState.SCHEDULED and row.effective_at <= clock.now() + NEAR
    found = acknowledgement.read(row.version) if row.version is not None else []
    columns = observation.columns(row) if row.version is not None else []
    replacing = [each.name for each in renewal.waiting()]
    able = [each for each in found if each.state is not State.CANNOT]
    needing = [each for each in found if each.state is State.NEEDS_REPLACEMENT]
    settled = not near and not replacing and all(each.state is State.APPLIED for each in able)
    context = {
        "title": _("Change %(n)d of settings") % {"n": row.pk},
        "row": row,
        "look": STATES[row.state],
        "moves": moves(row),
        "outcome": outcome(row),
        "is_newest": row.version == newest,
        "acknowledged": [(each, ACKNOWLEDGED[each.state]) for each in sorted(found, key=_first_the_open)],
        "able": len(able),
        "have": sum(each.state is State.APPLIED for each in able),
        "needing": needing,
        "replacing": replacing,
        "columns": [(window_word(column.hours), column) for column in columns],
        "observed": observed(columns),
        "verdict": verdict_sentence(columns) if columns else "",
        "every": int(1000 * (LATER_S if settled else SOON_S)),
        "before": _before(row),
        "may": {may.name.lower(): request.user.has_perm(may) for may in May},
    }
    return page(request, "vwed/pages/settings_change.html", context)


_ORDER = (State.NEEDS_REPLACEMENT, State.WAITING, State.APPLIED, State.CANNOT)


def _first_the_open(each: Acknowledgement) -> tuple[int, str, str]:
    return _ORDER.index(each.state), each.host, each.process


def _before(row: ChangeSet) -> int | None:
    """The number to roll back to for the values right before ``row``: 0 for before the oldest that is kept."""
    if row.version is None:
        return None
    older = ChangeSet.objects.filter(version__lt=row.version).aggregate(newest=Max("version"))["newest"]
    if older is None:
        return 0
    return int(ChangeSet.objects.values_list("pk", flat=True).get(version=older))


def roll_back(request: HttpRequest, number: int) -> HttpResponse:
    """Bring back the values right after change ``number`` (0: before the oldest kept): a new change set."""
    reason = request.POST.get("reason", "").strip()[: changes.REASON_MAX]
    closed = shut(request, May.ROLL_BACK, names=str(number), reason=reason)
    if closed is not None:
        return closed
    seen = request.POST.get("based_on", "")
    based_on = int(seen) if seen.isdecimal() and len(seen) < 19 else stored.version()
    try:
        found = changes.propose_roll_back(number)
    except Refused as refused:
        return _back_to_history(request, told(refused))
    if not found.items:
        return _back_to_history(request, _("These values are in force already. Nothing was changed."))
    question = Question(
        title=_("Roll settings back to change %(n)d") % {"n": number}
        if number
        else _("Roll settings back to before the oldest change"),
        consequence=[
            _("This is a new change; the history keeps the old ones."),
            *(" ".join(words) for words in found.problems.values()),
        ],
        verb=_("Roll back"),
        objects=[f"{item.parameter.name}: {item.before_text} → {item.after_text}" for item in found.items],
        reason_required=True,
        command=f"manage.py tune rollback {number} --reason TEXT",
        back=reverse("admin:settings_history"),
        # Of this moment, so that who is told that somebody was first can say yes to what is shown now.
        fields={"based_on": [str(found.based_on)]},
    )
    return _do(
        request,
        question,
        lambda why: changes.roll_back(
            number, reason=why, author=request.user.get_username(), origin="page", based_on=based_on
        ),
        _("Change %(n)d is in force; below you see which processes have it."),
    )


def _back_to_history(request: HttpRequest, words: str) -> HttpResponse:
    messages.warning(request, words)
    return HttpResponseRedirect(reverse("admin:settings_history"))


def cancel(request: HttpRequest, number: int) -> HttpResponse:
    """Give up a scheduled change."""
    reason = request.POST.get("reason", "").strip()[: changes.REASON_MAX]
    closed = shut(request, May.SCHEDULE, names=str(number), reason=reason, action="cancel_setting")
    if closed is not None:
        return closed
    row = ChangeSet.objects.filter(pk=number).first()
    if row is None:
        raise Http404
    question = Question(
        title=_("Cancel the scheduled change %(n)d") % {"n": number},
        consequence=[_("It will not be applied; the history keeps it as cancelled.")],
        verb=_("Cancel the change"),
        objects=[f"{each.name}: {each.before} → {each.after}" for each in moves(row)],
        danger=True,
        reason_required=True,
        command=f"manage.py tune cancel {number} --reason TEXT",
        back=reverse("admin:settings_change", args=(number,)),
    )
    return _do(
        request,
        question,
        lambda why: changes.cancel(number, reason=why, author=request.user.get_username(), origin="page"),
        _("Change %(n)d is cancelled."),
    )


def _do(request: HttpRequest, question: Question, act: Callable[[str], ChangeSet], done: str) -> HttpResponse:
    """Ask, act, and lead to the page of the change."""
    answer = confirm.ask(request, question)
    if isinstance(answer, HttpResponse):
        return answer
    try:
        row = act(answer.reason)
    except Refused as refused:
        return confirm.show(request, question, error=_first(refused))
    messages.success(request, done % {"n": row.pk})
    return HttpResponseRedirect(reverse("admin:settings_change", args=(row.pk,)))


def _first(refused: Refused) -> str:
    """A refusal; of one that somebody else was first also what they changed."""
    words = told(refused)
    if isinstance(refused, changes.ChangedMeanwhile):
        theirs = "; ".join(
            f"{row.pk}: {', '.join(f'{each.name}: {each.before} → {each.after}' for each in moves(row))}"
            for row in refused.theirs[:3]
        )
        return f"{words} {theirs}"
    return words


def replace_clusters(request: HttpRequest) -> HttpResponse:
    """Ask every cluster to replace its processes, drained, one after another; leads back to the change."""
    given: Any = request.POST if request.method == "POST" else request.GET
    number = given.get("change", "")
    known = number.isdecimal() and len(number) < 19
    back = reverse("admin:settings_change", args=(int(number),)) if known else reverse("admin:settings")
    reason = request.POST.get("reason", "").strip()[: changes.REASON_MAX]
    closed = shut(request, May.CHANGE, names=number[:20], reason=reason, action="replace_clusters")
    if closed is not None:
        return closed
    question = Question(
        title=_("Replace the clusters"),
        consequence=[
            _("One cluster after another gets new processes; the next one only when the one before works again."),
            _("Their runs come to their next block and go on in the new processes. No run is lost or started twice."),
        ],
        verb=_("Replace the clusters"),
        reason_required=True,
        command="manage.py tune replace-clusters --reason TEXT",
        back=back,
        fields={"change": [number]} if known else {},
    )
    answer = confirm.ask(request, question)
    if isinstance(answer, HttpResponse):
        return answer
    try:
        asked = renewal.request(actor=request.user.get_username(), reason=answer.reason, origin="page")
    except Refused as refused:
        messages.error(request, told(refused))
    else:
        messages.success(request, _("Clusters asked to replace their processes: %(n)d.") % {"n": asked})
    return HttpResponseRedirect(back)
