"""Lanes for storage tests: made in one line, changed by anybody, waited for by runs."""

from __future__ import annotations

from collections.abc import Callable

from django.db import transaction

from storage import matching
from storage.finding import Waiting
from tests.db.storage.warehouse import Bell, build, find_in_lane


def lane(*loads: str, group: str = "L") -> None:
    """A lane from the aisle inwards: ``-`` is an empty place, anything else what lies there."""
    for number, load in enumerate(loads, start=1):
        build(f"{group}_{number}", group=group, filled=load != "-", content="" if load == "-" else load)


def change(command: Callable[[], object], *sites: str) -> Bell:
    """A command of anybody, and the match that its caller owes."""
    bell = Bell()
    with transaction.atomic():
        command()
    matching.match(sites, bell)
    return bell


def wait(holder: str, *groups: str, filled: bool, **wish: object) -> Waiting:
    outcome = find_in_lane(holder, *groups, filled=filled, **wish)  # type: ignore[arg-type]
    assert isinstance(outcome, Waiting)
    matching.match_request(outcome.key, Bell())
    return outcome
