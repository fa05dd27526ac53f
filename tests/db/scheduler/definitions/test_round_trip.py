"""Import → export → import is the identity, in every dialect and with whatever else a file carries.

What an import changes on purpose, once: null fields of blocks go, ``submodules`` becomes the branch ``default``, inputs
that are only names become declarations, a missing list is an empty one, a label loses blanks around it, and numbers are
those that 64-bit floats hold (``1e2`` is ``100.0``). What it cannot keep it refuses: names twice in one object, numbers
beyond the range, half characters, fields nested deeper than 28 levels.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scheduler.definitions.exporting import export
from scheduler.definitions.importing import ImportRefused, import_file
from scheduler.models import DefinitionVersion, TaskDefinition

pytestmark = pytest.mark.django_db

ROOT = '{"id":-1,"name":"-1","blockType":"RootBp","children":{"default":[]}}'
#: A block as some dialect writes it, and as it is kept.
Pair = tuple[dict[str, Any], dict[str, Any]]

_text = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
_name = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=8)
_number = st.one_of(
    st.integers(-(10**40), 10**40),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from([0, 0.0, -0.0, 1, 1.0, True, 2**53 + 1, 1e308, 5e-324]),
)
_value = st.recursive(
    st.none() | st.booleans() | _number | _text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_text, inner, max_size=3),
    max_leaves=6,
)
_label = _name.map(str.strip).filter(bool)


def extras(prefix: str) -> st.SearchStrategy[dict[str, Any]]:
    """Fields that mean nothing to us."""
    return st.dictionaries(_name.map(lambda name: f"{prefix} {name}"), _value, max_size=2)


@st.composite
def blocks(draw: st.DrawFn, dialect: str, numbers: list[int], depth: int) -> Pair:
    """One block and what is below it."""
    numbers[0] += 1
    number = numbers[0]
    kind, branches = draw(
        st.sampled_from([("PrintBp", ()), ("IfBp", ("default",)), ("IfElseBp", ("if", "else"))][: 3 if depth else 1])
    )
    value = draw(st.one_of(_text, _number)) if kind == "PrintBp" else "true"
    parameter = {"type": "Simple" if kind == "PrintBp" else "Expression", "value": value, **draw(extras("p"))}
    if dialect == "m4":
        parameter["ref"] = draw(_value)
    names = {"PrintBp": "message", "IfBp": "condition", "IfElseBp": "conditionIf"}
    kept: dict[str, Any] = {"id": number, "name": f"b{number}", "blockType": kind, **draw(extras("x"))}
    if dialect == "m4":
        kept |= {"color": draw(_text), "disabled": draw(st.booleans()), "moving": draw(st.none() | st.booleans())}
    kept["inputParams"] = {names[kind]: parameter}
    written = dict(kept)
    kept = {name: item for name, item in kept.items() if item is not None}
    below = {branch: draw(below_of(dialect, numbers, depth - 1)) for branch in branches}
    usual = dialect in ("flat", "m4") and branches == ("default",)
    if usual:
        written["submodules"] = [raw for raw, _ in below["default"]]
        written["children"] = draw(st.sampled_from([None, {}]))
    elif branches or draw(st.booleans()):
        written["children"] = {branch: [raw for raw, _ in pairs] for branch, pairs in below.items()}
    if "children" in written and (usual or written["children"] is not None):
        kept["children"] = {branch: [one for _, one in pairs] for branch, pairs in below.items()}
    return written, kept


@st.composite
def below_of(draw: st.DrawFn, dialect: str, numbers: list[int], depth: int) -> list[Pair]:
    """The blocks of one branch."""
    return [draw(blocks(dialect, numbers, depth)) for _ in range(draw(st.integers(0, 3)))]


@st.composite
def definitions(draw: st.DrawFn) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """A definition as a dialect writes it, its detail as it is kept, and the fields outside that stay."""
    dialect = draw(st.sampled_from(["text", "object", "flat", "m4"]))
    pairs = draw(below_of(dialect, [0], 2))
    root = {"id": -1, "name": "-1", "blockType": "RootBp", **draw(extras("r"))}
    kept_root = {name: item for name, item in root.items() if item is not None}
    raw_root = {**root, "children": {"default": [raw for raw, _ in pairs]}}
    if dialect == "flat":
        raw_root = {**root, "submodules": [raw for raw, _ in pairs]}
    kept_root["children"] = {"default": [one for _, one in pairs]}
    names = draw(st.lists(_name.filter(str.strip), max_size=3, unique=True))
    declared = [{"name": n, "type": "String", "label": n, "required": False, "defaultValue": ""} for n in names]
    outputs = draw(st.sampled_from([[], None])) if dialect != "m4" else draw(st.lists(_name, max_size=2))
    detail = {"inputParams": names if dialect in ("flat", "m4") else declared, "outputParams": outputs}
    more = {"taskVariables": draw(st.lists(_name, max_size=2))} if dialect == "m4" else draw(extras("d"))
    outside = draw(extras("o"))
    written = {"label": draw(_label), **outside}
    if dialect == "flat":
        return {**written, **detail, "rootBlock": raw_root}, _kept(declared, outputs, {}, kept_root), outside
    whole = {**detail, **more, "rootBlock": raw_root}
    written["detail"] = json.dumps(whole, ensure_ascii=False) if dialect == "text" else whole
    return written, _kept(declared, outputs, more, kept_root), outside


def _kept(declared: Any, outputs: Any, more: dict[str, Any], root: dict[str, Any]) -> dict[str, Any]:
    return {"inputParams": declared, "outputParams": outputs or [], **more, "rootBlock": root}


def exactly(value: Any) -> str:
    """Text that tells 1 from 1.0 and true."""
    return json.dumps(value, sort_keys=True)


def empty() -> None:
    """As a second, empty database."""
    TaskDefinition.objects.update(current=None)
    DefinitionVersion.objects.all().delete()
    TaskDefinition.objects.all().delete()


def load(data: str, **options: Any) -> list[str]:
    return [each.action for each in import_file("f.task", data.encode(), actor="t", origin="command", **options)]


def digests() -> dict[str, tuple[int, str]]:
    rows = TaskDefinition.objects.select_related("current")
    return {row.label: (row.current.number, row.current.digest) for row in rows if row.current}


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(
    made=st.lists(definitions(), min_size=1, max_size=3, unique_by=lambda each: each[0]["label"]),
    times=st.tuples(st.integers(1, 2**52), st.integers(0, 2**52), st.booleans(), st.booleans(), st.integers(0, 9)),
)
def test_import_export_import_is_the_identity(made: list[Any], times: tuple[int, int, bool, bool, int]) -> None:
    period, delay, periodic, release, status = times
    fields = {
        "period": period, "delay": delay, "periodicTask": int(periodic), "ifEnable": 0, "releaseSites": release,
        "status": status, "remark": "备注",
    }  # fmt: skip
    empty()

    first = load(json.dumps([{**written, **fields} for written, _, _ in made], ensure_ascii=False))
    exported = export()
    seen = digests()

    assert first == ["created"] * len(made)
    by_label = {item["label"]: item for item in json.loads(exported)}
    for written, kept, outside in made:
        item = by_label[written["label"]]
        assert exactly(json.loads(item["detail"])) == exactly(kept), "nothing of the logic is lost or changed"
        assert exactly({name: item[name] for name in [*outside, *fields]}) == exactly({**outside, **fields})
    assert load(exported) == ["same"] * len(made)

    empty()
    load(exported)

    assert export() == exported
    assert digests() == seen


def test_two_details_that_only_python_takes_for_equal_are_two_versions() -> None:
    def content(value: str) -> str:
        return json.dumps([{"label": "a", "detail": f'{{"n":{value},"rootBlock":{ROOT}}}'}])

    load(content("1"))

    assert [load(content(value), replace=True) for value in ("1.0", "true", '"1"')] == [["new_version"]] * 3
    assert load(content("1.00"), replace=True) == ["new_version"]
    assert DefinitionVersion.objects.count() == 5


@pytest.mark.parametrize(
    ("field", "code", "where"),
    [
        ('"x": 1e400', "number_range", "f.task › a › x"),
        ('"x": [1, {"y": -1e999}]', "number_range", "f.task › a › x › 2 › y"),
        ('"x": NaN', "broken_json", "f.task"),
        ('"x": 1, "x": 2', "duplicate_key", "f.task › a"),
        ('"x": "\\ud800"', "broken_text", "f.task › 1"),
        ('"x": ' + "[" * 30 + "]" * 30, "too_deep", "f.task › 1 “a” › x"),
        (f'"x": {"9" * 5000}', "broken_json", "f.task"),
    ],
)
def test_what_cannot_be_kept_is_refused_with_its_path(field: str, code: str, where: str) -> None:
    with pytest.raises(ImportRefused) as caught:
        load(f'[{{"label": "a", {field}, "rootBlock": {ROOT}}}]')

    assert [(problem.code, problem.path) for problem in caught.value.problems] == [(code, where)]
    assert not TaskDefinition.objects.exists()


@pytest.mark.parametrize("name", ["subBlocks", "blocks", "default", "body"])
def test_blocks_under_a_name_of_no_dialect_are_refused_and_never_dropped(name: str) -> None:
    child = {"id": 1, "name": "b1", "blockType": "PrintBp"}
    root = {"id": -1, "name": "-1", "blockType": "RootBp", name: [child]}

    with pytest.raises(ImportRefused) as caught:
        load(json.dumps([{"label": "a", "rootBlock": root}]))

    assert [problem.code for problem in caught.value.problems] == ["lost_blocks"]
    assert caught.value.problems[0].path.endswith(f"› {name}")


def test_the_runner_dialect_with_names_refs_and_nulls_compiles_and_keeps_its_marks() -> None:
    child = {
        "id": 1, "name": "b1", "blockType": "PrintBp", "disabled": False, "color": "#fff", "moving": None,
        "remark": None, "children": None, "submodules": None, "maxTimeOut": None,
        "inputParams": {"message": {"type": "Expression", "value": "taskInputs.who", "ref": "in", "required": None}},
    }  # fmt: skip
    root = {"id": -1, "name": "-1", "blockType": "RootBp", "submodules": [child], "inputParams": None}
    item = {
        "label": "m4", "inputParams": ["who"], "outputParams": ["out"], "taskVariables": ["v"],
        "globalVariables": ["g"], "rootBlock": root, "remark": None, "version": None, "windcategoryId": None,
    }  # fmt: skip

    assert load(json.dumps(item)) == ["created"]

    exported = json.loads(export())[0]
    kept = json.loads(exported["detail"])
    (block,) = kept["rootBlock"]["children"]["default"]
    assert (exported["taskVariables"], exported["globalVariables"]) == (["v"], ["g"])
    assert (block["color"], block["disabled"], "moving" in block) == ("#fff", False, False)
    assert block["inputParams"]["message"]["ref"] == "in"
    assert (kept["inputParams"][0]["name"], kept["outputParams"]) == ("who", ["out"])
