"""A running console measured from its terminal: no process is missing, and the figures are the processes' own."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from tests.support.console import ROOT, Console
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.acceptance, pytest.mark.slow]

UP = r"VWED is running\."
ROLES = Counter(
    dict.fromkeys(("console", "web", "main", "sentinel", "pusher", "monitor", "io", "simulator", "demo"), 1)
    | {"worker": 2}
)
#: A process and what it told a second ago differ by no more; one that was replaced meanwhile differs by more.
NEAR = 0.25


@pytest.fixture
def console(tmp_path: Path) -> Iterator[Console]:
    made = Console(tmp_path)
    made.start("--prepare", "--demo", "--workers", "2")
    try:
        made.wait_for(UP)
        yield made
    finally:
        made.end()


def told(console: Console, *arguments: str) -> dict[str, Any]:
    """What ``monitor_memory`` says of it."""
    done = subprocess.run(
        [sys.executable, "manage.py", "monitor_memory", "--once", "--json", *arguments],
        cwd=ROOT,
        env=console.environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def measured(document: dict[str, Any]) -> bool:
    """Whether every process of the console is there and has told what it weighs."""
    roles = Counter(each["role"] for each in document["processes"])
    return roles == ROLES and all(each["pss"] or each["rss"] for each in document["processes"])


def test_every_process_of_a_running_console_is_sampled_and_named(console: Console) -> None:
    found: dict[str, Any] = {}

    def complete() -> bool:
        found.clear()
        found.update(told(console, "--maps"))
        return measured(found)

    wait_until(complete, 60, lambda: f"every process to be measured; {found}; {console.text()}")
    assert console.process is not None
    by_pid = {each["pid"]: each for each in found["processes"]}
    alive = {console.process.pid, *(each.pid for each in console.family())}
    assert alive == set(by_pid), "a process of the console is missing, or one is shown that is none"
    names = [each["series"] for each in found["processes"]]
    assert len(set(names)) == len(names)
    assert {"worker 1", "worker 2", "web", "console"} <= set(names)
    for pid, each in by_pid.items():
        real = psutil.Process(pid)
        assert each["parent_pid"] == real.ppid()
        assert each["rss"] == pytest.approx(real.memory_info().rss, rel=NEAR), each
        assert each["threads"] >= 1
        assert each["fds"] >= 3
        assert each["maps"]["pss"] > 0
    depths = {each["series"]: each["depth"] for each in found["processes"]}
    assert depths["console"] < depths["main"] < depths["sentinel"] < depths["worker 1"]
    assert found["sum"]["rss"] == sum(each["rss"] for each in found["processes"])
    assert 0 < found["size"] <= found["sum"]["rss"]

    # What a scraper and a load balancer see is the same system.
    ready = httpx.get(f"{console.address}/readyz", timeout=10)
    assert (ready.status_code, ready.json()["reasons"]) == (200, [])
    scraped = httpx.get(f"{console.address}/metrics", timeout=10).text
    shown = set(re.findall(r'vwed_process_memory_bytes{kind="rss",process="([^"]+)"', scraped))
    assert shown == set(names)
