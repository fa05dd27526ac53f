"""Sentences for codes: what a run waits for, what its log says. Code and arguments are stored; words come on reading.

An unknown code or a missing argument never breaks a page: the code and its arguments are shown as they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from scheduler.states import Status

WAITS: Mapping[str, Promise | str] = {
    "location": _("Needs {criteria}. None of {n} can be taken now."),
    "lane": _("Needs {criteria}. Lanes that can be used now: none of {n}."),
    "lock": _("Location {site} is locked by {holder}."),
    "unlock": _("Location {site} is locked by {holder}; waits until it is released."),
    "robot": _("No robot of {group} is free; order {order} queued at the fleet."),
    "order": _("{robot} executes order {order}: {state}."),
    "effect": _("Waits for the answer of {target}."),
    #: The same wait once a try has failed (its arguments carry the error).
    "effect_again": _("Waits for the answer of {target}; try {a} failed: {error}"),
    "unknown": _("Unknown whether {effect} happened before the crash."),
    "time": _("Continues at {time}."),
    #: Without a status: where a list does not look it up.
    "child": _("Waits for sub-task {id}."),
    "child_now": _("Waits for sub-task {id}: {status}."),
    "condition": _("Checks its condition every {period} ms; last result {value}."),
    "decision": _("Stopped at {block}: {error} Continue, skip the block, or cancel?"),
    "paused": _("Paused by {user}: {reason}."),
    #: The same without a reason: giving one is up to who pauses.
    "paused_simply": _("Paused by {user}."),
    "nobody": _("No live cluster serves queue {queue}."),
    "worker": _("Ready; {k} runs go first, {w} workers busy."),
    "scheduled": _("Starts at {time}."),
}

LOGS: Mapping[str, Promise | str] = {
    "block.print": "{message}",
    "input.note": _("Input: {note} {remedy}"),
    "task.mock-time": _("Stands for work of {ms} ms."),
    "task.marked-start": _("The work itself starts."),
    "task.marked-end": _("The work itself has ended."),
    "task.event": _("Published event {name}."),
    "task.unknown": _("There is no task record {id}."),
    "task.left-out": _("{name} of task record {id} is too long to be read."),
    "parallel.window": _("{count} branches; at most {at_once} run at a time, the rest follows."),
    "parallel.failed": _("{block} in {parallel} failed: {message} The branches beside it run to their end first."),
    "skip.begun": _("{block} skips to {target}."),
    "skip.reached": _("The skip has reached {block}."),
    "skip.missed": _("The skip to {target} never reached it; the rest of the task was skipped."),
    "log.shortened": _("This log keeps the newest {kept} lines; older ones were deleted."),
    "site.was-not-locked": _("Location {site} was not locked; there was nothing to unlock."),
    "waits_for_holder": _("Waits: location {site} is locked by {holder}."),
    "order.failed": _("The fleet reports a failure of order {order} ({robot}): {reason}"),
    "order.not-completed": _("The fleet refused to complete order {order}: {reason}. Complete or end it at the fleet."),
    "order.changed": _("The fleet gave up order {order} for a new robot or destination: {reason}"),
    "effect_repeated": _(
        "{operation} for order {order} may have arrived before a crash; it was repeated with the same id ({times})."
    ),
    "recovered": _("Worker {worker} died; the run goes on from its last checkpoint (recovery {count})."),
}


class _Lenient(dict[str, Any]):
    def __missing__(self, key: str) -> str:
        return f"{{{key}}}"


def _render(template: Promise | str | None, code: str, args: Mapping[str, Any]) -> str:
    if template is None:
        shown = ", ".join(f"{key}={value}" for key, value in args.items())
        return f"{code}: {shown}" if shown else code
    try:
        return str(template).format_map(_Lenient((key, "–" if value is None else value) for key, value in args.items()))
    except (ValueError, IndexError, AttributeError, KeyError):
        return f"{code}: {args}"


def _sentence(text: str) -> str:
    """The text with exactly one mark at its end: messages come with and without one."""
    text = text.rstrip(". \n")
    return text if text.endswith(("!", "?", "。", "！", "？")) else f"{text}."


def wait_sentence(code: str, args: Mapping[str, Any]) -> str:
    """The sentence for a wait code, in the active language."""
    shown = "effect_again" if code == "effect" and args.get("error") else code
    if code == "paused" and not args.get("reason"):
        shown = "paused_simply"
    if code == "child" and args.get("status") in Status.values:
        shown, args = "child_now", {**args, "status": Status(args["status"]).label}
    if code == "decision" and args.get("error"):
        args = {**args, "error": _sentence(str(args["error"]))}
    return _render(WAITS.get(shown), code, args)


def log_sentence(code: str, args: Mapping[str, Any]) -> str:
    """The sentence for a log code, in the active language."""
    return _render(LOGS.get(code), code, args)
