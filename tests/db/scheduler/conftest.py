"""The doorbell's socket belongs to the process, not to the test that happens to ring first."""

from __future__ import annotations

import pytest

from scheduler import doorbell


@pytest.fixture(scope="session", autouse=True)
def bell(django_db_setup: None) -> None:
    """Open it before anything is counted."""
    doorbell.ring_now(doorbell.RUNS)
