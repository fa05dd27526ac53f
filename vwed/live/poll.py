"""The same frame by HTTP, for pages that get no socket."""

from __future__ import annotations

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_POST

from scheduler import clock
from vwed.live import frames
from vwed.live.topics import TOPICS


def poll(request: HttpRequest) -> HttpResponse:
    """Answer ``?t=overview,…`` with one frame; topics without permission are named in ``deny``.

    Each topic costs what its reader says, the Overview 17 queries at most.
    """
    asked = [name for name in request.GET.get("t", "").split(",") if name][: frames.TOPIC_LIMIT]
    allowed = [name for name in asked if name in TOPICS and request.user.has_perm(TOPICS[name].permission)]
    now = clock.now_ms()
    content = {
        "v": frames.VERSION,
        "seq": now,
        "now": now,
        "t": {name: TOPICS[name].reader()() for name in allowed},
        "deny": {name: "perm" if name in TOPICS else "unknown" for name in asked if name not in allowed},
    }
    return JsonResponse(content, headers={"Cache-Control": "no-store"})


@require_POST
def keep(request: HttpRequest) -> HttpResponse:
    """Keep a wall display signed in: its login lasts from now on as long as one that was just made."""
    if not request.user.has_perm("scheduler.wall_display"):
        raise PermissionDenied
    request.session.modified = True
    return HttpResponse(status=204)
