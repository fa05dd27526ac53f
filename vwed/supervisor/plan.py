"""What the supervisor is to do, handed over when the command that prepared it becomes the supervisor.

The command has loaded Django and everything else; the supervisor needs none of it for months. So the command replaces
itself by a small program. The plan goes through a pipe: it holds a password, and arguments can be read by everybody.
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict, dataclass
from typing import NoReturn

from vwed.supervisor.children import Program


@dataclass(frozen=True, slots=True)
class Plan:
    """Programs in the order of starting; ``announcement`` is said once, when ``host``:``port`` answers."""

    programs: tuple[Program, ...]
    host: str
    port: int
    announcement: tuple[str, ...]
    #: How the supervisor says things (``vwed.logs``).
    log_format: str = "text"

    def to_json(self) -> str:
        """The text that ``from_json`` reads back."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Plan:
        """The plan in a text that ``to_json`` made."""
        values = json.loads(text)
        programs = tuple(
            Program(each["name"], tuple(each["command"]), each["environment"]) for each in values["programs"]
        )
        return cls(programs, values["host"], values["port"], tuple(values["announcement"]), values["log_format"])


def become_supervisor(plan: Plan) -> NoReturn:
    """Replace this process by the supervisor; it keeps process id, terminal and environment."""
    reader, writer = os.pipe()
    text = plan.to_json().encode()
    # A pipe holds 64 KiB; a plan is a few.
    os.write(writer, text)
    os.close(writer)
    os.set_inheritable(reader, True)
    sys.stdout.flush()
    sys.stderr.flush()
    os.execv(sys.executable, [sys.executable, "-m", "vwed.supervisor", str(reader)])  # noqa: S606 - ourselves


def receive(descriptor: int) -> Plan:
    """The plan from the pipe."""
    with os.fdopen(descriptor, encoding="utf-8") as pipe:
        return Plan.from_json(pipe.read())
