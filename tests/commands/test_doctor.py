"""``manage.py doctor``: each trouble has its finding, each finding its remedy."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.contrib.auth import get_user_model
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder

from tests.commands.invoke import Ran, run
from tests.support.ports import free_port
from vwed import diagnosis


@pytest.fixture(autouse=True)
def no_fleet(settings) -> None:
    settings.FLEET_URL = f"http://127.0.0.1:{free_port()}"


def codes(ran: Ran, level: str = diagnosis.ERROR) -> set[str]:
    return {finding["code"] for finding in ran.json()["findings"] if finding["level"] == level}


@pytest.mark.django_db
def test_a_missing_fleet_is_named_with_its_address_and_a_remedy(settings) -> None:
    ran = run("doctor", "--json", "--port", str(free_port()))

    assert ran.code == 1
    (finding,) = [each for each in ran.json()["findings"] if each["code"] == "no_fleet"]
    assert settings.FLEET_URL in finding["message"]
    assert "fleet_simulator" in finding["remedy"]


@pytest.mark.django_db
def test_something_else_at_the_fleets_address_is_told_from_a_fleet(settings) -> None:
    with _web_server() as port:
        settings.FLEET_URL = f"http://127.0.0.1:{port}"

        assert "not_a_fleet" in codes(run("doctor", "--json"))


@pytest.mark.django_db
def test_nothing_is_wrong_when_the_fleet_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(diagnosis, "fleet", lambda: iter([diagnosis.Finding(diagnosis.OK, "fleet", "answers")]))
    ran = run("doctor", "--json", "--port", str(free_port()))

    assert codes(ran) == set()
    assert ran.code == 0
    assert ran.json()["ok"] is True


@pytest.mark.django_db
def test_every_error_and_note_has_a_remedy() -> None:
    findings = run("doctor", "--json").json()["findings"]

    assert [each for each in findings if each["level"] != diagnosis.OK and not each["remedy"]] == []


@pytest.mark.django_db
def test_a_database_that_is_not_migrated_is_told_with_the_command() -> None:
    (newest,) = MigrationLoader(connection).graph.leaf_nodes("vwed")
    MigrationRecorder(connection).record_unapplied(*newest)

    ran = run("doctor", "--json")

    assert ran.code == 1
    (finding,) = [each for each in ran.json()["findings"] if each["code"] == "not_migrated"]
    assert ".".join(newest) in finding["message"]
    assert "manage.py migrate" in finding["remedy"]


def test_a_database_that_cannot_be_opened_is_told_with_the_cause(
    settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, django_db_blocker
) -> None:
    from django.db import OperationalError

    def refuse() -> None:
        raise OperationalError("unable to open database file")

    monkeypatch.setattr(connection, "ensure_connection", refuse)
    findings = list(diagnosis.database())

    assert [finding.code for finding in findings] == ["database_unreachable"]
    assert "unable to open database file" in findings[0].message
    assert "DATABASE_URL" in findings[0].remedy


@pytest.mark.django_db
def test_a_port_that_is_taken_is_noted() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]

        ran = run("doctor", "--json", "--port", str(port))

    assert "port_taken" in codes(ran, diagnosis.NOTE)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"timeout": 60, "retry": 60}, "cluster_timeouts"),
        ({"timeout": None}, "cluster_timeouts"),
        ({"guard_cycle": 0.25}, "guard_cycle"),
    ],
)
def test_cluster_time_outs_that_do_not_fit_are_errors(settings, change: dict[str, object], code: str) -> None:
    settings.Q_CLUSTER = {**settings.Q_CLUSTER, **change}

    assert code in codes(run("doctor", "--json"))


@pytest.mark.django_db
def test_a_short_secret_key_is_an_error_and_debug_is_noted(settings) -> None:
    settings.SECRET_KEY, settings.DEBUG = "short", True
    ran = run("doctor", "--json")

    assert "secret_key" in codes(ran)
    assert "debug" in codes(ran, diagnosis.NOTE)


@pytest.mark.django_db
def test_redis_that_does_not_answer_is_an_error_only_when_it_is_configured(settings) -> None:
    assert "no_redis" in codes(run("doctor", "--json"), diagnosis.NOTE)
    settings.REDIS_URL = f"redis://127.0.0.1:{free_port()}/0"

    assert "no_redis" in codes(run("doctor", "--json"))


@pytest.mark.django_db
def test_an_administrator_is_missed_until_there_is_one() -> None:
    assert "no_administrator" in codes(run("doctor", "--json"), diagnosis.NOTE)
    get_user_model().objects.create_superuser("admin", password="irrelevant-here")

    assert "administrator" in codes(run("doctor", "--json"), diagnosis.OK)


def _web_server():
    """Something that speaks HTTP and is not a fleet."""
    import threading
    from contextlib import contextmanager
    from http.server import BaseHTTPRequestHandler, HTTPServer

    class Silent(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_error(404)

        def log_message(self, *_: object) -> None:
            pass

    @contextmanager
    def serve() -> Iterator[int]:
        server = HTTPServer(("127.0.0.1", 0), Silent)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            server.server_close()
            thread.join()

    return serve()
