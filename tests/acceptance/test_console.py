"""``manage.py console`` as a new user meets it: it starts, says where to click, survives its children, and ends."""

from __future__ import annotations

import re
import socket
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from tests.support.console import Console, alive
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.acceptance, pytest.mark.slow]

UP = r"VWED is running\.\s+Open\s+(?P<url>\S+)\s+Log in\s+(?P<who>.+)"


@pytest.fixture
def console(tmp_path: Path) -> Iterator[Console]:
    made = Console(tmp_path)
    yield made
    made.end()


def rows(console: Console, query: str) -> list[tuple[object, ...]]:
    connection = sqlite3.connect(console.directory / "console.sqlite3", timeout=20)
    try:
        return connection.execute(query).fetchall()
    finally:
        connection.close()


def log_in(console: Console, name: str, password: str) -> httpx.Response:
    with httpx.Client(base_url=console.address, follow_redirects=False) as client:
        page = client.get("/admin/login/")
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page.text)
        assert token, page.text[:500]
        form = {"username": name, "password": password, "csrfmiddlewaretoken": token[1], "next": "/admin/"}
        return client.post("/admin/login/", data=form, headers={"Referer": console.address})


def test_the_demo_comes_alive_and_one_ctrl_c_ends_all_of_it_within_five_seconds(console: Console) -> None:
    console.start("--prepare", "--demo", "--workers", "2")
    said = console.wait_for(UP)

    assert said["url"] == f"{console.address}/admin/"
    name, password = re.search(r"(\w+)  with the password  (\w+) ", said["who"]).groups()  # type: ignore[union-attr]
    assert log_in(console, name, password).status_code == 302
    wait_until(
        lambda: rows(console, "SELECT 1 FROM scheduler_taskrecord WHERE status = 'finished'"),
        60,
        lambda: f"a run of the demo finished; {console.text()}",
    )
    # web, simulator, demo; cluster main, sentinel, pusher, monitor, io and two workers
    assert len(console.family()) >= 10

    seconds = console.ctrl_c()

    assert seconds <= 5, f"the end took {seconds:.1f} s: {console.text()}"
    assert "Everything has stopped." in console.text()
    assert "Traceback" not in console.text()
    assert "killed" not in console.text()


def test_running_it_again_keeps_the_data_and_makes_no_second_password(console: Console) -> None:
    console.start("--prepare", "--demo", "--workers", "1")
    console.wait_for(UP)
    console.ctrl_c()
    before = (
        rows(console, "SELECT password FROM auth_user"),
        rows(console, "SELECT COUNT(*) FROM storage_storagelocation"),
    )

    console.start("--prepare", "--demo", "--workers", "1")
    said = console.wait_for(UP)
    console.ctrl_c()

    assert "password was shown at the first start" in said["who"]
    assert "Demo warehouse" not in console.text()
    after = (
        rows(console, "SELECT password FROM auth_user"),
        rows(console, "SELECT COUNT(*) FROM storage_storagelocation"),
    )
    assert after == before


def test_without_demo_it_starts_empty_and_a_child_that_dies_is_started_again(console: Console) -> None:
    console.start("--prepare", "--workers", "1")
    console.wait_for(UP)
    assert rows(console, "SELECT COUNT(*) FROM storage_storagelocation") == [(0,)]
    assert not any("fleet_simulator" in " ".join(each.cmdline()) for each in console.family())

    web = next(each for each in console.family() if "uvicorn" in " ".join(each.cmdline()))
    web.kill()
    console.wait_for(r"web was ended by SIGKILL; it is started again in 0\.5 s")

    wait_until(lambda: _answers(console), 30, "the web process answering again")
    assert console.ctrl_c() <= 5


def test_no_process_survives_a_console_that_is_killed(console: Console) -> None:
    console.start("--prepare", "--demo", "--workers", "1")
    console.wait_for(UP)
    family = console.family()
    assert console.process is not None
    console.process.kill()
    console.process.wait()

    wait_until(lambda: not any(alive(each) for each in family), 10, lambda: f"no orphans: {_names(family)}")


def test_a_port_that_is_taken_is_told_with_a_remedy_before_anything_starts(console: Console) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", console.port))
        listener.listen()
        console.start("--prepare")
        console.wait_for(rf"Port {console.port} .*--port {console.port + 1}")
        assert console.process is not None
        assert console.process.wait(20) == 1

    assert not (console.directory / "console.sqlite3").exists(), (
        "the database was touched before the port was looked at"
    )


def test_a_database_that_is_not_migrated_is_told_with_the_command(console: Console) -> None:
    console.start()
    console.wait_for(r"not migrated.*manage\.py migrate")
    assert console.process is not None

    assert console.process.wait(20) == 1
    assert "Traceback" not in console.text()


def _answers(console: Console) -> bool:
    try:
        return httpx.get(f"{console.address}/healthz", timeout=2).status_code == 200
    except httpx.HTTPError:
        return False


def _names(family: list[psutil.Process]) -> list[str]:
    return [" ".join(each.cmdline()) for each in family if alive(each)]
