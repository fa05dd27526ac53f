"""``manage.py probe``: look into the memory of a live process, as the Memory page does."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Mapping
from typing import Any

from scheduler.models import Probe
from scheduler.probes import asking
from scheduler.probes.kinds import OPEN, TRACE_LEAST_S, TRACE_MOST_S, Kind, State
from vwed.management.action import ActionCommand, Answer, actor
from vwed.monitoring.probe_text import lines

#: Seconds that are waited beyond those of the look itself, unless told otherwise.
WAIT_S = 60.0
_LOOK_EVERY_S = 0.25


class Command(ActionCommand):
    help = (
        "Asks a live process about its memory through its housekeeper: garbage collection, histogram of types, "
        "allocations by line, mappings, threads. The answer is kept for 24 hours and stands on the Memory page too."
    )

    def arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("process", metavar="PROCESS", help="its name, as the Memory page shows it")
        parser.add_argument("--kind", choices=list(Kind), default=Kind.SNAPSHOT, help="what to ask (default: snapshot)")
        parser.add_argument(
            "--seconds", type=float, metavar="N", help=f"of a trace: {TRACE_LEAST_S} to {TRACE_MOST_S} (default 20)"
        )
        parser.add_argument("--wait", type=float, metavar="S", help="wait for the answer so long; 0: only ask")
        parser.add_argument("--reason", default="", help="why, for the audit log")

    def act(self, options: Mapping[str, Any]) -> Answer:
        probe = asking.ask(
            options["process"],
            options["kind"],
            seconds=options["seconds"],
            actor=actor(),
            origin="command",
            reason=options["reason"],
        )
        wait = probe.seconds + WAIT_S if options["wait"] is None else max(0.0, options["wait"])
        probe = _followed(probe, time.monotonic() + wait)
        return Answer(document(probe), "\n".join(lines(probe)), _failure(probe, wait))


def _followed(probe: Probe, until: float) -> Probe:
    """The probe as it is when it has ended, or at ``until``. Ends it itself when its process has died."""
    while True:
        probe.refresh_from_db()
        left = until - time.monotonic()
        if probe.state not in OPEN or left <= 0:
            return probe
        time.sleep(min(_LOOK_EVERY_S, left))
        asking.settle()


def _failure(probe: Probe, waited: float) -> str:
    if probe.state in (State.FAILED, State.EXPIRED):
        return f"Probe {probe.pk} of {probe.process} is {probe.state}: {probe.error}."
    if probe.state in OPEN and waited:
        return (
            f"Probe {probe.pk} of {probe.process} is still {probe.state} after {waited:g} s; look at the Memory page."
        )
    return ""


def document(probe: Probe) -> dict[str, Any]:
    """A probe as JSON."""
    return {
        "id": probe.pk,
        "process": probe.process,
        "kind": probe.kind,
        "seconds": probe.seconds,
        "state": probe.state,
        "asked_by": probe.asked_by,
        "asked_at": probe.asked_at.isoformat(),
        "ended_at": probe.ended_at.isoformat() if probe.ended_at else None,
        "error": probe.error,
        "result": json.loads(probe.result) if probe.result else None,
    }
