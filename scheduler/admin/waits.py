"""Why runs wait, in the language of the reader: sentences, obstacles, and links to whoever can end the wait."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.urls import reverse
from django.utils.dateparse import parse_datetime
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from scheduler import clock
from scheduler.explain import Reason
from scheduler.models import TaskRecord, Wait
from scheduler.sentences import wait_sentence
from storage.models import StorageRequest
from vwed.console import formats


@dataclass(frozen=True, slots=True)
class Link:
    """Where to go from here; no address for what has no page."""

    title: str | Promise
    url: str


@dataclass(frozen=True, slots=True)
class Obstacle:
    """One location that cannot be taken, and why; with the lane that it blocks."""

    site: str
    why: str | Promise
    holder: Link | None


@dataclass(frozen=True, slots=True)
class WaitCard:
    """One thing a run waits for, ready for the template. Seconds where a name ends in ``_s``."""

    reason: Reason
    tone: str
    sentence: str
    since_s: float | None
    left_s: float | None
    attempt: int | None
    attempts: int | None
    obstacles: Sequence[Obstacle]
    chain: Sequence[Link]
    links: Sequence[Link]
    #: What the last of a chain of sub-tasks waits for itself.
    below: str = ""


_TONES: Mapping[str, str] = {
    "decision": "decide",
    "unknown": "decide",
    "nobody": "bad",
    "worker": "idle",
    "scheduled": "idle",
    "paused": "idle",
}
_OBSTACLES: Mapping[str, Promise] = {
    "off": gettext_lazy("out of use"),
    "locked": gettext_lazy("locked by"),
    "content": gettext_lazy("other content"),
}
#: What a lane lacks when no location of it is in the way: a load that is wanted, or a place.
_NOTHING: Mapping[bool, Promise] = {True: gettext_lazy("nothing to take"), False: gettext_lazy("no place")}


def requests_of(waits: Iterable[Wait]) -> dict[str, StorageRequest]:
    """The storage requests behind waits, by the key of the wait. One query, none without such a wait."""
    keys = [wait.key.removeprefix("site:") for wait in waits if wait.key.startswith("site:")]
    if not keys:
        return {}
    return {f"site:{row.key}": row for row in StorageRequest.objects.filter(key__in=keys)}


def sentence(
    code: str, args: Mapping[str, Any], request: StorageRequest | None = None, due_ms: int | None = None
) -> str:
    """What a run waits for, with times, criteria and unknown names in the words of the active language."""
    words = {"reason": "–", "state": "–", **args}
    # The engine writes a dash when the task names neither a group nor a robot.
    named = (args.get("group"), args.get("vehicle"))
    words["group"] = next((name for name in named if name and name != "–"), _("any group"))
    words["time"] = _time(args.get("time"), due_ms)
    if request is not None:
        words["criteria"] = criteria(request)
    return wait_sentence(code, words)


def criteria(request: StorageRequest) -> str:
    """What a request looks for."""
    if request.site_id:
        return _("location %(site)s") % {"site": request.site_id}
    text = {True: _("a full location"), False: _("an empty location"), None: _("a location")}[request.filled]
    if request.lane_groups:
        text = _("%(what)s in lane %(lanes)s") % {"what": text, "lanes": ", ".join(request.lane_groups)}
    if request.group_name:
        text = _("%(what)s in group %(group)s") % {"what": text, "group": request.group_name}
    if request.content:
        text = _("%(what)s with content %(content)s") % {"what": text, "content": request.content}
    return text


def cards(reasons: Sequence[Reason], waits: Sequence[Wait], now: datetime) -> list[WaitCard]:
    """One card per reason; ``waits`` are its rows in the same order, if the run is waiting. Two queries."""
    requests = requests_of(waits)
    known = _known(reasons)
    rows: Sequence[Wait | None] = waits if len(waits) == len(reasons) else [None] * len(reasons)
    return [_card(reason, row, requests, known, now) for reason, row in zip(reasons, rows, strict=True)]


def _card(
    reason: Reason, wait: Wait | None, requests: Mapping[str, StorageRequest], known: Mapping[str, int], now: datetime
) -> WaitCard:
    request = requests.get(wait.key) if wait is not None else None
    since_s = (now - reason.since).total_seconds() if reason.since else None
    attempts = reason.args.get("of")
    return WaitCard(
        reason=reason,
        tone="decide" if reason.deadlock else _TONES.get(reason.code, "wait"),
        sentence=_("Deadlock: %(chain)s wait for each other.") % {"chain": " ← ".join(reason.chain)}
        if reason.deadlock
        else sentence(reason.code, reason.args, request, wait.due_ms if wait is not None else None),
        since_s=since_s,
        left_s=(reason.deadline - now).total_seconds() if reason.deadline else None,
        attempt=_attempt(reason, since_s, attempts),
        attempts=attempts,
        obstacles=[_obstacle(item, request, known) for item in reason.items],
        chain=[_link(part, known) for part in reason.chain],
        links=_links(reason, known),
        below=sentence(reason.below.code, reason.below.args) if reason.below is not None else "",
    )


def _known(reasons: Sequence[Reason]) -> dict[str, int]:
    """Primary keys of every run that the reasons name."""
    ids = {part for reason in reasons for part in (*reason.chain, reason.holder, str(reason.args.get("id", "")))}
    ids |= {str(item.get("holder", "")) for reason in reasons for item in reason.items}
    ids.discard("")
    return dict(TaskRecord.objects.filter(record_id__in=ids).values_list("record_id", "pk")) if ids else {}


def _attempt(reason: Reason, since_s: float | None, attempts: int | None) -> int | None:
    """Attempts are arithmetic: the share of the time until the deadline that has passed."""
    if not attempts or reason.deadline is None or reason.since is None or since_s is None:
        return reason.args.get("attempt")
    span = (reason.deadline - reason.since).total_seconds()
    return min(attempts, int(attempts * since_s / span)) if span > 0 else attempts


def _obstacle(item: Mapping[str, Any], request: StorageRequest | None, known: Mapping[str, int]) -> Obstacle:
    why = str(item.get("why", ""))
    word: str | Promise = _OBSTACLES.get(why, why)
    if why == "fill":
        word = _("empty") if request is not None and request.filled else _("full")
    site = str(item.get("site_id", ""))
    if item.get("lane"):
        word = word if site else _NOTHING[bool(request is not None and request.filled)]
        site = f"{item['lane']}: {site}" if site else str(item["lane"])
    holder = str(item.get("holder", ""))
    return Obstacle(site, word, _link(holder, known) if holder else None)


def _links(reason: Reason, known: Mapping[str, int]) -> list[Link]:
    found: list[Link] = []
    for record_id in (reason.holder, str(reason.args.get("id", ""))):
        if record_id in known:
            found.append(Link(_("Open %(id)s") % {"id": record_id}, _record_url(known[record_id])))
    if reason.code in ("location", "lane", "lock", "unlock"):
        found.append(Link(_("Storage map"), reverse("admin:storage_map")))
    if reason.code in ("nobody", "worker"):
        found.append(Link(_("Services"), reverse("admin:services")))
    return found


def _link(record_id: str, known: Mapping[str, int]) -> Link:
    return Link(record_id, _record_url(known[record_id]) if record_id in known else "")


def _record_url(pk: int) -> str:
    return reverse("admin:scheduler_taskrecord_change", args=(pk,))


def _time(text: Any, due_ms: int | None) -> str:
    moment = parse_datetime(text) if isinstance(text, str) else None
    if moment is None and due_ms is not None:
        moment = clock.from_ms(due_ms)
    return formats.moment(moment) or "–"
