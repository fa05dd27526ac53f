"""A leak is planted in the workers of a real console: the verdict of the Memory page turns, and names what grows."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import House
from tests.support.console import ROOT, Console
from tests.support.waiting import wait_until

#: As many as the leak watch may need at most.
RUNS = 2000
_SUBMIT = f"""
import django
django.setup()
from tests.support import leak_runs
leak_runs.install()
leak_runs.run({RUNS}, 120)
"""


class LeakingConsole(Console):
    """Its workers keep 1 KB of every run for ever."""

    @property
    def environment(self) -> dict[str, str]:
        """As usual, with the planted settings."""
        return {**super().environment, "DJANGO_SETTINGS_MODULE": "tests.support.planted"}


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A console that leaks, without the demo."""
    console = LeakingConsole(tmp_path_factory.mktemp("leaking"))
    try:
        console.start("--prepare", "--workers", "2")
        said = console.wait_for(r"Log in\s+(?P<name>\w+)  with the password  (?P<password>\S+)", 90)
        yield House(console, said["name"], said["password"])
    finally:
        console.end()


def test_the_verdict_turns_and_names_type_and_block(
    house: House, open_page: Callable[..., Page], pictures: Path
) -> None:
    page = open_page()
    page.goto("/admin/memory/")
    verdict = page.locator("#verdict")
    expect(verdict).not_to_contain_text("PrintBp")

    subprocess.run([sys.executable, "-c", _SUBMIT], cwd=ROOT, env=house.console.environment, check=True, timeout=240)

    def told() -> bool:
        page.reload()
        return "PrintBp" in (verdict.text_content() or "")

    wait_until(lambda: told() or page.wait_for_timeout(1000), 40, lambda: f"a verdict: {verdict.text_content()}")
    expect(verdict).to_contain_text("bytes")
    expect(verdict).to_contain_text("PrintBp")
    page.screenshot(path=pictures / "leak.png", full_page=True)
