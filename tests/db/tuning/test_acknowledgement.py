"""Who has a change in force, who has not yet, and who cannot tell."""

from __future__ import annotations

import pytest

from scheduler.housekeeping import rows
from scheduler.models import ProcessRow
from vwed.tuning import acknowledgement, changes
from vwed.tuning.acknowledgement import State

pytestmark = pytest.mark.django_db


def process(role: str, version: int = 0, **sample: object) -> None:
    key = rows.register(f"{role}-1", role, "boot", sample=sample)
    ProcessRow.objects.filter(pk=key).update(settings_version=version)


def states(version: int) -> dict[str, State]:
    return {each.role: each.state for each in acknowledgement.read(version)}


def test_each_process_is_named_with_its_state() -> None:
    row = changes.commit({"workers": "3"}, reason="more work", author="li", origin="page")
    version = row.version or 0
    process("main", generation_version=version - 1)
    process("worker", version, settings_at=1_772_000_000_000, settings_digest="abc")
    process("io", version - 1)
    for role in ("sentinel", "monitor", "console", "simulator", "demo"):
        process(role)

    assert states(version) == {
        "main": State.NEEDS_REPLACEMENT,
        "worker": State.APPLIED,
        "io": State.WAITING,
        "sentinel": State.CANNOT,
        "monitor": State.CANNOT,
        "console": State.CANNOT,
        "simulator": State.CANNOT,
        "demo": State.CANNOT,
    }
    found = {each.role: each for each in acknowledgement.read(version)}
    assert found["worker"].at is not None
    assert found["worker"].digest == "abc"
    assert all(each.why for each in found.values() if each.state is not State.APPLIED)

    ProcessRow.objects.filter(role="main").update(sample={"generation_version": version})
    assert states(version)["main"] is State.APPLIED


def test_without_a_need_the_main_is_not_asked() -> None:
    row = changes.commit({"max_retries": "3"}, reason="short waits", author="li", origin="page")
    process("main", generation_version=0)

    assert states(row.version or 0)["main"] is State.CANNOT
