"""Import of task definitions: all or nothing per file, new versions instead of changes, every problem with its path."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from django.db import IntegrityError

from execution.errors import Problem
from scheduler import audit, conflicts
from scheduler.definitions import taskfile
from scheduler.definitions.judging import Imported, Known, compile_all, foresee, judge
from scheduler.definitions.storing import store
from scheduler.errors import SchedulerError


class ImportRefused(SchedulerError):
    """Nothing of the file was imported. ``problems`` holds every fault, with its path and remedy."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = list(problems)


def import_file(
    name: str, data: bytes, *, actor: str, origin: str, replace: bool = False, only: Collection[str] | None = None
) -> list[Imported]:
    """Import every definition of a file, or none. ``only``: those with these labels, and nobody looks at the others.

    A label that exists is refused unless ``replace``, which makes a new version; unchanged definitions are ``same``.

    Raises:
        ImportRefused: with all problems of all definitions.
    """
    candidates = [each for each in _look(name, data) if only is None or each.label in only]
    if not candidates:
        raise ImportRefused([Problem(name, "nothing_chosen", "No definition was chosen.", "Choose at least one.")])
    # Compiling takes its time: nobody waits for a lock meanwhile.
    compiled = compile_all(candidates)

    def write() -> list[Imported]:
        known = Known(lock=True)
        items = judge(compiled, known, replace)
        problems = [problem for item in items for problem in item.problems]
        if problems:
            raise ImportRefused(problems)
        return [_imported(store(item, known, actor, name[-200:]), actor, origin, name) for item in items]

    try:
        return conflicts.retried(write)
    except IntegrityError:
        # Another importer made the same label or id meanwhile; now it is known.
        return conflicts.retried(write)


def _imported(result: Imported, actor: str, origin: str, name: str) -> Imported:
    audit.record(
        actor=actor,
        action="import_definition",
        object_type="definition",
        object_id=result.label,
        after={"action": result.action, "version": result.version, "file": name[-100:]},
        origin=origin,
    )
    return result


def check_file(name: str, data: bytes, *, replace: bool = False) -> list[Imported]:
    """What an import of each definition of the file would do, without doing anything.

    Raises:
        ImportRefused: the file as a whole cannot be read.
    """
    known = Known(lock=False)
    return [foresee(item, known) for item in judge(compile_all(_look(name, data)), known, replace)]


def _look(name: str, data: bytes) -> list[taskfile.Candidate]:
    try:
        return taskfile.look(name, data)
    except taskfile.TaskFileError as error:
        raise ImportRefused(error.problems) from error
