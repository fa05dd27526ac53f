"""The past of a chart as JSON, for the ranges of time that a page offers."""

from __future__ import annotations

from django.http import HttpRequest, JsonResponse
from django.views.decorators.http import require_GET

from scheduler import clock
from scheduler.errors import Refused
from vwed.console.permit import require_view
from vwed.monitoring import ranges


@require_GET
def history(request: HttpRequest) -> JsonResponse:
    """Answer ``?range=24h&chart=memory`` as ``ranges.read_chart`` describes it; 400 with words for anything else."""
    require_view(request, "scheduler.view_taskrecord")
    try:
        chart = ranges.read_chart(request.GET.get("chart", ""), request.GET.get("range", ""), clock.now())
    except Refused as refused:
        error = {"code": refused.code, "message": refused.message, "remedy": refused.remedy}
        return JsonResponse({"error": error}, status=400, headers={"Cache-Control": "no-store"})
    return JsonResponse(chart, headers={"Cache-Control": "no-store"})
