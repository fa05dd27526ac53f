"""Import and export of definitions on a real database."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scheduler.errors import Refused
from scheduler.exporting import export
from scheduler.importing import Imported, ImportRefused, import_file
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


def test_a_dry_run_says_what_would_happen_and_changes_nothing() -> None:
    assert load(file("a"), dry_run=True)[0].action == "created"
    assert not TaskDefinition.objects.exists()
    assert not AuditEntry.objects.exists()


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


_texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), min_size=1, max_size=20)
_labels = st.text(st.characters(exclude_categories=["C", "Zl", "Zp"]), min_size=1, max_size=20)
_labels = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), min_size=1, max_size=20)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(
    label=_labels.filter(lambda text: text.strip() == text and text.strip()),
    message=_texts,
    extra=st.dictionaries(st.sampled_from(["projectId", "createDate", "templateDescription"]), _texts),
    numbers=st.tuples(st.integers(0, 10**9), st.integers(1, 10**9), st.booleans(), st.booleans()),
)
def test_import_export_import_is_the_identity(
    label: str, message: str, extra: dict[str, str], numbers: tuple[int, int, bool, bool]
) -> None:
    delay, period, periodic, release = numbers
    data = file(
        label, message=message, delay=delay, period=period, periodicTask=periodic, releaseSites=release, **extra
    )
    TaskDefinition.objects.update(current=None)
    DefinitionVersion.objects.all().delete()
    TaskDefinition.objects.all().delete()
    load(data)
    first = export()
    assert [r.action for r in load(first.encode())] == ["same"]
    TaskDefinition.objects.update(current=None)
    DefinitionVersion.objects.all().delete()
    TaskDefinition.objects.all().delete()
    load(first.encode())
    assert export() == first
