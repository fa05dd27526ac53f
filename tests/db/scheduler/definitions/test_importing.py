"""Import and export of definitions on a real database."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from scheduler import clock
from scheduler.definitions.exporting import export, export_version
from scheduler.definitions.importing import ImportRefused, check_file, import_file
from scheduler.definitions.judging import Imported
from scheduler.definitions.restoring import restore
from scheduler.errors import Refused
from scheduler.models import AuditEntry, DefinitionVersion, TaskDefinition

pytestmark = pytest.mark.django_db


def detail(message: str = "hello", *, block: str = "PrintBp") -> dict[str, Any]:
    child = {
        "id": 1,
        "name": "b1",
        "blockType": block,
        "inputParams": {"message": {"type": "Simple", "value": message}},
        "children": {},
    }
    root = {"id": -1, "name": "-1", "blockType": "RootBp", "inputParams": {}, "children": {"default": [child]}}
    return {"inputParams": [], "outputParams": [], "rootBlock": root}


def file(*labels: str, message: str = "hello", **fields: Any) -> bytes:
    items = [{"label": label, "detail": json.dumps(detail(message)), **fields} for label in labels]
    return json.dumps(items).encode()


def load(data: bytes, **options: Any) -> list[Imported]:
    return import_file("f.task", data, actor="kim", origin="command", **options)


def problem_codes(data: bytes, **options: Any) -> list[str]:
    with pytest.raises(ImportRefused) as caught:
        load(data, **options)
    return [problem.code for problem in caught.value.problems]


def test_a_new_definition_becomes_version_one_with_an_audit_entry() -> None:
    assert [(r.label, r.action, r.version) for r in load(file("a"))] == [("a", "created", 1)]
    definition = TaskDefinition.objects.get(label="a")
    assert definition.current is not None
    assert json.loads(definition.current.detail) == detail()
    assert list(AuditEntry.objects.values_list("actor", "action", "object_id")) == [("kim", "import_definition", "a")]


def test_a_label_that_exists_is_refused_without_replace_and_nothing_is_imported() -> None:
    load(file("a"))
    assert problem_codes(file("new", "a", message="other")) == ["WIND_LABEL_ERROR"]
    assert not TaskDefinition.objects.filter(label="new").exists()


def test_replace_makes_a_new_version_and_keeps_the_old_one() -> None:
    load(file("a"))
    assert load(file("a", message="other"), replace=True)[0].version == 2
    definition = TaskDefinition.objects.get(label="a")
    assert [v.number for v in definition.versions.all()] == [2, 1]
    assert definition.current is not None
    assert definition.current.number == 2


def test_an_unchanged_definition_is_the_same_and_makes_no_version() -> None:
    load(file("a"))
    assert load(file("a"))[0].action == "same"
    assert DefinitionVersion.objects.count() == 1


def test_changed_settings_alone_keep_the_version() -> None:
    load(file("a"))
    assert load(file("a", periodicTask=1, period=5000), replace=True)[0].version == 1
    definition = TaskDefinition.objects.get(label="a")
    assert (definition.periodic, definition.period_ms) == (True, 5000)


def test_a_check_says_what_would_happen_and_changes_nothing() -> None:
    load(file("old"))
    data = json.loads(file("new", "old", "bad"))
    data[2]["detail"] = json.dumps(detail(block="NopeBp"))

    found = check_file("f.task", json.dumps(data).encode())

    assert [(each.label, each.action, each.version) for each in found] == [
        ("new", "created", 1),
        ("old", "same", 1),
        ("bad", "refused", 0),
    ]
    assert "rootBlock › b1 NopeBp" in found[2].problems[0].path
    assert list(TaskDefinition.objects.values_list("label", flat=True)) == ["old"]
    assert AuditEntry.objects.count() == 1


def test_chosen_definitions_come_in_and_the_others_are_left() -> None:
    data = json.loads(file("good", "bad", "left"))
    data[1]["detail"] = "{"
    assert [each.label for each in load(json.dumps(data).encode(), only={"good"})] == ["good"]
    assert problem_codes(json.dumps(data).encode(), only={"good", "bad"}) == ["broken_json"]
    assert problem_codes(json.dumps(data).encode(), only={"elsewhere"}) == ["nothing_chosen"]
    assert list(TaskDefinition.objects.values_list("label", flat=True)) == ["good"]


def test_changed_settings_need_replace_and_say_so() -> None:
    load(file("a", period=1000, projectId=1))
    assert problem_codes(file("a", period=2000, projectId=1)) == ["WIND_LABEL_ERROR"]
    assert load(file("a", period=2000, projectId=1), replace=True)[0].action == "settings"
    assert load(file("a", period=2000, projectId=1.0), replace=True)[0].action == "settings"
    assert json.loads(export())[0]["projectId"] == 1.0
    assert DefinitionVersion.objects.count() == 1


def test_a_version_knows_its_file_its_length_and_who_brought_it() -> None:
    load(file("a"))
    version = DefinitionVersion.objects.get()
    assert (version.reason, version.author, version.size) == ("f.task", "kim", len(version.detail))


def test_an_earlier_version_comes_back_as_a_new_one() -> None:
    load(file("a", message="one"))
    load(file("a", message="two"), replace=True)
    row = TaskDefinition.objects.get()

    made = restore(row.pk, 1, actor="kim", origin="page", reason="two was wrong")

    row.refresh_from_db()
    first = row.versions.get(number=1)
    assert (made.number, made.digest, made.reason) == (3, first.digest, "v1: two was wrong")
    assert row.current_id == made.pk
    assert restore(row.pk, 1, actor="kim", origin="page").pk == made.pk, "the newest again changes nothing"
    assert AuditEntry.objects.filter(action="restore_definition").count() == 1
    with pytest.raises(Refused, match="no version 9"):
        restore(row.pk, 9, actor="kim", origin="page")
    assert [json.loads(each["detail"]) for each in json.loads(export_version(row.pk, 2))] == [detail("two")]


def test_importing_plans_the_periodic_start() -> None:
    before = clock.now()
    load(file("a", periodicTask=1, ifEnable=1, delay=5000, period=400))
    row = TaskDefinition.objects.get()
    assert row.next_start_at is not None
    assert before + timedelta(seconds=5) <= row.next_start_at <= clock.now() + timedelta(seconds=5)
    assert row.current is not None
    assert [warning["code"] for warning in row.current.warnings] == ["period_short"]
    load(file("a", periodicTask=1, ifEnable=0), replace=True)
    row.refresh_from_db()
    assert row.next_start_at is None


def calling(target: str, **parameters: Any) -> str:
    root = detail()
    call = {"id": 2, "name": "b2", "blockType": f"SubTask::{target}", "inputParams": parameters, "children": {}}
    root["rootBlock"]["children"]["default"].append(call)
    return json.dumps(root)


def test_a_call_of_an_unknown_definition_is_a_warning_at_its_block() -> None:
    (found,) = load(json.dumps([{"label": "a", "id": "A", "detail": calling("B")}]).encode())
    assert [(w.code, w.path) for w in found.warnings] == [("subtask.unknown", "rootBlock › b2 SubTask::B")]


def test_calls_that_wait_for_each_other_are_refused_within_a_file_and_across_files() -> None:
    later = {"type": "Simple", "value": "true"}
    items = [{"label": name, "id": name, "detail": calling(target)} for name, target in ("AB", "BC", "CA")]
    assert set(problem_codes(json.dumps(items).encode())) == {"subtask.cycle"}

    load(json.dumps(items[:2]).encode())
    with pytest.raises(ImportRefused, match="“C” → “A” → “B” → “C”"):
        load(json.dumps(items[2:]).encode())

    items[2]["detail"] = calling("A", ifAsync=later)
    assert load(json.dumps(items[2:]).encode())[0].action == "created"
    assert DefinitionVersion.objects.get(definition__label="C").calls == [["A", False, "rootBlock › b2 SubTask::A"]]


def test_an_unsupported_block_is_refused_with_its_path() -> None:
    data = json.dumps([{"label": "a", "detail": json.dumps(detail(block="MailBp"))}]).encode()
    with pytest.raises(ImportRefused) as caught:
        load(data)
    (problem,) = caught.value.problems
    assert "not supported yet" in problem.message
    assert "rootBlock › b1 MailBp" in problem.path


def test_problems_of_all_definitions_are_reported_together_and_none_is_imported() -> None:
    bad = {"label": "bad", "detail": json.dumps(detail(block="NopeBp"))}
    worse = {"label": "worse", "detail": json.dumps(detail(block="NadaBp"))}
    good = {"label": "good", "detail": json.dumps(detail())}
    assert len(problem_codes(json.dumps([bad, good, worse]).encode())) == 2
    assert not TaskDefinition.objects.exists()


def test_an_id_of_another_definition_is_refused() -> None:
    load(file("a", id="7f"))
    assert problem_codes(file("b", id="7f")) == ["id_taken"]


def test_a_given_version_number_is_kept_when_it_is_higher() -> None:
    assert load(file("a", version=7))[0].version == 7
    assert load(file("a", version=3, message="x"), replace=True)[0].version == 8


def test_a_number_beyond_the_column_is_refused_with_its_path() -> None:
    assert problem_codes(file("a", version=2**40)) == ["bad_field"]


def test_export_names_every_unknown_label() -> None:
    load(file("a"))
    with pytest.raises(Refused, match="x, y"):
        export(["a", "y", "x"])
