"""What a child of the cluster does at its end."""

from __future__ import annotations

import logging
import threading

import pytest

from scheduler.process import Process
from scheduler.q2 import children


def test_a_child_says_what_somebody_forgot_to_end(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    closed: list[bool] = []
    monkeypatch.setattr(children, "close_connections", lambda: closed.append(True))
    process, go = Process("worker-1", "boot", "worker"), threading.Event()
    process.background.thread("housekeeper", lambda: None).join()
    process.background.thread("mule", go.wait, context="rows")

    with caplog.at_level(logging.WARNING):
        children.leave(process)

    assert [record.getMessage() for record in caplog.records] == ["worker-1 ends while mule still runs (rows)"]
    assert closed == [True]
    go.set()
    assert process.background.join(5) == []
