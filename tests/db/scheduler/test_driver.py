"""A row inserted through the driver is the row that the ORM would have written."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, models, transaction

from scheduler import clock, driver
from scheduler.models import Effect, TaskRecord
from scheduler.submission import submit
from tests.db.scheduler.making import definition

pytestmark = pytest.mark.django_db


def columns_of(row: models.Model, *, but: tuple[str, ...] = ()) -> dict[str, object]:
    stored = type(row).objects.get(pk=row.pk)  # type: ignore[attr-defined]
    return {
        field.attname: getattr(stored, field.attname) for field in row._meta.concrete_fields if field.attname not in but
    }


def a_record(record_id: str) -> TaskRecord:
    made = definition(label=f"moves 托盘 {record_id}")
    given = submit(definition=made, priority=-3, out_order_no=f"o-{record_id}", actor="anna", origin="page").record
    given.pk = None
    given.record_id, given.out_order_no = record_id, f"{record_id} 'quoted' %s ? \\"
    given.due_at, given.ended_reason, given.periodic = clock.now(), "it's 100 % 🚚", True
    return given


def test_every_column_is_written_as_the_orm_writes_it() -> None:
    through_driver, through_orm = a_record("d-1"), a_record("d-2")
    driver.insert(through_driver)
    through_orm.save(force_insert=True)
    own = (
        "id",
        "record_id",
        "out_order_no",
        "due_at",
        "created_at",
        "ready_at",
        "rank",
        "root_record_id",
        "definition_id",
        "version_id",
        "label",
    )
    assert columns_of(through_driver, but=own) == columns_of(through_orm, but=own)
    stored = columns_of(through_driver)
    given = {name: getattr(through_driver, name) for name in own}
    assert {name: stored[name] for name in own} == given
    assert not through_driver._state.adding


def test_a_key_that_is_taken_is_an_integrity_error_and_the_transaction_goes_on() -> None:
    first, second = a_record("d-1"), a_record("d-2")
    driver.insert(first)
    second.record_id = "d-1"
    with pytest.raises(IntegrityError), transaction.atomic():
        driver.insert(second)
    assert TaskRecord.objects.filter(record_id="d-1").count() == 1


def test_a_model_whose_values_need_the_orm_is_refused() -> None:
    with pytest.raises(TypeError, match="cannot be written through the driver"):
        driver.insert(Effect(key="k"))


def test_columns_of_one_row_are_written_and_a_row_that_is_gone_is_told() -> None:
    record = a_record("d-1")
    driver.insert(record)
    now = clock.now()
    assert driver.update(TaskRecord, record.pk, {"due_at": now, "ended_reason": "it's 100 %"})
    record.refresh_from_db()
    assert (record.due_at, record.ended_reason) == (now, "it's 100 %")
    assert driver.update(TaskRecord, record.pk, {"ended_reason": "it's 100 %"}), "there, although nothing changed"
    assert not driver.update(TaskRecord, -1, {"ended_reason": ""})
