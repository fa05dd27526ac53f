"""``import_tasks`` and ``export_tasks``: all or nothing per file, and back again unchanged."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest

from scheduler.models import TaskDefinition
from tests.commands.invoke import run
from tests.support.tasks import block, detail, task_file

pytestmark = pytest.mark.django_db

HELLO = detail(block(1, "PrintBp", message="hello"))
INNER = block(2, "PrintBp", message="never")
BROKEN = detail(block(1, "IfBp", {"default": []}, condition="=taskInputs.a +"))


@pytest.fixture
def hello(tmp_path: Path) -> Path:
    path = tmp_path / "hello.task"
    path.write_bytes(task_file(Hello=HELLO))
    return path


def test_a_file_goes_in_and_is_named(hello: Path) -> None:
    ran = run("import_tasks", str(hello))

    assert (ran.code, ran.err) == (0, "")
    assert "Hello v1 (created)" in ran.out


def test_a_bare_detail_takes_its_label_from_the_file(tmp_path: Path) -> None:
    path = tmp_path / "Night shift.json"
    path.write_text(json.dumps(HELLO))

    assert run("import_tasks", str(path)).code == 0
    assert TaskDefinition.objects.get().label == "Night shift"


def test_one_fault_keeps_everything_of_its_file_out_but_not_other_files(tmp_path: Path, hello: Path) -> None:
    mixed = tmp_path / "mixed.task"
    mixed.write_bytes(task_file(Good=HELLO, Bad=BROKEN))

    ran = run("import_tasks", str(mixed), str(hello), "--json")

    assert ran.code == 1
    assert list(TaskDefinition.objects.values_list("label", flat=True)) == ["Hello"]
    document = ran.json()
    assert document["ok"] is False
    problems = document["files"][0]["problems"]
    assert any("b1 IfBp › condition" in problem["path"] for problem in problems)
    assert all(problem["message"] for problem in problems)


def test_a_label_that_exists_needs_replace(hello: Path) -> None:
    run("import_tasks", str(hello))
    hello.write_bytes(task_file(Hello=detail(block(1, "PrintBp", message="changed"))))

    refused, replaced = run("import_tasks", str(hello)), run("import_tasks", str(hello), "--replace")

    assert refused.code == 1
    assert "--replace" in refused.out
    assert replaced.code == 0
    assert "Hello v2 (new version)" in replaced.out


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("broken.task", b'[{"label": "x", "detail": '),
        ("empty.task", b""),
        ("text.task", b"not json at all"),
        ("binary.task", bytes(range(256)) * 10),
        ("number.task", b"42"),
        ("nothing.task", b"[]"),
        ("broken.zip", b"PK\x03\x04 this is no zip"),
        ("unknown.task", task_file(X=detail(block(1, "TeleportBp")))),
        ("branch.task", task_file(X=detail(block(1, "IfBp", {"else": [INNER]}, condition="=true")))),
        ("twice.task", b'[{"label": "x", "detail": "{}"}, {"label": "x", "detail": "{}"}]'),
    ],
)
def test_bad_files_are_refused_with_words_and_leave_nothing(tmp_path: Path, name: str, data: bytes) -> None:
    path = tmp_path / name
    path.write_bytes(data)

    ran = run("import_tasks", str(path), "--json")

    assert ran.code == 1
    problems = ran.json()["files"][0]["problems"]
    assert problems
    assert all(problem["message"] for problem in problems)
    assert not TaskDefinition.objects.exists()


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    ran = run("import_tasks", str(tmp_path / "nowhere.task"))

    assert ran.code == 1
    assert "cannot be read: No such file" in ran.out
    assert ": :" not in ran.out


def test_fifty_megabytes_are_refused_without_being_read(tmp_path: Path) -> None:
    path = tmp_path / "huge.task"
    with path.open("wb") as file:
        file.truncate(50 * 1024 * 1024)

    ran = run("import_tasks", str(path), "--json")

    assert ran.code == 1
    assert "50.0 MiB; the limit is 16 MiB" in ran.json()["files"][0]["problems"][0]["message"]


def test_a_hundred_thousand_nested_blocks_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "deep.task"
    before = '{"inputParams":[],"rootBlock":{"id":-1,"name":"-1","blockType":"RootBp","children":{"default":['
    inner = '{"id":1,"name":"b1","blockType":"SerialFlowBp","inputParams":{},"children":{"default":['
    nested = before + inner * 100_000 + "]}}" * 100_000 + "]}}}"
    path.write_text(json.dumps([{"label": "deep", "detail": nested}]))

    ran = run("import_tasks", str(path), "--json")

    assert ran.code == 1
    assert ran.json()["files"][0]["problems"]


def test_what_is_exported_is_imported_unchanged(tmp_path: Path, hello: Path) -> None:
    run("import_tasks", str(hello))
    first = tmp_path / "first.task"
    assert run("export_tasks", "-o", str(first)).code == 0
    TaskDefinition.objects.update(current=None)
    TaskDefinition.objects.get().versions.all().delete()
    TaskDefinition.objects.all().delete()

    assert run("import_tasks", str(first)).code == 0
    second = tmp_path / "second.task"
    run("export_tasks", "Hello", "--output", str(second))

    assert first.read_text() == second.read_text()
    assert "Hello" in first.read_text()


def test_an_unknown_label_is_refused_and_no_file_is_written(tmp_path: Path) -> None:
    ran = run("export_tasks", "Nobody", "-o", str(tmp_path / "out.task"))

    assert ran.code == 1
    assert "Nobody" in ran.err
    assert list(tmp_path.iterdir()) == []


def test_a_directory_that_is_not_there_is_told(tmp_path: Path) -> None:
    ran = run("export_tasks", "-o", str(tmp_path / "no" / "out.task"))

    assert ran.code == 1
    assert "cannot be written" in ran.err


def test_a_zip_of_tasks_is_imported(tmp_path: Path) -> None:
    path = tmp_path / "all.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("tasks/a.task", task_file(A=HELLO))
        archive.writestr("tasks/b.task", task_file(B=HELLO))

    assert run("import_tasks", str(path)).code == 0
    assert sorted(TaskDefinition.objects.values_list("label", flat=True)) == ["A", "B"]
