"""The Memory page tells what each process does in the background."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from scheduler import clock
from scheduler.background import Background
from scheduler.models import ProcessRow

HOSTILE = '"><script>alert(1)</script>{{6007*6007}}'


@pytest.fixture
def admin(as_role: Callable[[str], Client]) -> Client:
    return as_role("root")


def process(name: str, **sample: Any) -> ProcessRow:
    now = clock.now()
    return ProcessRow.objects.create(
        name=name, role="io", boot_id="b", host="h", pid=1, started_at=now, beat_at=now, sample=sample
    )


def table(page: str) -> str:
    found = re.search(r'<section class="vw-card" id="background">.*?</section>', page, re.DOTALL)
    assert found
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", found[0]))


def test_background_tasks_stand_with_context_age_and_counts(admin: Client) -> None:
    register = Background()

    def fail() -> None:
        raise ValueError("broken")

    register.thread("reader", fail, context="rows").join()
    with register.executor("io-database", context="io"):
        told = register.report()
    told["io-database"]["now"][0][1] = 125.0
    process("io-1", background=told)

    words = table(admin.get("/admin/memory/").content.decode())

    assert re.search(r"running io-database io-1 io 2 m 0\d s 1 1 0 0 0", words), words
    assert re.search(r"failed reader io-1 error ValueError: broken – 0 1 0 1 0", words), words


def test_many_of_one_kind_are_one_row(admin: Client) -> None:
    now = [[f"login {number}", 1.0] for number in range(3)]
    counts = {"running": 40, "started": 90, "done": 0, "failed": 0, "cancelled": 50, "last": "cancelled", "error": ""}
    process("web-1", background={"live-sender": {**counts, "now": now}})

    words = table(admin.get("/admin/memory/").content.decode())

    assert "login 0, login 1, login 2 +37" in words
    assert words.count("live-sender") == 1


def test_without_a_word_of_any_process_the_page_says_so(admin: Client) -> None:
    assert "No process has told of background tasks yet" in admin.get("/admin/memory/").content.decode()
    process("old-1", rss=5)
    gone = process("gone-1", background={"housekeeper": {"running": 1, "started": 1, "now": []}})
    ProcessRow.objects.filter(pk=gone.pk).update(ended_at=clock.now() - timedelta(seconds=5))
    assert "No process has told of background tasks yet" in admin.get("/admin/memory/").content.decode()


def test_what_a_sample_holds_becomes_no_script_and_a_strange_one_breaks_nothing(admin: Client) -> None:
    process("io-1", background={HOSTILE: {"running": 1, "started": 1, "now": [[HOSTILE, 3]], "error": HOSTILE}})
    process("io-2", background="no map")
    process("io-3", background={"reader": {"last": "odd"}})

    answer = admin.get("/admin/memory/")

    assert answer.status_code == 200
    assert "<script>alert" not in answer.content.decode()
    assert "36084049" not in answer.content.decode()
    assert "reader" in table(answer.content.decode())


def test_the_page_costs_the_same_queries_however_many_run(admin: Client) -> None:
    admin.get("/admin/memory/")
    for number in range(30):
        process(f"worker-{number}", background={"housekeeper": {"running": 1, "started": 1, "now": [["worker", 9.0]]}})
    with CaptureQueriesContext(connection) as queries:
        admin.get("/admin/memory/")
    assert len(queries) <= 9, [query["sql"] for query in queries]
