"""What the original interpreter was measured to give, row by row: value, type, and errors as errors."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from execution.expressions import ExpressionError, evaluate
from execution.values import from_json, to_plain, to_text, type_name

DATA = Path(__file__).resolve().parents[3] / "data"
AGREED = json.loads((DATA / "expressions.json").read_text(encoding="utf-8"))
MEASURED = json.loads((DATA / "expressions_measured.json").read_text(encoding="utf-8"))


def scope() -> dict[str, Any]:
    return from_json(AGREED["context"])


def wide_scope() -> dict[str, Any]:
    values = scope()
    values["taskInputs"].update(from_json(MEASURED["inputs"]), dec=Decimal("1.50"))
    return values


def is_refused_java(text: str) -> bool:
    return text.startswith(("new java.", "java."))


@pytest.mark.parametrize("case", AGREED["cases"], ids=lambda case: case["expr"])
def test_a_row_of_the_agreed_table_has_its_value_and_type(case: dict[str, Any]) -> None:
    text = case["expr"]
    if case.get("error") or is_refused_java(text):
        with pytest.raises(ExpressionError):
            evaluate(text, scope())
        return
    value = evaluate(text, scope())
    assert type_name(value) == case["type"]
    plain = float(value) if isinstance(value, Decimal) else to_plain(value)
    assert plain == case["value"]
    assert type(plain) is type(case["value"])


def test_the_agreed_table_refuses_exactly_two_java_rows() -> None:
    assert sum(is_refused_java(case["expr"]) for case in AGREED["cases"]) == 2


def test_every_further_measured_row_has_its_text_form_and_type() -> None:
    wrong = []
    for text, kind, *form in MEASURED["cases"]:
        try:
            value = evaluate(text, wide_scope())
            got = [type_name(value), to_text(value).replace("\n", "\\n")]
        except ExpressionError:
            got = ["error"]
        if got != [kind, *form]:
            wrong.append((text, got, [kind, *form]))
    assert wrong == []


# Where this language differs from the measured interpreter on purpose: what it gives here, and why.
DIFFERENCES = [
    ('["size": 9].size', "Integer", "9", "a key of its own wins over the number of keys"),
    ("taskInputs.empty or 'd'", "String", "d", "the input named empty is read, not isEmpty()"),
    ("empty == ''", "Boolean", "true", "equality with empty holds from both sides"),
    ("true || false ? 1 : 2", "Integer", "1", "the modes of the interpreter disagree; this is the compiled one"),
    ("'a' + {1, 2}", "String", "a[1, 2]", "the interpreter writes an address in memory"),
    ("Math.round(blocks.b10.timestamp)", "Long", "1700000000000", "the interpreter cuts it to 2147483647"),
    ("[1] instanceof List", "Boolean", "true", "the interpreter wants the package"),
    ("taskInputs.?nope.x", "null", "null", "same, listed for the chain after .?"),
]


@pytest.mark.parametrize(("text", "kind", "form", "why"), DIFFERENCES, ids=lambda value: str(value)[:30])
def test_a_deliberate_difference_stays_what_it_is(text: str, kind: str, form: str, why: str) -> None:
    value = evaluate(text, wide_scope())
    assert (type_name(value), to_text(value)) == (kind, form), why


@pytest.mark.parametrize("text", ["true && null", "true && 1", "false || 'true'", "true and 'b'"])
def test_the_second_operand_of_a_logic_operator_must_be_boolean_too(text: str) -> None:
    with pytest.raises(ExpressionError, match="true or false is expected"):
        evaluate(text, scope())
