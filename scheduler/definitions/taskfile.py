"""The ``.task`` file: bytes in, checked definition objects out. No database here.

Recognised: a JSON array of definitions, one definition object, a bare ``detail`` object (its label is the file's
name), a zip of such files (root or one folder deep), and the dialects other back ends write: a flat object without
``detail``, branches under ``submodules``, parameter lists that are only names. A tree that would come out empty is
refused, never imported silently.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

from execution.errors import Problem
from execution.values import to_text
from scheduler.definitions.taskjson import BROKEN, depth_of, parse, writable

#: Largest file, and largest sum of what a zip holds.
SIZE_LIMIT = 16 * 1024 * 1024
#: Most definitions a file may hold.
COUNT_LIMIT = 2000

#: Levels of a field that is only kept: MariaDB checks JSON no deeper than 32.
EXTRA_DEPTH = 28

_SHORTEN = "Shorten it."
_EXPORT = "Import the file that the task editor exports."
#: What breaks a line or cannot be shown; lists, logs and commands name a task by its label.
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_DETAIL_KEYS = ("inputParams", "outputParams", "rootBlock")
_KNOWN = {
    "id", "label", "detail", "version", "ifEnable", "periodicTask", "period", "delay", "releaseSites",
    "templateName", "remark", "windcategoryId",
}  # fmt: skip


class TaskFileError(Exception):
    """A file that cannot be imported. ``problems`` holds every fault found, each with its path and remedy."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = problems


@dataclass(slots=True)
class Candidate:
    """One definition of a file, checked in form (not yet compiled). One with ``problems`` cannot be imported."""

    label: str
    detail: dict[str, Any]
    path: str
    definition_id: str = ""
    version: int | None = None
    periodic: bool = False
    periodic_enabled: bool = False
    period_ms: int = 3000
    delay_ms: int = 1000
    release_sites: bool = False
    template_name: str = "userTemplate"
    category_id: int = 0
    remark: str = ""
    extra: dict[str, Any] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)


def read(name: str, data: bytes) -> list[Candidate]:
    """Return the definitions of a file.

    Raises:
        TaskFileError: with all faults of form; labels that occur twice are one of them.
    """
    candidates = look(name, data)
    problems = [problem for candidate in candidates for problem in candidate.problems]
    if problems:
        raise TaskFileError(problems)
    return candidates


def look(name: str, data: bytes) -> list[Candidate]:
    """Return the definitions of a file, faulty ones with their problems.

    Raises:
        TaskFileError: the file as a whole cannot be read.
    """
    if len(data) > SIZE_LIMIT:
        raise TaskFileError([too_large(name, len(data))])
    candidates: list[Candidate] = []
    problems: list[Problem] = []
    for member, text in _members(name, data, problems):
        _read_text(member, text, candidates, problems)
    if not candidates and not problems:
        problems.append(
            Problem(name, "empty_file", "The file holds no task definition.", "Export definitions, or check the file.")
        )
    if problems:
        raise TaskFileError(problems + [problem for candidate in candidates for problem in candidate.problems])
    _twice(candidates, "label", "WIND_LABEL_ERROR")
    _twice(candidates, "definition_id", "duplicate_id")
    return candidates


def too_large(name: str, size: int) -> Problem:
    """The refusal of a file of that many bytes."""
    return Problem(
        name,
        "file_too_large",
        f"The file has {size / 2**20:.1f} MiB; the limit is {SIZE_LIMIT // 2**20} MiB.",
        "Split it into several files.",
    )


def _members(name: str, data: bytes, problems: list[Problem]) -> Iterator[tuple[str, bytes]]:
    """Yield (name, content) of the file itself, or of every ``.task`` in a zip."""
    if not data.startswith(b"PK\x03\x04"):
        yield name, data
        return
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = [e for e in archive.infolist() if e.filename.endswith(".task") and e.filename.count("/") <= 1]
            if sum(entry.file_size for entry in entries) > SIZE_LIMIT:
                problems.append(too_large(name, sum(entry.file_size for entry in entries)))
                return
            if not entries:
                problems.append(
                    Problem(name, "empty_file", "The zip holds no .task file in its root or one folder deep.", _EXPORT)
                )
            for entry in entries:
                with archive.open(entry) as member:
                    # The size in the directory may lie: read at most the limit.
                    content = member.read(SIZE_LIMIT + 1)
                if len(content) > SIZE_LIMIT:
                    problems.append(too_large(f"{name} › {entry.filename}", len(content)))
                else:
                    yield f"{name} › {entry.filename}", content
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, OSError) as error:
        problems.append(Problem(name, "broken_zip", f"The zip cannot be read: {error}.", "Export it again."))


def _read_text(name: str, data: bytes, candidates: list[Candidate], problems: list[Problem]) -> None:
    document = parse(name, data, problems)
    if document is BROKEN:
        return
    items = document if isinstance(document, list) else [document]
    if len(items) > COUNT_LIMIT:
        words = f"{len(items)} definitions; the limit is {COUNT_LIMIT} a file."
        problems.append(Problem(name, "too_many", words, "Split it into several files."))
        return
    for number, item in enumerate(items, start=1):
        path = name if len(items) == 1 and not isinstance(document, list) else f"{name} › {number}"
        found: list[Problem] = []
        if not isinstance(item, dict):
            found.append(Problem(path, "not_an_object", f"A definition is an object, not {_kind(item)}.", _EXPORT))
        elif writable(path, item, found):
            candidates.append(_candidate(item, path, _stem(name), found))
            continue
        candidates.append(Candidate("", {}, path, problems=found))


def _candidate(item: dict[str, Any], path: str, stem: str, problems: list[Problem]) -> Candidate:
    label = item.get("label")
    bare = label is None and "detail" not in item and "rootBlock" in item
    if bare:
        label = stem
    if not isinstance(label, str) or not label.strip():
        problems.append(Problem(f"{path} › label", "no_label", "The definition has no label.", "Give it a name."))
        label = ""
    elif len(label) > 190:
        problems.append(Problem(f"{path} › label", "long_label", "The label is longer than 190 characters.", _SHORTEN))
    elif _CONTROL.search(label.strip()):
        words = "The label holds a line break or another control character."
        problems.append(Problem(f"{path} › label", "bad_label", words, "Give it a name of one line."))
        label = ""
    path = f"{path} “{label.strip()[:60]}”" if label else path
    detail = _detail(item, path, problems)
    reader = _Fields(item, path, problems)
    return Candidate(
        label=label.strip(),
        detail=detail or {},
        path=path,
        definition_id=reader.text("id", "", 64),
        version=reader.number("version", None, below=2**31),
        periodic=reader.flag("periodicTask"),
        periodic_enabled=reader.flag("ifEnable"),
        period_ms=reader.number("period", 3000) or 3000,
        delay_ms=reader.number("delay", 1000) or 0,
        release_sites=reader.flag("releaseSites"),
        template_name=reader.text("templateName", "userTemplate", 190),
        category_id=reader.number("windcategoryId", 0) or 0,
        remark=reader.text("remark", "", 10_000),
        extra=_extra(item, path, problems),
        problems=problems,
    )


def _extra(item: dict[str, Any], path: str, problems: list[Problem]) -> dict[str, Any]:
    """The fields that mean nothing here and are given back on export."""
    extra = {k: v for k, v in item.items() if k not in _KNOWN and k not in _DETAIL_KEYS}
    if type(extra.get("status", 0)) is int and not extra.get("status"):
        extra.pop("status", None)  # the usual one, which the export writes anyway
    for name, value in extra.items():
        if depth_of(value) > EXTRA_DEPTH:
            words = f"The field is nested deeper than {EXTRA_DEPTH} levels, which is not kept."
            problems.append(Problem(f"{path} › {name[:60]}", "too_deep", words, "Take it out, or flatten it."))
    return extra


def _detail(item: dict[str, Any], path: str, problems: list[Problem]) -> dict[str, Any] | None:
    """Find the logic of a definition, whatever the dialect, and bring it to the one form."""
    raw = item.get("detail")
    if isinstance(raw, str):
        raw = parse(f"{path} › detail", raw.encode(), problems)
        if raw is BROKEN or not writable(f"{path} › detail", raw, problems):
            return None
    elif raw is None:
        raw = {key: item[key] for key in _DETAIL_KEYS if key in item}
    if not isinstance(raw, dict) or not isinstance(raw.get("rootBlock"), dict):
        problems.append(
            Problem(
                f"{path} › detail",
                "no_tree",
                "The definition has no rootBlock: it would be an empty task.",
                _EXPORT,
            )
        )
        return None
    detail = dict(raw)
    detail["inputParams"] = _parameters(raw.get("inputParams"), f"{path} › inputParams", problems)
    detail["outputParams"] = raw.get("outputParams") or []
    detail["rootBlock"] = _one_dialect(raw["rootBlock"], f"{path} › rootBlock", problems)
    return detail


def _parameters(raw: Any, path: str, problems: list[Problem]) -> list[dict[str, Any]]:
    """Input parameters as objects; one dialect lists only their names."""
    if raw is None:
        return []
    if not isinstance(raw, list):
        problems.append(Problem(path, "bad_inputs", f"inputParams is a list, not {_kind(raw)}.", _EXPORT))
        return []
    found: list[dict[str, Any]] = []
    for number, entry in enumerate(raw):
        if isinstance(entry, str):
            entry = {"name": entry, "type": "String", "label": entry, "required": False, "defaultValue": ""}
        if not isinstance(entry, dict) or not isinstance(entry.get("name"), str) or not entry["name"]:
            words = "An input parameter needs a name."
            problems.append(Problem(f"{path} › {number + 1}", "bad_inputs", words, "Give it a name."))
        else:
            found.append(entry)
    return found


def _one_dialect(root: dict[str, Any], path: str, problems: list[Problem]) -> dict[str, Any]:
    """Return the tree with ``submodules`` renamed to ``default`` and null fields left out, without recursion.

    Blocks under a name that no dialect has are a problem: they would not run, and nobody would be told.
    """
    top: dict[str, Any] = {}
    stack: list[tuple[Any, dict[str, Any] | list[Any], Any]] = [(root, top, "root")]
    while stack:
        value, holder, key = stack.pop()
        if isinstance(value, dict) and ("blockType" in value or "children" in value):
            block = {k: v for k, v in value.items() if v is not None and k not in ("children", "submodules")}
            problems.extend(_lost_blocks(block, path))
            children = value.get("children")
            more = value.get("submodules")
            if isinstance(children, dict) or (children is None and more is not None):
                block["children"] = branches = _branches(children or {}, more)
                for blocks in branches.values():
                    if isinstance(blocks, list):
                        stack.extend((child, blocks, index) for index, child in enumerate(blocks))
            elif children is not None:
                block["children"] = children
            value = block
        holder[key] = value
    whole: dict[str, Any] = top["root"]
    return whole


def _lost_blocks(block: dict[str, Any], path: str) -> Iterator[Problem]:
    for name, value in block.items():
        if isinstance(value, list) and any(isinstance(each, dict) and "blockType" in each for each in value):
            where = f"{path} › {str(block.get('name', ''))[:60]} › {name[:60]}"
            words = "Blocks are listed under a name that is no branch; they would be lost."
            yield Problem(where, "lost_blocks", words, "The branches of a block are under “children” or “submodules”.")


def _branches(children: dict[str, Any], submodules: Any) -> dict[str, Any]:
    """The branches of a block; what two names of one branch hold comes one after the other."""
    branches: dict[str, Any] = {}
    for name, blocks in [*children.items(), ("submodules", submodules)]:
        branch = "default" if name == "submodules" else name
        before = branches.get(branch)
        if blocks is None:
            continue
        if isinstance(before, list) and isinstance(blocks, list):
            before.extend(blocks)
        # What is no list is refused by the compiler, so a list must not hide it.
        elif not before or (blocks and isinstance(before, list)):
            branches[branch] = list(blocks) if isinstance(blocks, list) else blocks
    return branches


class _Fields:
    """Typed reading of the optional fields of a definition; collects what is wrong."""

    def __init__(self, item: dict[str, Any], path: str, problems: list[Problem]) -> None:
        self.item = item
        self.path = path
        self.problems = problems

    def _wrong(self, name: str, wanted: str, value: Any) -> None:
        self.problems.append(
            Problem(f"{self.path} › {name}", "bad_field", f"{name} is {wanted}, not {_kind(value)}.", "Correct it.")
        )

    def text(self, name: str, default: str, limit: int) -> str:
        value = self.item.get(name)
        if value is None:
            return default
        if isinstance(value, bool) or not isinstance(value, str | int):
            self._wrong(name, "a text", value)
            return default
        if len(str(value)) > limit:
            self.problems.append(
                Problem(f"{self.path} › {name}", "bad_field", f"{name} is longer than {limit} characters.", _SHORTEN)
            )
        return str(value)

    def number(self, name: str, default: int | None, below: int = 2**53) -> int | None:
        value = self.item.get(name)
        if value is None:
            return default
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < below:
            self._wrong(name, f"a whole number from 0 to {below - 1}", value)
            return default
        return value

    def flag(self, name: str) -> bool:
        value = self.item.get(name)
        if value in (None, 0, 1):
            return bool(value)
        self._wrong(name, "true, false, 1 or 0", value)
        return False


def _kind(value: Any) -> str:
    names = {dict: "an object", list: "a list", str: "a text", bool: "true/false", type(None): "null"}
    shown = names.get(type(value), "a number")
    return f"{shown} ({to_text(value)[:40]!a})" if isinstance(value, str | int | float) else shown


def _stem(name: str) -> str:
    return PurePosixPath(name.split("›")[-1].strip()).stem


def _twice(candidates: list[Candidate], attribute: str, code: str) -> None:
    """A problem for each definition whose label or id another one of the file has."""
    seen: dict[str, Candidate] = {}
    for candidate in candidates:
        key = getattr(candidate, attribute)
        first = seen.setdefault(key, candidate) if key else candidate
        if first is not candidate:
            candidate.problems.append(
                Problem(
                    candidate.path,
                    code,
                    f"The {attribute.replace('_', ' ')} “{key}” occurs twice in this file (also {first.path}).",
                    "Each definition needs its own.",
                )
            )
