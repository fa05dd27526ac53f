"""Frames of the live protocol, version 1: joined from texts that were made once per topic, never per socket."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import Any

VERSION = 1
#: Bytes of one frame; a larger one is replaced by the order to fetch the page again.
FRAME_LIMIT = 32 * 1024
#: Bytes of one message from a client.
MESSAGE_LIMIT = 1024
#: Topics of one socket.
TOPIC_LIMIT = 8


def dumps(value: Any) -> str:
    """Compact JSON text."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def frame(seq: int, now_ms: int, texts: Mapping[str, str], topics: Collection[str]) -> str:
    """The frame for a socket that hears ``topics``; those without a text yet are left out."""
    body = ",".join(f"{dumps(name)}:{texts[name]}" for name in topics if name in texts)
    text = f'{{"v":{VERSION},"seq":{seq},"now":{now_ms},"t":{{{body}}}}}'
    if len(text) > FRAME_LIMIT:
        return f'{{"v":{VERSION},"seq":{seq},"now":{now_ms},"t":{{}},"resync":1}}'
    return text


class BadMessage(Exception):
    """A client sent something that is no message of the protocol."""


def parse(text: str) -> tuple[str, list[str]]:
    """Return the operation and its topics.

    Raises:
        BadMessage: it is too long, no JSON object, an unknown operation or has too many topics.
    """
    if len(text.encode()) > MESSAGE_LIMIT:
        raise BadMessage("too long")
    try:
        message = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadMessage("no JSON") from error
    if not isinstance(message, dict) or message.get("op") not in ("sub", "hide", "show"):
        raise BadMessage("unknown operation")
    topics = message.get("topics", [])
    if not isinstance(topics, list) or len(topics) > TOPIC_LIMIT or not all(isinstance(t, str) for t in topics):
        raise BadMessage("topics")
    return message["op"], list(dict.fromkeys(topics))
