"""``manage.py evaluate``: try an expression without a task and without the database."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from execution.expressions import ExpressionError, evaluate
from execution.values import from_json, to_plain, to_text, type_name

MAX_SCOPE_BYTES = 10_000_000


class Command(BaseCommand):
    help = "Evaluate an expression of the block language and print its value and type."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("expression", metavar="EXPRESSION", help="for example: blocks.b1.siteId != null")
        parser.add_argument(
            "--scope",
            metavar="FILE",
            help='JSON object with taskInputs, blocks and task; {"$long": 5} is a Long. "-" reads standard input.',
        )
        parser.add_argument(
            "--lenient", action="store_true", help="a missing task.variables.x is null, as in a running task"
        )
        parser.add_argument("--json", action="store_true", help="print one JSON document")

    def handle(self, *args: Any, **options: Any) -> None:
        scope = _read_scope(options["scope"])
        try:
            value = evaluate(options["expression"], scope, strict_variables=not options["lenient"])
        except ExpressionError as error:
            self._refuse(error, options["expression"], options["json"])
            sys.exit(1)
        if options["json"]:
            self._print({"value": to_plain(value), "type": type_name(value)})
        else:
            text = to_text(value).encode("utf-8", "replace").decode()  # a scope may hold half a character
            self.stdout.write(f"{text}\n{type_name(value)}")

    def _refuse(self, error: ExpressionError, text: str, as_json: bool) -> None:
        if as_json:
            self._print({"error": {"message": error.message, "position": error.position, "hint": error.hint}})
            return
        if error.position is not None:
            self.stderr.write("\n".join(pointed(text, error.position)), self.style.NOTICE)
        self.stderr.write(error.message)
        if error.hint:
            self.stderr.write(error.hint, self.style.WARNING)

    def _print(self, document: dict[str, Any]) -> None:
        self.stdout.write(json.dumps(document))


def _read_scope(name: str | None) -> dict[str, Any]:
    """Read the scope.

    Raises:
        CommandError: the file is missing, too large, or no JSON object (exit code 2).
    """
    if name is None:
        return {"taskInputs": {}, "blocks": {}, "task": {"variables": {}}}
    try:
        text = sys.stdin.read(MAX_SCOPE_BYTES + 1) if name == "-" else _file_text(Path(name))
        if len(text) > MAX_SCOPE_BYTES:
            raise CommandError(f"The scope file {name} is larger than {MAX_SCOPE_BYTES} bytes.", returncode=2)
        scope = from_json(json.loads(text))
    except OSError as error:
        raise CommandError(f"The scope file {name} cannot be read: {error.strerror}.", returncode=2) from None
    except (ValueError, RecursionError) as error:
        raise CommandError(f"The scope file {name} is not JSON: {error}.", returncode=2) from None
    if not isinstance(scope, dict):
        raise CommandError(
            f'The scope file {name} must hold an object: {{"taskInputs": {{…}}, "blocks": {{…}}, "task": {{…}}}}.',
            returncode=2,
        )
    return scope


def _file_text(path: Path) -> str:
    with path.open(encoding="utf-8-sig") as file:
        return file.read(MAX_SCOPE_BYTES + 1)


def pointed(text: str, position: int) -> tuple[str, str]:
    """Give the line of ``text`` with the position, cut to a readable width, and a caret under it."""
    start = text.rfind("\n", 0, position) + 1
    end = text.find("\n", position)
    line = text[start : end if end >= 0 else len(text)]
    column = position - start
    cut = max(0, column - 60)
    return line[cut : cut + 120], " " * (column - cut) + "^"
