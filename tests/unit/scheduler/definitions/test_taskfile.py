"""Reading .task files: every dialect, every fault with its path."""

from __future__ import annotations

import io
import json
import zipfile
from typing import Any

import pytest

from scheduler.definitions import taskfile
from scheduler.definitions.taskfile import TaskFileError, read

ROOT: dict[str, Any] = {"id": -1, "name": "-1", "blockType": "RootBp", "children": {"default": []}}
DETAIL = {"inputParams": [], "outputParams": [], "rootBlock": ROOT}


def definition(label: str = "move", **fields: Any) -> dict[str, Any]:
    return {"label": label, "detail": json.dumps(DETAIL), **fields}


def encode(document: Any) -> bytes:
    return json.dumps(document).encode()


def codes(name: str, data: bytes) -> list[str]:
    with pytest.raises(TaskFileError) as caught:
        read(name, data)
    return [problem.code for problem in caught.value.problems]


def zipped(**files: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name.replace("__", "/").replace("_task", ".task"), content)
    return buffer.getvalue()


def test_an_array_gives_its_definitions_with_documented_defaults() -> None:
    (found,) = read("a.task", encode([definition()]))
    assert (found.label, found.period_ms, found.delay_ms, found.template_name) == ("move", 3000, 1000, "userTemplate")
    assert not found.periodic
    assert not found.periodic_enabled
    assert found.category_id == 0


def test_one_object_and_a_bare_detail_are_recognised() -> None:
    assert read("a.task", encode(definition("x")))[0].label == "x"
    assert read("folder/pick up.json", encode(DETAIL))[0].label == "pick up"


def test_a_byte_order_mark_is_no_error() -> None:
    assert read("a.task", b"\xef\xbb\xbf" + encode(definition()))[0].label == "move"


def test_the_flat_dialect_keeps_its_tree_and_renames_submodules() -> None:
    child = {"id": 1, "name": "b1", "blockType": "PrintBp", "inputParams": {}}
    flat = {"label": "flat", "inputParams": ["a"], "outputParams": None, "rootBlock": {**ROOT, "children": None}}
    flat["rootBlock"] = {"id": -1, "name": "-1", "blockType": "RootBp", "submodules": [child]}
    (found,) = read("a.task", encode([flat]))
    assert [b["name"] for b in found.detail["rootBlock"]["children"]["default"]] == ["b1"]
    assert found.detail["inputParams"][0]["name"] == "a"
    assert "submodules" not in json.dumps(found.detail)


@pytest.mark.parametrize("order", [("submodules", "default"), ("default", "submodules")])
def test_two_names_of_one_branch_are_joined_and_no_block_is_dropped(order: tuple[str, str]) -> None:
    children = {name: [{"id": number, "blockType": "PrintBp"}] for number, name in enumerate(order)}
    (found,) = read("a.task", encode({"label": "x", "rootBlock": {**ROOT, "children": children}}))
    assert [block["id"] for block in found.detail["rootBlock"]["children"]["default"]] == [0, 1]
    beside = {**ROOT, "children": {}, "submodules": [{"id": 7, "blockType": "PrintBp"}]}
    (found,) = read("a.task", encode({"label": "x", "rootBlock": beside}))
    assert [block["id"] for block in found.detail["rootBlock"]["children"]["default"]] == [7]


def test_a_name_that_an_object_holds_twice_is_refused_with_its_path() -> None:
    block = '{"name": "b1", "blockType": "IfBp", "children": {"default": [{"id": 1}], "default": []}}'
    detail = '{"rootBlock": {"blockType": "RootBp", "children": {"default": [' + block + "]}}}"
    with pytest.raises(TaskFileError) as caught:
        read("a.task", encode([{"label": "x", "detail": detail}]))
    (problem,) = caught.value.problems
    assert problem.code == "duplicate_key"
    assert problem.path.endswith("detail › rootBlock › children › default › b1 › children")
    assert "“default”" in problem.message
    assert problem.remedy


def test_a_label_of_more_than_spaces_and_letters_stays_as_it_is() -> None:
    assert read("a.task", encode(definition("搬运\u3000上料 Ω")))[0].label == "搬运\u3000上料 Ω"


def test_null_fields_of_blocks_are_left_out() -> None:
    root = {**ROOT, "remark": None, "children": {"default": [], "other": None}}
    (found,) = read("a.task", encode([{"label": "n", "detail": {"rootBlock": root}}]))
    assert found.detail["rootBlock"] == ROOT


def test_a_zip_gives_every_task_file_one_folder_deep() -> None:
    data = zipped(a_task=encode(definition("a")), sub__b_task=encode([definition("b")]), notes_txt=b"x")
    assert sorted(c.label for c in read("all.zip", data)) == ["a", "b"]


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "broken_json"),
        (b"{", "broken_json"),
        (b"\xff\xfe{}", "not_utf8"),
        (b'{"label": NaN}', "broken_json"),
        (b"[]", "empty_file"),
        (b"[1]", "not_an_object"),
        (b'"text"', "not_an_object"),
        (b"[" * 100_000, "too_deep"),
        (encode({"label": "x"}), "no_tree"),
        (encode({"label": "x", "detail": "{}"}), "no_tree"),
        (encode({"label": "x", "detail": "{"}), "broken_json"),
        (encode({"label": "x", "detail": {"rootBlock": []}}), "no_tree"),
        (encode(definition("  ")), "no_label"),
        (encode({**definition(), "label": 7}), "no_label"),
        (encode(definition("x" * 191)), "long_label"),
        (encode(definition("a\x00b")), "bad_label"),
        (encode(definition("two\nlines")), "bad_label"),
        (encode(definition("a\u2028b")), "bad_label"),
        (b'{"label": "a", "label": "b"}', "duplicate_key"),
        (encode(definition(period="soon")), "bad_field"),
        (encode(definition(period=-1)), "bad_field"),
        (encode(definition(ifEnable="yes")), "bad_field"),
        (encode({"label": "x", "detail": {"rootBlock": ROOT, "inputParams": {}}}), "bad_inputs"),
        (encode({"label": "x", "detail": {"rootBlock": ROOT, "inputParams": [{}]}}), "bad_inputs"),
        (b"PK\x03\x04 not a zip", "broken_zip"),
        (encode([definition()] * (taskfile.COUNT_LIMIT + 1)), "too_many"),
    ],
)
def test_a_bad_file_is_refused_with_its_code(data: bytes, code: str) -> None:
    with pytest.raises(TaskFileError) as caught:
        read("bad.task", data)
    assert code in [problem.code for problem in caught.value.problems]
    assert all(problem.remedy for problem in caught.value.problems)


def test_a_file_over_the_limit_is_refused_before_it_is_parsed() -> None:
    assert codes("huge.task", b"[" + b" " * taskfile.SIZE_LIMIT) == ["file_too_large"]


def test_a_zip_bomb_is_refused() -> None:
    assert codes("bomb.zip", zipped(a_task=b" " * (taskfile.SIZE_LIMIT + 1))) == ["file_too_large"]


def test_a_zip_without_task_files_says_so() -> None:
    assert codes("x.zip", zipped(a_txt=b"x")) == ["empty_file"]


def test_labels_and_ids_that_occur_twice_are_named() -> None:
    assert codes("a.task", encode([definition("a"), definition("a")])) == ["WIND_LABEL_ERROR"]
    assert codes("a.task", encode([definition("a", id="1"), definition("b", id="1")])) == ["duplicate_id"]


def test_all_problems_of_a_file_are_reported_together_with_their_paths() -> None:
    with pytest.raises(TaskFileError) as caught:
        read("f.task", encode([{"label": ""}, definition("ok"), definition("p", delay=[])]))
    paths = [problem.path for problem in caught.value.problems]
    assert paths == ["f.task › 1 › label", "f.task › 1 › detail", "f.task › 3 “p” › delay"]
