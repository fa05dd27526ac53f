"""The Settings pages: what is shown, who may do what, what is refused and with which words."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone

from scheduler import clock
from scheduler.housekeeping import rows
from scheduler.models import AuditEntry, ProcessRow
from vwed.models import ChangeSet, ChangeState, Observation
from vwed.tuning import changes, files, stored
from vwed.tuning.observation import HOURS, METRICS
from vwed.tuning.parameters import GROUPS, PARAMETERS

pytestmark = pytest.mark.django_db

PAGE = "/admin/settings/"
WHO = {"reason": "more trucks", "author": "li", "origin": "page"}


def _text(client: Client, url: str = PAGE) -> str:
    return client.get(url).content.decode()


def send(client: Client, step: str, **values: Any) -> Any:
    """Edit fields (by their names) of the form as it is now and send it."""
    base = {"based_on": str(stored.version()), "step": step}
    fields = {f"was.{each.parameter.name}": each.text for each in stored.effective().values()}
    fields |= {f"v.{name[4:]}": text for name, text in fields.items()}
    edited = {f"v.{name}": text for name, text in values.items() if name not in ("reason", "when", "at", "based_on")}
    rest = {name: text for name, text in values.items() if name in ("reason", "when", "at", "based_on")}
    return client.post(PAGE, {**base, **fields, **edited, **rest})


def save(client: Client, **values: Any) -> Any:
    return send(client, "save", **{"reason": "more trucks", "when": "now", **values})


def test_every_setting_is_there_with_value_default_bounds_source_and_effect(
    as_role: Callable[[str], Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VWED_POOL_RECYCLE_S", "600")
    row = changes.commit({"max_retries": "77"}, **WHO)

    answer = as_role("Engineer").get(PAGE)
    text = answer.content.decode()
    lines = {each.parameter.name: each for group in answer.context["groups"] for each in group.rows}

    assert list(lines)
    assert set(lines) == {parameter.name for parameter in PARAMETERS}
    assert [group.code for group in answer.context["groups"]] == [code for code, _title in GROUPS]
    assert (lines["max_retries"].text, lines["max_retries"].default, lines["max_retries"].change) == (
        "77",
        "1000",
        row.pk,
    )
    assert (lines["pool_recycle"].text, lines["pool_recycle"].source) == ("600", stored.Source.ENVIRONMENT)
    assert "VWED_POOL_RECYCLE_S" in text
    assert f'href="/admin/settings/history/{row.pk}/"' in text
    assert lines["max_retries"].bounds == "1 – 1\u202f000\u202f000"
    for name in lines:
        assert f'id="v-{name}"' in text


@pytest.mark.parametrize("role", ["Viewer", "Operator"])
def test_who_may_not_change_sees_values_and_no_form(role: str, as_role: Callable[[str], Client]) -> None:
    text = _text(as_role(role))

    assert 'name="v.pool_size"' not in text
    assert "data-vw-review" not in text
    assert 'data-setting="pool_size"' in text


def test_a_change_is_reviewed_with_its_cost_and_then_saved(as_role: Callable[[str], Client]) -> None:
    client = as_role("Engineer")

    page = send(client, "review", workers="9", max_retries="77")

    assert page.status_code == 200
    assert [each["item"].parameter.name for each in page.context["items"]] == ["workers", "max_retries"]
    projected = {each["line"].code: each["line"] for each in page.context["projection"]}
    assert projected["connections"].changed
    assert projected["workers"].changed
    assert not ChangeSet.objects.exists(), "a review changes nothing"

    saved = save(client, workers="9", max_retries="77")

    row = ChangeSet.objects.get()
    assert saved.status_code == 302
    assert saved["Location"] == f"/admin/settings/history/{row.pk}/"
    assert (row.author, row.reason, row.origin, row.state) == ("engineer", "more trucks", "page", "applied")
    assert set(row.difference) == {"workers", "max_retries"}
    assert AuditEntry.objects.filter(action="change_setting", actor="engineer", refused=False).count() == 2


def test_only_edited_fields_are_wanted_and_an_empty_one_goes_back(as_role: Callable[[str], Client]) -> None:
    changes.commit({"max_retries": "77"}, **WHO)

    save(as_role("Engineer"), max_retries="", pool_size=" 12 ")

    assert ChangeSet.objects.first().difference == {  # type: ignore[union-attr]
        "max_retries": {"before": "77", "after": None},
        "pool_size": {"before": None, "after": "12"},
    }


@pytest.mark.parametrize("step", ["review", "save"])
def test_what_is_not_allowed_is_told_at_its_field_and_nothing_typed_is_lost(
    step: str, as_role: Callable[[str], Client]
) -> None:
    client = as_role("Engineer")

    answer = send(
        client, step, pool_size="0", cluster_timeout="7200", max_retries="many", plan_cache="99", reason="more trucks"
    )

    assert answer.status_code == 422
    lines = {each.parameter.name: each for group in answer.context["groups"] for each in group.rows}
    assert "from 1 to 500" in lines["pool_size"].problems[0]
    assert "must be below the retry time" in lines["cluster_timeout"].problems[0]
    assert "is not a value" in lines["max_retries"].problems[0]
    assert (lines["plan_cache"].text, lines["plan_cache"].problems) == ("99", ())
    assert lines["max_retries"].text == "many"
    assert re.search(r'id="v-pool_size"[^>]*aria-invalid="true"', answer.content.decode())
    assert stored.version() == 0


def test_a_form_cannot_bring_in_what_does_not_exist(as_role: Callable[[str], Client]) -> None:
    answer = as_role("Engineer").post(
        PAGE, {"step": "save", "based_on": "0", "v.nonsense": "1", "reason": "more trucks", "when": "now"}
    )

    assert answer.status_code == 302
    assert not ChangeSet.objects.exists()


@pytest.mark.parametrize("reason", ["", " x ", "y" * 201])
def test_a_reason_is_required_and_asked_for_at_its_field(reason: str, as_role: Callable[[str], Client]) -> None:
    answer = save(as_role("Engineer"), pool_size="12", reason=reason)

    assert answer.status_code == 422
    assert "reason_missing" in answer.context["reason_error"]
    assert [each["item"].after_text for each in answer.context["items"]] == ["12"]
    assert not ChangeSet.objects.exists()


def test_who_comes_second_sees_both_differences_and_decides_again(as_role: Callable[[str], Client]) -> None:
    client = as_role("Engineer")
    first = changes.commit({"pool_size": "15", "max_retries": "5"}, **WHO)

    for step in ("review", "save"):
        answer = send(client, step, pool_size="20", based_on="0", reason="more trucks")

        assert answer.status_code == 409
        assert [row.pk for row, _moves, _look in answer.context["theirs"]] == [first.pk]
        assert [(each["item"].before_text, each["item"].after_text) for each in answer.context["items"]] == [
            ("15", "20")
        ]
        assert "changed_meanwhile" in answer.content.decode()
        assert stored.get("pool_size") == 15
    assert AuditEntry.objects.filter(refused=True, after__refused="changed_meanwhile").count() == 1

    again = client.post(
        PAGE,
        {
            "step": "save",
            "based_on": str(answer.context["based_on"]),
            "v.pool_size": "20",
            "reason": "still",
            "when": "now",
        },
    )

    assert again.status_code == 302
    assert (stored.get("pool_size"), stored.get("max_retries")) == (20, 5), "theirs stays where it was not touched"


def test_an_administrator_schedules_and_cancels_an_engineer_does_neither(as_role: Callable[[str], Client]) -> None:
    refused = save(as_role("Engineer"), pool_size="12", when="tonight")

    assert refused.status_code == 403
    assert "not_permitted" in refused.content.decode()
    assert AuditEntry.objects.get(refused=True).action == "change_setting"

    save(as_role("Administrator"), pool_size="12", when="tonight")
    row = ChangeSet.objects.get()
    assert (row.state, row.version) == (ChangeState.SCHEDULED, None)
    assert timezone.localtime(row.effective_at).strftime("%H:%M") == "02:00"
    assert f"/admin/settings/history/{row.pk}/" in _text(as_role("Viewer"))

    url = f"/admin/settings/history/{row.pk}/cancel/"
    assert as_role("Engineer").post(url, {"reason": "not tonight"}).status_code == 403
    assert AuditEntry.objects.filter(refused=True, action="cancel_setting").count() == 1
    assert as_role("Administrator").post(url, {"reason": ""}).status_code == 422
    assert as_role("Administrator").post(url, {"reason": "not tonight"}).status_code == 302
    row.refresh_from_db()
    assert row.state == ChangeState.CANCELLED
    again = as_role("Administrator").post(url, {"reason": "not tonight"})
    assert again.status_code == 422
    assert "not_scheduled" in again.content.decode()


def test_a_chosen_time_is_the_plants_and_a_past_one_is_refused_at_its_field(as_role: Callable[[str], Client]) -> None:
    client = as_role("Administrator")
    later = timezone.localtime(clock.now()) + timedelta(hours=5)

    past = save(client, pool_size="12", when="at", at="2020-01-01T02:00")
    none = save(client, pool_size="12", when="at", at="")
    done = save(client, pool_size="12", when="at", at=f"{later:%Y-%m-%dT%H:%M}")

    assert (past.status_code, none.status_code, done.status_code) == (422, 422, 302)
    assert "wrong_time" in past.context["time_error"]
    assert timezone.localtime(ChangeSet.objects.get().effective_at) == later.replace(second=0, microsecond=0)


def test_the_projection_is_asked_for_while_one_types(as_role: Callable[[str], Client]) -> None:
    client = as_role("Engineer")
    names = {"was.workers": "2", "was.pool_size": "10"}

    good = client.post(f"{PAGE}projection/", {**names, "v.workers": "40", "v.pool_size": "10"}).json()
    bad = client.post(f"{PAGE}projection/", {**names, "v.workers": "many", "v.pool_size": "0"}).json()

    assert (good["edited"], good["problems"], good["button"]) == (1, {}, "Review 1 change…")
    assert 'data-figure="workers"' in good["html"]
    assert set(bad["problems"]) == {"workers", "pool_size"}
    assert client.get(f"{PAGE}projection/").status_code == 405
    assert as_role("Operator").post(f"{PAGE}projection/", names).status_code == 403
    assert not ChangeSet.objects.exists()


def process(role: str, version: int = 0, **sample: object) -> None:
    key = rows.register(f"{role}-1", role, "boot", sample=sample)
    ProcessRow.objects.filter(pk=key).update(settings_version=version)


def test_the_page_of_a_change_names_who_has_it_who_has_not_and_who_cannot(as_role: Callable[[str], Client]) -> None:
    row = changes.commit({"workers": "3"}, **WHO)
    process("worker", 1, settings_at=1_772_000_000_000, settings_digest="abc123")
    process("io", 0)
    process("main", generation_version=0)
    for role in ("sentinel", "monitor", "demo", "simulator", "console"):
        process(role)
    client = as_role("Engineer")

    answer = client.get(f"/admin/settings/history/{row.pk}/")
    text = answer.content.decode()

    states = {each.role: str(each.state) for each, _look in answer.context["acknowledged"]}
    assert states == {
        "worker": "applied",
        "io": "waiting",
        "main": "needs_replacement",
        **dict.fromkeys(("sentinel", "monitor", "demo", "simulator", "console"), "cannot"),
    }
    assert (answer.context["have"], answer.context["able"]) == (1, 3)
    assert "abc123" in text
    assert "It has not looked since the change." in text
    assert answer.context["every"] < 2000
    assert f"/admin/settings/clusters/?change={row.pk}" in text

    asked = client.post("/admin/settings/clusters/", {"change": str(row.pk), "reason": "take the workers"})

    assert asked["Location"] == f"/admin/settings/history/{row.pk}/"
    assert ProcessRow.objects.get(role="main").draining
    entry = AuditEntry.objects.get(action="replace_clusters")
    assert (entry.actor, entry.reason) == ("engineer", "take the workers")
    progress = client.get(f"/admin/settings/history/{row.pk}/")
    assert progress.context["replacing"] == ["main-1"]
    assert "is being replaced or waits for its turn" in progress.content.decode()


def test_without_a_cluster_a_replacement_is_refused_with_a_remedy(as_role: Callable[[str], Client]) -> None:
    client = as_role("Engineer")

    answer = client.post("/admin/settings/clusters/", {"reason": "take the workers"}, follow=True)

    assert "no_cluster" in answer.content.decode()
    assert as_role("Operator").post("/admin/settings/clusters/", {"reason": "me too"}).status_code == 403
    assert AuditEntry.objects.get(refused=True).action == "replace_clusters"


def test_a_roll_back_is_a_new_change_shown_before_it_is_made(as_role: Callable[[str], Client]) -> None:
    first = changes.commit({"max_retries": "5"}, **WHO)
    second = changes.commit({"max_retries": "9", "pool_size": "12"}, **WHO)
    client, url = as_role("Administrator"), f"/admin/settings/history/{first.pk}/rollback/"
    assert url in _text(client, "/admin/settings/history/")

    question = client.get(url, headers={"X-Vwed-Dialog": "1"})
    assert {"max_retries: 9 → 5", "pool_size: 12 → 10"} <= set(question.context["named"])

    done = client.post(url, {"reason": "was better", "based_on": str(second.version)})

    row = ChangeSet.objects.first()
    assert row is not None
    assert done["Location"] == f"/admin/settings/history/{row.pk}/"
    assert (row.restores, stored.get("max_retries"), stored.get("pool_size")) == (first.version, 5, 10)
    second.refresh_from_db()
    assert second.state == ChangeState.ROLLED_BACK
    assert f"Change {row.pk} brought back earlier values." in _text(client, f"/admin/settings/history/{second.pk}/")
    assert f"/admin/settings/history/{second.pk}/rollback/" in _text(client, f"/admin/settings/history/{row.pk}/")

    assert client.post("/admin/settings/history/0/rollback/", {"reason": "all of it"}).status_code == 302
    assert stored.overrides() == {}


def test_a_roll_back_tells_that_somebody_was_first(as_role: Callable[[str], Client]) -> None:
    first = changes.commit({"max_retries": "5"}, **WHO)
    changes.commit({"max_retries": "9"}, **WHO)
    changes.commit({"pool_size": "12"}, reason="r e a", author="kim", origin="page")
    url = f"/admin/settings/history/{first.pk}/rollback/"

    refused = as_role("Administrator").post(url, {"reason": "was better", "based_on": "2"})

    assert refused.status_code == 422
    assert "changed_meanwhile" in refused.content.decode()
    assert "by kim came first" in refused.content.decode()
    assert 'name="based_on" value="3"' in refused.content.decode(), "who says it again has seen it"
    assert stored.get("max_retries") == 9


@pytest.mark.parametrize("role", ["Viewer", "Operator", "Engineer"])
def test_only_administrators_roll_back(role: str, as_role: Callable[[str], Client]) -> None:
    row = changes.commit({"max_retries": "5"}, **WHO)
    changes.commit({"max_retries": "6"}, **WHO)
    client, url = as_role(role), f"/admin/settings/history/{row.pk}/rollback/"

    assert client.get(url).status_code == 403
    answer = client.post(url, {"reason": "was better"})

    assert answer.status_code == 403
    assert "not_permitted" in answer.content.decode()
    assert AuditEntry.objects.get(refused=True).action == "rollback_setting"
    assert url not in _text(client, "/admin/settings/history/")
    assert stored.get("max_retries") == 6


def test_what_cannot_be_rolled_back_to_says_why(as_role: Callable[[str], Client]) -> None:
    client = as_role("Administrator")
    later = changes.commit({"max_retries": "5"}, **WHO, effective_at=clock.now() + timedelta(hours=1))
    now = changes.commit({"max_retries": "6"}, **WHO)

    texts = [
        client.get(f"/admin/settings/history/{number}/rollback/", follow=True).content.decode()
        for number in (later.pk, 999, now.pk)
    ]

    for text, words in zip(texts, ("never_applied", "unknown_change", "in force already"), strict=True):
        assert words in text
    assert client.get("/admin/settings/history/999/").status_code == 404
    assert client.get("/admin/settings/history/999/cancel/").status_code == 404


def test_the_history_has_pages_and_a_filter(as_role: Callable[[str], Client]) -> None:
    for number in range(1, 56):
        changes.commit({"max_retries": str(number)}, **WHO)
    changes.commit({"pool_size": "12"}, **WHO, effective_at=clock.now() + timedelta(hours=1))
    client = as_role("Viewer")

    first = client.get("/admin/settings/history/")
    second = client.get("/admin/settings/history/" + first.context["listing"].next_url)
    scheduled = client.get("/admin/settings/history/?state=scheduled")

    assert [len(page.context["lines"]) for page in (first, second, scheduled)] == [50, 6, 1]
    assert len({row.pk for page in (first, second) for row, *_ in page.context["lines"]}) == 56


def test_observations_stand_side_by_side_with_a_verdict_in_words(as_role: Callable[[str], Client]) -> None:
    row = changes.commit({"pool_size": "12"}, **WHO)
    for hours, mean in ((0, 200e6), (1, 150e6)):
        figures = {"memory": {"mean": mean, "deviation": 1e6, "samples": 60}}
        Observation.objects.create(change_set=row, hours=hours, figures=figures, at=clock.now())

    answer = as_role("Viewer").get(f"/admin/settings/history/{row.pk}/")

    assert [column.hours for _word, column in answer.context["columns"]] == list(HOURS)
    assert len(answer.context["observed"]) == len(METRICS)
    memory = answer.context["observed"][0]["cells"]
    assert [each["text"] for each in memory] == ["200 MB", "150 MB", "–", "–", "–"]
    assert answer.context["verdict"].startswith("1 h after the change: Memory: better;")


def test_a_file_goes_out_and_comes_in_as_one_reviewed_change(as_role: Callable[[str], Client]) -> None:
    changes.commit({"max_retries": "5", "pool_size": "12"}, **WHO)
    client = as_role("Engineer")

    file = client.get("/admin/settings/export/")
    assert file["Content-Disposition"].startswith('attachment; filename="vwed-settings-')
    assert json.loads(file.content) == files.export()
    changes.commit({"max_retries": None, "pool_size": None}, **WHO)

    page = client.post("/admin/settings/import/", {"file": SimpleUploadedFile("s.json", file.content)})

    assert page.status_code == 200
    assert [each["raw"] for each in page.context["items"]] == ["5", "12"]
    sent = {f"v.{each['item'].parameter.name}": each["raw"] for each in page.context["items"]}
    based_on = str(page.context["based_on"])
    assert client.post(PAGE, {**sent, "step": "save", "based_on": based_on, "reason": "as before"}).status_code == 302
    assert (stored.get("max_retries"), stored.get("pool_size")) == (5, 12)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"{", "not_a_settings_file"),
        (b"\xff\xfe", "It is not text."),
        (json.dumps({"format": "vwed-settings", "values": {"pool_size": "0"}}).encode(), "from 1 to 500"),
        (json.dumps({"format": "vwed-settings", "values": {"pool_sise": "9"}}).encode(), "Did you mean pool_size"),
        (b" " * 1_000_001, "at most 1 MB"),
    ],
    ids=["no JSON", "no text", "out of bounds", "unknown", "too large"],
)
def test_a_file_with_a_fault_changes_nothing_and_says_why(
    content: bytes, words: str, as_role: Callable[[str], Client]
) -> None:
    answer = as_role("Engineer").post("/admin/settings/import/", {"file": SimpleUploadedFile("s.json", content)})

    assert answer.status_code == 422
    assert words in answer.content.decode()
    assert not ChangeSet.objects.exists()


def test_operators_neither_change_nor_import_and_the_try_is_remembered(as_role: Callable[[str], Client]) -> None:
    client = as_role("Operator")

    for url, data in ((PAGE, {"step": "save", "v.pool_size": "12"}), ("/admin/settings/import/", {})):
        answer = client.post(url, data)
        assert answer.status_code == 403
        assert "not_permitted" in answer.content.decode()

    assert list(AuditEntry.objects.values_list("action", "actor", "refused").distinct()) == [
        ("change_setting", "operator", True)
    ]
    assert client.get("/admin/settings/export/").status_code == 200


@pytest.mark.parametrize(
    ("url", "most"), [(PAGE, 9), ("/admin/settings/history/", 4), ("/admin/settings/history/1/", 9)]
)
def test_a_page_costs_a_bounded_number_of_queries(
    url: str, most: int, as_role: Callable[[str], Client], django_assert_max_num_queries: Any
) -> None:
    for number in range(1, 31):
        row = changes.commit({"max_retries": str(number)}, **WHO)
    url = url.replace("/1/", f"/{row.pk}/")
    client = as_role("Administrator")
    client.get(url)

    with django_assert_max_num_queries(most + 6):  # the frame: session, login, rights, signs of alerts
        assert client.get(url).status_code == 200
