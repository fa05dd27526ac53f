"""The page of cached values: who may do what, what is written down, and what a run changes meanwhile."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils.html import escape

from scheduler import cache, conf
from scheduler.models import AuditEntry, CachedValue, TaskRecord
from tests.web.conftest import ROLES

LIST = "/admin/scheduler/cachedvalue/"
HOSTILE = "\"><script>alert(1)</script>{{6007*6007}}' onload=x: alert(1), y"
WRITERS = ("Engineer", "Administrator")


def store(key: str, value: str, by: str = "somebody") -> CachedValue:
    with transaction.atomic():
        cache.write(key, value, by=by)
    return CachedValue.objects.get(key=key)


def url(row: CachedValue, view: str = "change") -> str:
    return f"{LIST}{row.pk}/{view}/"


def given(value: str, seen: str = "", reason: str = "because") -> dict[str, str]:
    return {"value": value, "seen": cache.fingerprint(seen), "reason": reason}


def audited() -> list[tuple[object, ...]]:
    return list(AuditEntry.objects.order_by("pk").values_list("actor", "action", "object_id", "refused", "reason"))


@pytest.fixture
def engineer(as_role: Callable[[str], Client]) -> Client:
    return as_role("Engineer")


@pytest.mark.parametrize("role", ROLES)
def test_everybody_reads_and_only_some_may_write(role: str, as_role: Callable[[str], Client]) -> None:
    row = store("k", "the value")
    client = as_role(role)
    AuditEntry.objects.all().delete()

    text = client.get(LIST).content.decode() + client.get(url(row)).content.decode()
    assert "the value" in text
    assert ("/cachedvalue/add/" in text) is ("<textarea" in text) is ("/delete/" in text) is (role in WRITERS)

    answers = [
        client.post(f"{LIST}add/", {"key": "new", "value": "1", "reason": "because"}),
        client.post(url(row), given("2", "the value")),
        client.post(url(row, "delete"), {"seen": cache.fingerprint("2"), "reason": "because"}),
    ]

    name, allowed = role.lower(), role in WRITERS
    assert [answer.status_code for answer in answers] == [302 if allowed else 403] * 3
    assert dict(CachedValue.objects.values_list("key", "value")) == ({"new": "1"} if allowed else {"k": "the value"})
    reason = "because" if allowed else ""
    assert audited() == [
        (name, "add_cached_value", "new", not allowed, reason),
        (name, "change_cached_value", "k", not allowed, reason),
        (name, "remove_cached_value", "k", not allowed, reason),
    ]


@pytest.mark.parametrize("view", ["change", "delete"])
def test_nothing_changes_on_get(view: str, engineer: Client) -> None:
    row = store("k", "1")
    answer = engineer.get(url(row, view), given("2", "1"))
    assert answer.status_code == 200
    assert cache.read("k") == "1"
    assert not audited()


@pytest.mark.parametrize("view", ["change", "delete"])
def test_a_reason_is_needed(view: str, engineer: Client) -> None:
    row = store("k", "1")
    for reason in ("", "no", "x" * 201):
        assert engineer.post(url(row, view), given("2", "1", reason)).status_code == 422
    assert cache.read("k") == "1"
    assert not audited()


def test_a_value_that_a_run_changed_meanwhile_is_shown_and_not_overwritten(engineer: Client) -> None:
    row = store("k", "old")
    seen = re.search(r'name="seen" value="(\w+)"', engineer.get(url(row)).content.decode())
    assert seen is not None
    store("k", "by the run", by="run-7")

    refused = engineer.post(url(row), {"value": "mine", "seen": seen[1], "reason": "because"})

    text = refused.content.decode()
    assert refused.status_code == 409
    assert escape("run-7 has changed the value of 'k' meanwhile") in text
    assert "by the run</pre>" in text
    assert "mine</textarea>" in text
    assert cache.read("k") == "by the run"

    fresh = re.search(r'name="seen" value="(\w+)"', text)
    assert fresh is not None
    again = engineer.post(url(row), {"value": "mine", "seen": fresh[1], "reason": "because"})
    assert again.status_code == 302
    assert cache.read("k") == "mine"


def test_a_value_that_changed_after_the_question_is_not_removed(engineer: Client) -> None:
    row = store("k", "old")
    seen = re.search(r'name="seen" value="(\w+)"', engineer.get(url(row, "delete")).content.decode())
    assert seen is not None
    store("k", "by the run")

    answer = engineer.post(url(row, "delete"), {"seen": seen[1], "reason": "because"}, follow=True)

    assert "has changed the value" in answer.content.decode()
    assert cache.read("k") == "by the run"


def test_a_value_that_is_gone_is_said(engineer: Client) -> None:
    row = store("k", "1")
    cache.clear("k")
    for view in ("change", "delete"):
        assert engineer.post(url(row, view), given("2", "1")).status_code == 404
    for pk in ("0", "9" * 30, "x", "1.5"):
        assert engineer.get(f"{LIST}{pk}/change/").status_code == 404


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("taken", "There is a value under"),
        ("", "This field is required"),
        ("x" * 191, "at most 190"),
        ("a\tb", "A key has 1 to 190"),
    ],
)
def test_a_key_that_cannot_be_is_refused_at_the_form(key: str, words: str, engineer: Client) -> None:
    store("taken", "1")
    answer = engineer.post(f"{LIST}add/", {"key": key, "value": "2", "reason": "because"})
    assert answer.status_code == 422
    assert words in answer.content.decode()
    assert list(CachedValue.objects.values_list("key", "value")) == [("taken", "1")]


def test_white_space_around_a_key_is_cut_off(engineer: Client) -> None:
    assert engineer.post(f"{LIST}add/", {"key": " a\u00a0", "value": "", "reason": "because"}).status_code == 302
    assert cache.read("a") == ""


def test_a_value_that_is_too_long_is_refused_at_the_form(engineer: Client) -> None:
    row = store("k", "1")
    conf.use(lambda: conf.Values(cache_text=100))
    answer = engineer.post(url(row), given("x" * 101, "1"))
    assert answer.status_code == 422
    assert "101 characters; the limit is 100" in answer.content.decode()
    assert cache.read("k") == "1"


@pytest.mark.parametrize("value", ["a\nb\n", "a\r\nb\r\n", "", " \n leading and trailing \n ", "\nfirst line empty"])
def test_a_value_that_is_saved_as_it_was_stays_as_it_was(value: str, engineer: Client) -> None:
    row = store("k", value)
    shown = re.search(r"<textarea[^>]*>\r?\n?(.*?)</textarea>", engineer.get(url(row)).content.decode(), re.DOTALL)
    assert shown is not None
    typed = re.sub("\r?\n", "\r\n", shown[1])  # as a browser sends it

    assert engineer.post(url(row), given(typed, value)).status_code == 302

    assert cache.read("k") == value
    assert not audited()


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_hostile_keys_and_values_stay_text(language: str, engineer: Client) -> None:
    engineer.cookies["django_language"] = language
    row = store(HOSTILE, HOSTILE, by=HOSTILE)
    question = {"X-Vwed-Dialog": "1"}
    pages = [
        engineer.get(LIST),
        engineer.get(url(row)),
        engineer.get(url(row, "delete")),
        engineer.get(url(row, "delete"), headers=question),
        engineer.post(url(row), given(HOSTILE, "not seen")),
        engineer.post(f"{LIST}add/", {"key": HOSTILE, "value": HOSTILE, "reason": HOSTILE}),
        engineer.post(url(row), given(HOSTILE * 2, HOSTILE), follow=True),
    ]
    for answer in pages:
        text = answer.content.decode()
        assert "<script>alert" not in text
        assert "36084049" not in text
    assert cache.read(HOSTILE) == HOSTILE * 2
    assert "<script>alert" not in engineer.get("/admin/scheduler/auditentry/").content.decode()


def test_the_list_searches_by_beginning_pages_by_key_and_reads_no_long_value(engineer: Client) -> None:
    for number in range(120):
        store(f"line-{number:03d}", "x" * 5000)
    store("other", "short")
    seen: list[str] = []
    page = ""
    while True:
        listing = engineer.get(f"{LIST}{page or '?q=line-'}").context["listing"]
        seen += [row.key for row in listing.rows]
        if not listing.next_url:
            break
        page = listing.next_url
    assert seen == [f"line-{number:03d}" for number in range(120)]

    with CaptureQueriesContext(connection) as queries:
        answer = engineer.get(LIST)
    assert len(answer.content) < 120_000
    assert "5\u202f000" in answer.content.decode()
    assert len(queries) <= 8, [query["sql"] for query in queries]


def test_who_stored_it_is_a_link_when_it_was_a_run(engineer: Client, make_record: Callable[..., TaskRecord]) -> None:
    run = make_record("run-1")
    rows = [store("k", "1", by="run-1"), store("m", "1", by="kim")]
    link = f"/admin/scheduler/taskrecord/{run.pk}/change/"
    assert link in engineer.get(LIST).content.decode()
    assert [link in engineer.get(url(row)).content.decode() for row in rows] == [True, False]


def test_an_empty_cache_says_what_it_is_for(engineer: Client) -> None:
    text = engineer.get(LIST).content.decode()
    assert "Nothing is stored" in text
    assert f'href="{LIST}"' in text, "the sidebar leads here"
