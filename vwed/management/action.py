"""What all commands of this project have in common: one answer, its exit code, and refusals with a remedy.

Exit code 0: done. 1: refused or failed. 2: wrong usage. With ``--json`` standard output carries exactly one document,
for refusals too; words for people then go to standard error only.
"""

from __future__ import annotations

import argparse
import getpass
import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError

from execution.errors import Problem
from scheduler.errors import Refused
from vwed import diagnosis


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command has to say. ``failure`` is the sentence for standard error when it did not succeed."""

    document: Any
    text: str = ""
    failure: str = ""


class WrongUsage(Exception):
    """The arguments are well formed one by one, but not together (exit code 2)."""


class ActionCommand(BaseCommand):
    """A command that does one thing and answers. Subclasses implement ``arguments`` and ``act``."""

    requires_system_checks = ()  # `manage.py doctor` makes them, once
    json_option = True

    def arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare the command's own arguments."""

    def act(self, options: Mapping[str, Any]) -> Answer:
        """Do it.

        Raises:
            Refused: the action is not possible; nothing was changed.
            WrongUsage: the arguments contradict each other.
        """
        raise NotImplementedError

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare ``--json`` and the command's own arguments."""
        self.arguments(parser)
        if self.json_option:
            parser.add_argument("--json", action="store_true", help="print one JSON document and nothing else")

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        """Like Django's; wrong usage gives a JSON document too when one was asked for."""
        parser = super().create_parser(prog_name, subcommand, **kwargs)
        if self.json_option and "--json" in sys.argv[2:] and parser.called_from_command_line:
            original: Callable[[str], NoReturn] = parser.error

            def error(message: str) -> NoReturn:
                self._print_json(_problem("wrong_usage", message, f"See {prog_name} {subcommand} --help."))
                original(message)

            parser.error = error  # type: ignore[method-assign]
        return parser

    def handle(self, *args: Any, **options: Any) -> None:
        """Act, print the answer, and turn a refusal into a message and an exit code."""
        as_json = bool(options.get("json"))
        try:
            answer = self.act(options)
        except WrongUsage as error:
            self._fail(as_json, _problem("wrong_usage", str(error), ""), str(error), 2)
        except Refused as error:
            self._fail(as_json, _problem(error.code, error.message, error.remedy), str(error), 1)
        except DatabaseError as error:
            finding = diagnosis.explain_database_error(error)
            self._fail(as_json, _problem(finding.code, finding.message, finding.remedy), str(finding), 1)
        if as_json:
            self._print_json(answer.document)
        elif answer.text:
            self.stdout.write(answer.text)
        if answer.failure:
            raise CommandError(answer.failure, returncode=1)

    def _fail(self, as_json: bool, document: Any, text: str, code: int) -> NoReturn:
        if as_json:
            self._print_json(document)
        raise CommandError(text, returncode=code)

    def _print_json(self, document: Any) -> None:
        self.stdout.write(json.dumps(document, ensure_ascii=False, indent=1, default=str))


def _problem(code: str, message: str, remedy: str) -> dict[str, Any]:
    return {"error": {"code": code, "message": message, "remedy": remedy}}


def problem_json(problem: Problem) -> dict[str, Any]:
    """A fault of a definition, as commands print it."""
    return {"path": problem.path, "code": problem.code, "message": problem.message, "remedy": problem.remedy}


def actor() -> str:
    """Who gives the command: the login name of the person at the terminal."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name
        return "command line"
