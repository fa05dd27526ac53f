"""Who may come in: the door of every action with settings, and the page that says why it is shut."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _

from scheduler.errors import Refused
from vwed.admin_base import page
from vwed.console.permit import require_view
from vwed.tuning import permissions
from vwed.tuning.permissions import May


def shut(request: HttpRequest, may: May, *, names: str, reason: str = "", action: str = "") -> HttpResponse | None:
    """The answer to a person who may not; nothing for one who may. A try (not a look) is an audit entry.

    Raises:
        PermissionDenied: the person only wanted to look.
    """
    if request.method != "POST":
        require_view(request, may)
        return None
    try:
        permissions.require(request.user, may, names=names, reason=reason, origin="page", action=action)
    except Refused as refused:
        return refusal(request, refused, status=403)
    return None


def refusal(request: HttpRequest, refused: Refused, *, status: int) -> HttpResponse:
    """A page with message, code and remedy."""
    context = {
        "title": _("You may not do this") if status == 403 else _("This was refused"),
        "error_icon": "lock" if status == 403 else "block",
        "text": f"{refused.message} ({refused.code})",
        "remedy": refused.remedy,
    }
    return page(request, "vwed/error.html", context, status=status)


def told(refused: Refused) -> str:
    """A refusal in one line: message, remedy and code."""
    return f"{refused.message} {refused.remedy}".strip() + f" ({refused.code})"
