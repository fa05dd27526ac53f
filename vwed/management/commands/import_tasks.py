"""``manage.py import_tasks``: definitions from files, all or nothing per file."""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from scheduler.definitions import taskfile
from scheduler.definitions.importing import ImportRefused, import_file
from scheduler.definitions.judging import Imported
from scheduler.errors import Refused
from vwed.management.action import ActionCommand, Answer, actor, problem_json

_WORDS = {"created": "created", "new_version": "new version", "settings": "settings changed", "same": "unchanged"}


class Command(ActionCommand):
    help = (
        "Imports task definitions: an array .task, a zip of them, one definition object, or a bare detail object "
        "(label from the file name). Each file is imported completely or not at all."
    )

    def arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument(
            "files", nargs="+", metavar="FILE", help=".task file, zip of them, or one definition as JSON"
        )
        parser.add_argument("--replace", action="store_true", help="make a new version of labels that exist")

    def act(self, options: Mapping[str, Any]) -> Answer:
        files = [_import_one(Path(name), options["replace"]) for name in options["files"]]
        refused = [each["file"] for each in files if each["problems"]]
        lines = [line for each in files for line in _lines(each)]
        failure = f"Nothing was imported from {', '.join(refused)}." if refused else ""
        return Answer({"ok": not refused, "files": files}, "\n".join(lines), failure)


def _import_one(path: Path, replace: bool) -> dict[str, Any]:
    """The result for one file, as JSON."""
    result: dict[str, Any] = {"file": str(path), "definitions": [], "problems": []}
    try:
        data = _read(path)
        imported = import_file(path.name, data, actor=actor(), origin="command", replace=replace)
    except ImportRefused as error:
        result["problems"] = [problem_json(problem) for problem in error.problems]
    except Refused as error:
        result["problems"] = [{"path": "", "code": error.code, "message": error.message, "remedy": error.remedy}]
    else:
        result["definitions"] = [_definition_json(each) for each in imported]
    return result


def _read(path: Path) -> bytes:
    """The content of a file; one that the importer would refuse for its size is not read, so it costs no memory."""
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            if size > taskfile.SIZE_LIMIT:
                raise ImportRefused([taskfile.too_large(path.name, size)])
            data = file.read(taskfile.SIZE_LIMIT + 1)
    except OSError as error:
        raise Refused("unreadable", f"{path} cannot be read: {error.strerror}.", "Check the path.") from None
    return data


def _definition_json(imported: Imported) -> dict[str, Any]:
    return {
        "label": imported.label,
        "action": imported.action,
        "version": imported.version,
        "warnings": [problem_json(warning) for warning in imported.warnings],
    }


def _lines(result: dict[str, Any]) -> list[str]:
    lines = []
    for each in result["definitions"]:
        lines.append(f"{result['file']}: {each['label']} v{each['version']} ({_WORDS[each['action']]})")
        lines += [f"    warning: {w['path']}: {w['message']} {w['remedy']}".rstrip() for w in each["warnings"]]
    for p in result["problems"]:
        where = f"{result['file']}: {p['path']}" if p["path"] else result["file"]
        lines.append(f"{where}: {p['message']} {p['remedy']}".rstrip())
    return lines
