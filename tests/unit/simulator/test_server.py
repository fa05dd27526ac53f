"""``manage.py fleet_simulator`` as a real process over real HTTP."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import threading

import httpx
import pytest

from tests.support.simulator import SimulatorProcess
from tests.support.waiting import wait_until
from vwed.env import ROOT
from vwed.simulator import server


def test_an_order_runs_over_http_without_any_database() -> None:
    with SimulatorProcess(robots=1, speed=200) as fleet:
        fleet.post("/setOrder", {"id": "Auftrag/1 é", "blocks": [{"blockId": "b", "location": "A"}], "complete": True})
        wait_until(
            lambda: fleet.get("/orderDetails/Auftrag%2F1%20%C3%A9")["state"] == "FINISHED", 5, "the order to finish"
        )
        assert [call["call"] for call in fleet.calls()] == ["setOrder"]


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_silently_even_with_a_client_connected(how: signal.Signals) -> None:
    with SimulatorProcess() as fleet:
        fleet.get("/ping")
        code, said = fleet.stop(how)
    assert code in (0, -how)
    assert said == ""


def test_a_taken_port_is_named_with_a_remedy() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        done = subprocess.run(
            [sys.executable, str(ROOT / "manage.py"), "fleet_simulator", "--port", str(port)],
            capture_output=True,
            text=True,
            timeout=30,
        )
    assert done.returncode == 1
    assert f"Port {port} on 127.0.0.1 is taken" in done.stderr
    assert f"--port {port + 1}" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("arguments", [["--robots", "-1"], ["--port", "70000"], ["--speed", "0"], ["--speed", "fast"]])
def test_wrong_usage_is_refused_with_exit_code_2(arguments: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "manage.py"), "fleet_simulator", *arguments],
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert arguments[0] in done.stderr


@pytest.mark.parametrize(
    ("content", "status"),
    [(b"{broken", 400), (b"[" * 100_000, 400), (b"x" * (9 * 1024 * 1024), 413), (b"\xff\xfe", 400)],
)
def test_a_hostile_body_gets_an_answer_and_the_simulator_lives_on(content: bytes, status: int) -> None:
    with SimulatorProcess() as fleet:
        answer = fleet.client.post("/setOrder", content=content)
        assert (answer.status_code, answer.json()["code"]) == (status, 50000)
        assert fleet.get("/ping")["open"] == 0


def test_many_requests_at_once_are_all_answered() -> None:
    with SimulatorProcess(robots=4, speed=1000) as fleet:
        answers: list[int] = []

        def submit(start: int) -> None:
            with httpx.Client(base_url=fleet.url, timeout=20, trust_env=False) as client:
                for number in range(start, start + 50):
                    answers.append(client.post("/setOrder", json={"id": f"o{number}", "complete": True}).status_code)

        threads = [threading.Thread(target=submit, args=(50 * n,)) for n in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert answers == [200] * 200
        wait_until(lambda: fleet.get("/ping")["open"] == 0, 5, "all orders to end")
        page = fleet.post("/orders", {"ids": [f"o{n}" for n in range(200)], "size": 500})
        assert {order["state"] for order in page["list"]} == {"FINISHED"}
        assert page["total"] == 200


def test_a_bound_address_queues_requests_before_the_first_is_served() -> None:
    sock = server.bind("127.0.0.1", 0)
    with sock, socket.create_connection(sock.getsockname(), timeout=1) as client:
        assert client.getpeername() == sock.getsockname()
