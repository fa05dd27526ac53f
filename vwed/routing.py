"""What the web process answers: HTTP by Django, ``/ws/live/`` by the live consumer, start and stop by us."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from channels.auth import AuthMiddlewareStack
from channels.routing import ProtocolTypeRouter, URLRouter
from channels.security.websocket import AllowedHostsOriginValidator
from django.urls import path

from vwed.live.broadcaster import Broadcaster
from vwed.live.consumer import LiveConsumer
from vwed.web_process import WebProcess

Asgi = Callable[[dict[str, Any], Callable[[], Awaitable[Any]], Callable[[Any], Awaitable[None]]], Awaitable[None]]


def build(pages: Asgi) -> ProtocolTypeRouter:
    """Return the application of one web process. It owns one broadcaster, shared by all its sockets."""
    process = WebProcess()
    broadcaster = Broadcaster(process.process.background)
    sockets = URLRouter([path("ws/live/", LiveConsumer.as_asgi(broadcaster=broadcaster))])
    return ProtocolTypeRouter(
        {
            "http": pages,
            "websocket": AllowedHostsOriginValidator(AuthMiddlewareStack(sockets)),
            "lifespan": process,
        }
    )
