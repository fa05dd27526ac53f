"""Starting, cancelling and importing from the pages."""

from __future__ import annotations

import base64
import json
import shlex
import zlib
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client, RequestFactory
from django.utils import timezone

from execution.values import load_tagged
from scheduler.admin.definition_import import pack, unpack
from scheduler.admin.run_memory import last_values, remember
from scheduler.definitions.taskfile import SIZE_LIMIT
from scheduler.models import AuditEntry, TaskDefinition, TaskRecord
from scheduler.states import Status
from tests.web.conftest import task_file

IMPORT = "/admin/scheduler/taskdefinition/import/"


@pytest.fixture
def operator(as_role: Callable[[str], Client]) -> Client:
    return as_role("Operator")


def run_url(definition: TaskDefinition) -> str:
    return f"/admin/scheduler/taskdefinition/{definition.pk}/run/"


def test_the_form_has_a_typed_field_per_input_with_default_and_mark(
    operator: Client, definition: TaskDefinition
) -> None:
    page = operator.get(run_url(definition))

    form = page.context["form"]
    assert list(form.fields)[:4] == ["in_target", "in_pallets", "in_careful", "in_extra"]
    assert form["in_target"].initial == "B-03"
    assert form.fields["in_target"].required
    assert not form.fields["in_pallets"].required
    assert form["in_careful"].initial is True
    assert 'type="number"' in str(form["in_pallets"])
    assert "manage.py run_task" in page.content.decode()


def test_a_valid_form_starts_one_run_with_typed_inputs(operator: Client, definition: TaskDefinition) -> None:
    answer = operator.post(
        run_url(definition),
        {"in_target": "C-01", "in_pallets": "9007199254740993", "in_extra": '{"a": [1]}', "priority": "7"},
    )

    record = TaskRecord.objects.get()
    inputs = load_tagged(json.loads(record.inputs))
    assert answer["Location"] == f"/admin/scheduler/taskrecord/{record.pk}/change/"
    assert inputs == {"target": "C-01", "pallets": 9007199254740993, "careful": False, "extra": {"a": [1]}}
    assert (record.priority, record.created_by, record.status) == (7, "operator", Status.READY)
    assert AuditEntry.objects.get(action="run_task").object_id == record.record_id


@pytest.mark.parametrize(
    ("data", "field"),
    [
        ({"in_target": "", "priority": "1"}, "in_target"),
        ({"in_target": "x", "in_pallets": "two", "priority": "1"}, "in_pallets"),
        ({"in_target": "x", "in_pallets": "9223372036854775808", "priority": "1"}, "in_pallets"),
        ({"in_target": "x", "in_extra": "{", "priority": "1"}, "in_extra"),
        ({"in_target": "x", "in_extra": "[1]", "priority": "1"}, "in_extra"),
        ({"in_target": "x", "in_extra": '{"a": 1e400}', "priority": "1"}, "in_extra"),
        ({"in_target": "x", "in_extra": '{"a": NaN}', "priority": "1"}, "in_extra"),
        ({"in_target": "x", "in_extra": '{"a": 1, "a": 2}', "priority": "1"}, "in_extra"),
        ({"in_target": "x", "in_extra": "[" * 5000, "priority": "1"}, "in_extra"),
        ({"in_target": "x", "priority": "101"}, "priority"),
    ],
)
def test_a_wrong_value_is_refused_at_its_field_and_nothing_starts(
    data: dict[str, str], field: str, operator: Client, definition: TaskDefinition
) -> None:
    page = operator.post(run_url(definition), data)

    assert page.status_code == 422
    assert page.context["form"].errors.keys() == {field}
    assert not TaskRecord.objects.exists()


def test_the_same_record_id_twice_is_one_run(operator: Client, definition: TaskDefinition) -> None:
    data = {"in_target": "x", "priority": "1", "record_id": "run-9"}

    first, second = operator.post(run_url(definition), data), operator.post(run_url(definition), data)

    assert first["Location"] == second["Location"]
    said = operator.get(second["Location"]).content.decode()
    assert "Run run-9 is already there since" in said
    assert TaskRecord.objects.count() == 1


def test_running_again_brings_the_inputs_of_that_run(operator: Client, definition: TaskDefinition) -> None:
    operator.post(run_url(definition), {"in_target": "C-01", "in_pallets": "5", "in_extra": '{"a":1}', "priority": "1"})
    record = TaskRecord.objects.get()

    form = operator.get(f"{run_url(definition)}?copy={record.pk}").context["form"]

    assert (form["in_target"].value(), form["in_pallets"].value(), form["in_extra"].value()) == ("C-01", 5, '{"a": 1}')


def test_the_form_takes_queue_order_number_and_a_later_start(operator: Client, definition: TaskDefinition) -> None:
    later = timezone.localtime() + timedelta(hours=3)
    data = {
        "in_target": "x", "priority": "1", "queue": "night", "out_order_no": "4711",
        "start_at": later.strftime("%Y-%m-%dT%H:%M"),
    }  # fmt: skip

    operator.post(run_url(definition), data)
    again = operator.post(run_url(definition), {**data, "record_id": "other"}, follow=True)

    record = TaskRecord.objects.get()
    assert (record.queue, record.out_order_no, record.status) == ("night", "4711", Status.SCHEDULED)
    assert record.due_at == later.replace(second=0, microsecond=0)
    assert f"Run {record.record_id} is already there since" in again.content.decode()


@pytest.mark.parametrize("when", ["2001-01-01T00:00", "2999-01-01T00:00", "soon"])
def test_a_start_that_is_over_or_too_far_is_refused_at_its_field(
    when: str, operator: Client, definition: TaskDefinition
) -> None:
    page = operator.post(run_url(definition), {"in_target": "x", "priority": "1", "start_at": when})

    assert page.context["form"].errors.keys() == {"start_at"}
    assert not TaskRecord.objects.exists()


def test_the_form_remembers_the_last_values_of_this_person_alone(
    operator: Client, definition: TaskDefinition, as_role: Callable[[str], Client]
) -> None:
    sent = {"in_target": "C-07", "in_pallets": "5", "in_extra": '{"a":1}', "priority": "9", "record_id": "once"}
    operator.post(run_url(definition), sent)

    mine = operator.get(run_url(definition)).context["form"]
    fresh = operator.get(f"{run_url(definition)}?fresh=1").context["form"]
    other = as_role("Engineer").get(run_url(definition)).context["form"]

    names = ("in_target", "in_pallets", "in_careful", "in_extra", "priority", "record_id")
    assert [mine[name].value() for name in names] == ["C-07", "5", False, '{"a":1}', "9", None]
    assert [form["in_target"].value() for form in (fresh, other)] == ["B-03", "B-03"]


def test_what_is_remembered_is_bounded(rf: RequestFactory) -> None:
    request = rf.get("/")
    request.session = {}  # type: ignore[assignment]

    for pk in range(50):
        remember(request, pk, {"in_a": pk})
    remember(request, 49, {"in_a": "x" * 10_000})

    assert len(request.session["last_runs"]) == 19
    assert (last_values(request, 48), last_values(request, 49), last_values(request, 1)) == ({"in_a": 48}, {}, {})


def test_the_page_shows_the_command_with_the_values_that_stand_there(
    operator: Client, definition: TaskDefinition
) -> None:
    data = {"in_target": "", "in_pallets": "3", "in_extra": "{'; rm -rf /", "priority": "7", "out_order_no": "o'1"}

    page = operator.post(run_url(definition), data)

    command = shlex.split(page.context["command"])
    assert command[:3] == ["manage.py", "run_task", "Transport A→B"]
    assert command[3:] == [
        *("--input", "pallets=3", "--input", "careful=false", "--input", "extra={'; rm -rf /"),
        *("--priority", "7", "--out-order", "o'1"),
    ]


def test_cancelling_asks_with_count_consequence_and_reason(
    operator: Client, make_record: Callable[..., TaskRecord]
) -> None:
    rows = [make_record(f"run-{number}", Status.WAITING) for number in range(3)]
    query = "&".join(f"id={row.pk}" for row in rows)

    page = operator.get(f"/admin/scheduler/taskrecord/do/cancel/?{query}", headers={"X-Vwed-Dialog": "1"})
    refused = operator.post("/admin/scheduler/taskrecord/do/cancel/", {"id": [row.pk for row in rows], "reason": " "})

    text = page.content.decode()
    assert "Cancel 3 runs" in text
    assert "robots stay in service" in text
    assert "run-2" in text
    assert "nav-sidebar" not in text
    assert refused.status_code == 422
    assert TaskRecord.objects.filter(status=Status.WAITING).count() == 3


def test_cancelling_ends_runs_and_says_which_had_ended(
    operator: Client, make_record: Callable[..., TaskRecord]
) -> None:
    waiting, over = make_record("run-1", Status.WAITING), make_record("run-2", Status.FINISHED)

    page = operator.post(
        "/admin/scheduler/taskrecord/do/cancel/", {"id": [waiting.pk, over.pk], "reason": "aisle blocked"}, follow=True
    )

    waiting.refresh_from_db()
    assert waiting.status == Status.CANCELLED
    assert AuditEntry.objects.get(action="cancel").reason == "aisle blocked"
    assert "1 run is cancelled." in page.content.decode()


def test_a_run_that_a_worker_has_is_said_to_be_on_its_way_out(
    operator: Client, make_record: Callable[..., TaskRecord]
) -> None:
    running, waiting = make_record("run-1", Status.RUNNING), make_record("run-2", Status.WAITING)
    url = "/admin/scheduler/taskrecord/do/cancel/"

    question = operator.get(url, {"id": running.pk}).content.decode()
    said = operator.post(url, {"id": [running.pk, waiting.pk], "reason": "aisle blocked"}, follow=True).content.decode()

    assert "manage.py cancel_task run-1 --reason &quot;…&quot;" in question
    assert "1 run is being cancelled." in said
    assert "1 run is cancelled." in said


def test_running_a_task_is_offered_only_to_those_who_may(as_role: Callable[[str], Client]) -> None:
    url = "/admin/scheduler/taskrecord/"

    offered = {role: "Run a task" in as_role(role).get(url).content.decode() for role in ("Viewer", "Operator")}

    assert offered == {"Viewer": False, "Operator": True}


def test_pausing_holds_a_run_and_resuming_lets_it_go_on(
    operator: Client, make_record: Callable[..., TaskRecord]
) -> None:
    record = make_record("run-1", Status.READY)

    paused = operator.post("/admin/scheduler/taskrecord/do/pause/", {"id": record.pk, "reason": "lunch"}, follow=True)
    record.refresh_from_db()
    held = record.status
    operator.post("/admin/scheduler/taskrecord/do/resume/", {"id": record.pk})
    record.refresh_from_db()

    assert (held, record.status) == (Status.PAUSED, Status.READY)
    assert "Paused by operator: lunch" in paused.content.decode()


def test_a_pause_without_a_reason_is_said_without_one(operator: Client, make_record: Callable[..., TaskRecord]) -> None:
    record = make_record("run-1", Status.READY)

    page = operator.post("/admin/scheduler/taskrecord/do/pause/", {"id": record.pk}, follow=True).content.decode()

    assert "Paused by operator." in page


def test_an_empty_selection_is_refused(operator: Client, db: None) -> None:
    page = operator.post("/admin/scheduler/taskrecord/do/cancel/", {"reason": "aisle blocked"}, follow=True)

    assert "Select at least one run." in page.content.decode()


@pytest.fixture
def engineer(as_role: Callable[[str], Client]) -> Client:
    return as_role("Engineer")


def upload(name: str, data: bytes, step: str = "import", **more: str) -> dict[str, object]:
    return {"file": SimpleUploadedFile(name, data), "step": step, **more}


def test_a_check_changes_nothing_and_says_what_would_happen(engineer: Client) -> None:
    page = engineer.post(IMPORT, upload("a.task", task_file("New"), "check"))

    assert [(row.label, row.action) for row, _look, _problems in page.context["preview"]] == [("New", "created")]
    assert not TaskDefinition.objects.exists()


def test_what_a_check_found_unchanged_is_not_counted_as_importable(engineer: Client) -> None:
    engineer.post(IMPORT, upload("a.task", task_file("Old")))
    data = json.loads(task_file("Old")) + json.loads(task_file("New"))

    said = engineer.post(IMPORT, upload("b.task", json.dumps(data).encode(), "check")).content.decode()

    assert "1 definition can be imported. 1 is unchanged." in said


def test_an_import_makes_definitions_and_exports_them_unchanged(engineer: Client) -> None:
    engineer.post(IMPORT, upload("a.task", task_file("New")))
    exported = engineer.get("/admin/scheduler/taskdefinition/export/?label=New").content
    page = engineer.post(IMPORT, upload("b.task", exported), follow=True)

    assert TaskDefinition.objects.get().current.number == 1
    assert "0 imported, 1 unchanged." in page.content.decode()


@pytest.mark.parametrize(
    ("name", "data", "says"),
    [
        ("a.task", b"{", ""),
        ("a.zip", b"no zip", ""),
        ("a.task", task_file("New").replace(b"PrintBp", b"NoSuchBp"), "NoSuchBp"),
    ],
)
def test_a_broken_file_is_refused_as_a_whole_with_paths(name: str, data: bytes, says: str, engineer: Client) -> None:
    page = engineer.post(IMPORT, upload(name, data))

    assert page.status_code == 422
    problems = page.context["problems"]
    assert problems
    assert all(problem.path for problem in problems)
    assert says in page.content.decode()
    assert not TaskDefinition.objects.exists()


def test_a_file_above_the_limit_is_refused_with_the_limit(engineer: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scheduler.admin.definition_import.SIZE_LIMIT", 10)

    page = engineer.post(IMPORT, upload("a.task", task_file("New")))

    assert page.status_code == 422
    assert "larger than" in page.content.decode()


def test_what_was_looked_at_is_imported_as_chosen_without_choosing_the_file_again(engineer: Client) -> None:
    data = json.loads(task_file("Good")) + json.loads(task_file("Bad")) + json.loads(task_file("Left"))
    data[1]["detail"] = data[1]["detail"].replace("PrintBp", "NoSuchBp")
    seen = engineer.post(IMPORT, upload("a.task", json.dumps(data).encode(), "check"))
    text = seen.content.decode()
    form = {"step": "import", "chosen": "some", "name": "a.task", "packed": seen.context["packed"]}

    assert [row.action for row, _look, _problems in seen.context["preview"]] == ["created", "refused", "created"]
    assert "rootBlock › b1 IfElseBp › if › b2 NoSuchBp" in text
    assert (seen.context["possible"], seen.context["refused"]) == (2, 1)
    nothing = engineer.post(IMPORT, form)
    refused = engineer.post(IMPORT, {**form, "choose": ["Good", "Bad"]})
    assert [nothing.status_code, refused.status_code] == [422, 422]
    assert not TaskDefinition.objects.exists()

    done = engineer.post(IMPORT, {**form, "choose": ["Good"]}, follow=True)

    assert "1 imported, 0 unchanged." in done.content.decode()
    assert TaskDefinition.objects.get().label == "Good"
    assert TaskDefinition.objects.get().current.reason == "a.task"


def test_of_a_large_file_everything_possible_is_imported(engineer: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scheduler.admin.definition_import.CHOSEN_ONE_BY_ONE", 1)
    data = json.loads(task_file("Good")) + json.loads(task_file("Bad"))
    data[1]["detail"] = "{"
    seen = engineer.post(IMPORT, upload("a.task", json.dumps(data).encode(), "check"))

    assert 'type="checkbox" name="choose"' not in seen.content.decode()
    engineer.post(IMPORT, {"step": "import", "chosen": "possible", "name": "a.task", "packed": seen.context["packed"]})
    assert TaskDefinition.objects.get().label == "Good"


@pytest.mark.parametrize("packed", ["", "no base64!", "QUJD", "eJzLSM3JyVcozy/KSVFUyMxLzFMo"])
def test_whatever_stands_in_the_place_of_the_file_is_an_error_and_no_crash(packed: str, engineer: Client) -> None:
    page = engineer.post(IMPORT, {"step": "import", "chosen": "some", "choose": "x", "packed": packed})

    assert page.status_code == 422
    assert not TaskDefinition.objects.exists()


def test_a_file_that_unpacks_beyond_the_limit_is_not_read() -> None:
    assert unpack(pack(b"x" * 1000)) == b"x" * 1000
    assert unpack(base64.b64encode(zlib.compress(b"x" * (SIZE_LIMIT + 1))).decode()) is None


def test_the_page_names_the_limit_of_the_importer(engineer: Client) -> None:
    assert f"at most {SIZE_LIMIT // 2**20} MiB" in engineer.get(IMPORT).content.decode()
