"""The supervisor as a program of its own, without Django. Started by ``manage.py console``, never by hand."""

from __future__ import annotations

import socket
import sys
import time
from functools import partial

from vwed.supervisor.loop import Supervisor
from vwed.supervisor.plan import Plan, receive

#: Seconds after which it is said that the web process does not answer.
PATIENCE_S = 30.0


class Say:
    """Tells whoever reads the output: a person, or a collector of JSON lines."""

    def __init__(self, log_format: str) -> None:
        self._write = _line
        if log_format != "text":
            # Only then: it is a third of a megabyte that nobody else needs here.
            from vwed import logs

            logs.configure(logs.configuration(log_format))
            self._write = partial(logs.announce, form=log_format, write=_line)

    def __call__(self, text: str) -> None:
        """At once."""
        self._write(text)


def _line(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


class WhenUp:
    """Asks the web process until it answers, then says once where to click and how to log in."""

    def __init__(self, plan: Plan, say: Say) -> None:
        self._plan = plan
        self._say = say
        self._since = time.monotonic()
        self._complained = False

    def __call__(self) -> bool:
        """Whether it has answered."""
        if self._answers():
            self._say("\n".join(self._plan.announcement))
            return True
        if not self._complained and time.monotonic() - self._since > PATIENCE_S:
            self._complained = True
            self._say(f"The web process has not answered for {PATIENCE_S:g} s; its messages are above.")
        return False

    def _answers(self) -> bool:
        # By hand: an HTTP library would load TLS, which is a third of this program's memory.
        try:
            with socket.create_connection((self._plan.host, self._plan.port), timeout=1) as connection:
                connection.sendall(b"GET /healthz HTTP/1.0\r\nHost: localhost\r\n\r\n")
                # Any answer will do: ALLOWED_HOSTS need not contain the name that is used here.
                return connection.recv(64).startswith(b"HTTP/")
        except OSError:
            return False


def main(descriptor: int) -> None:
    """Until Ctrl-C or SIGTERM."""
    plan = receive(descriptor)
    say = Say(plan.log_format)
    say(f"Starting {', '.join(program.name for program in plan.programs)} …")
    Supervisor(plan.programs, say).run(WhenUp(plan, say))
    say("Everything has stopped.")


if __name__ == "__main__":
    main(int(sys.argv[1]))
