"""Response headers of the console."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils.decorators import sync_and_async_middleware

#: Alpine, which the theme is built on, compiles expressions: ``unsafe-eval`` is its price, inside the console only.
_CONSOLE = (
    "default-src 'none'; script-src 'self' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "font-src 'self'; connect-src 'self' {sockets}; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; "
    "object-src 'none'"
)
_ELSEWHERE = (
    "default-src 'none'; style-src 'self'; img-src 'self'; font-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)


def policy(request: HttpRequest) -> str:
    """Return the content security policy for the page that is asked for."""
    if not request.path.startswith("/admin/"):
        return _ELSEWHERE
    # Older Safari does not count ws: as 'self', so the host is named. A Host header that is not ours never gets here.
    scheme = "wss" if request.is_secure() else "ws"
    return _CONSOLE.format(sockets=f"{scheme}://{request.get_host()}")


@sync_and_async_middleware
def ContentSecurityPolicy(
    get_response: Callable[[HttpRequest], Any],
) -> Callable[[HttpRequest], Any]:
    """Send the policy with every response that has none of its own."""
    from asgiref.sync import iscoroutinefunction

    if iscoroutinefunction(get_response):

        async def waiting(request: HttpRequest) -> HttpResponse:
            response: HttpResponse = await get_response(request)
            response.headers.setdefault("Content-Security-Policy", policy(request))
            return response

        return waiting

    def direct(request: HttpRequest) -> HttpResponse:
        response: HttpResponse = get_response(request)
        response.headers.setdefault("Content-Security-Policy", policy(request))
        return response

    return direct
