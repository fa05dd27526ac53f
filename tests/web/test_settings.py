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
from scheduler.models import AuditEntry
from vwed import diagnosis
from vwed.models import ChangeSet, ChangeState
from vwed.tuning import changes, files, stored
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


@pytest.mark.mysql
def test_the_projection_is_the_sum_of_doctor(as_role: Callable[[str], Client]) -> None:
    page = send(as_role("Engineer"), "review", workers="4")
    save(as_role("Engineer"), workers="4")

    projected = next(each["line"] for each in page.context["projection"] if each["line"].code == "connections")
    told = next(each for each in diagnosis.tunables() if each.code == "connections")

    assert f"At most {projected.after} of {projected.limit} connections" in told.message


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
