"""The same frame by HTTP, for pages that get no socket."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, JsonResponse

from scheduler import clock
from vwed.live import frames
from vwed.live.topics import TOPICS


def poll(request: HttpRequest) -> HttpResponse:
    """Answer ``?t=overview,…`` with one frame; topics without permission are named in ``deny``. At most 12 queries."""
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
