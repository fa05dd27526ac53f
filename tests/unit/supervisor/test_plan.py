"""The plan reaches the supervisor unchanged, and the supervisor is a small program."""

from __future__ import annotations

import subprocess
import sys

from vwed.supervisor.children import Program
from vwed.supervisor.plan import Plan

PLAN = Plan((Program("web", ("python", "-m", "x"), {"A": "ä"}),), "127.0.0.1", 8000, ("", "Log in  admin  secret"))


def test_a_plan_survives_the_pipe() -> None:
    assert Plan.from_json(PLAN.to_json()) == PLAN


def test_the_supervisor_loads_neither_django_nor_a_http_library() -> None:
    code = "import sys, vwed.supervisor.__main__; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()

    assert "vwed.supervisor.loop" in loaded
    assert not {"django", "httpx", "asyncio", "ssl", "http.client"} & set(loaded)
