"""``manage.py export_tasks``: definitions as a file that the importer reads back unchanged."""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from scheduler.definitions.exporting import export
from scheduler.errors import Refused
from vwed.management.action import ActionCommand, Answer


class Command(ActionCommand):
    help = "Writes task definitions as an array .task that import_tasks reads back unchanged. Without LABEL: all."

    def arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("labels", nargs="*", metavar="LABEL")
        parser.add_argument(
            "-o", "--output", required=True, metavar="FILE", help="file to write; - for standard output"
        )

    def act(self, options: Mapping[str, Any]) -> Answer:
        text = export(options["labels"] or None)
        labels = [each["label"] for each in json.loads(text)]
        if options["output"] == "-":
            return Answer(json.loads(text), text)
        path = Path(options["output"])
        _write(path, text)
        number = f"{len(labels)} definition{'' if len(labels) == 1 else 's'}"
        return Answer({"file": str(path), "labels": labels}, f"{number} written to {path}.")


def _write(path: Path, text: str) -> None:
    """Write completely or not at all: a full disk must not leave half an export under the name.

    Raises:
        Refused: ``unwritable``.
    """
    try:
        with tempfile.NamedTemporaryFile("w", dir=path.parent, encoding="utf-8", delete=False) as draft:
            draft.write(text)
        Path(draft.name).chmod(0o644)
        Path(draft.name).replace(path)
    except OSError as error:
        raise Refused("unwritable", f"{path} cannot be written: {error.strerror}.", "Check the directory.") from None
