"""A world in memory for the engine: clock, locations, fleet, and a port that keeps what would be rows.

For unit tests, benchmarks and the checks of a definition; nothing of it runs in production.
"""

from __future__ import annotations

from execution.testing.fleet import FakeFleet
from execution.testing.port import Crash, MemoryPort
from execution.testing.running import Result, run_plan
from execution.testing.sites import FakeSites, Site

__all__ = ["Crash", "FakeFleet", "FakeSites", "MemoryPort", "Result", "Site", "run_plan"]
