"""How every process logs: lines for people, or, with ``LOG_FORMAT=json``, one JSON object a line for a collector.

An object has ``time`` (UTC), ``level``, ``logger``, ``message``, ``process``, ``pid``; of a run that is being
interpreted ``record_id`` and ``block_id``; ``exception`` where there is one; and whatever else was given with the line.
Standard library only: the supervisor, which knows no Django, logs with it too.
"""

from __future__ import annotations

import json
import logging
import logging.config
import os
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any

TEXT, JSON = FORMATS = ("text", "json")
#: Of what a line carries; a message that somebody made of a whole document fills no disk.
MESSAGE_LIMIT, EXCEPTION_LIMIT, VALUE_LIMIT = 8_000, 16_000, 2_000
#: What is told to people at a terminal in any case: starts and ends.
ANNOUNCEMENTS = "vwed.announcements"
_TEXT_FORMAT = "%(asctime)s %(processName)s %(levelname)s %(name)s %(message)s"
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class JsonFormatter(logging.Formatter):
    """A line as one JSON object, in ASCII: it stays one line and valid whatever it goes through."""

    def format(self, record: logging.LogRecord) -> str:
        """The object. Never raises: a value that cannot be written is told as its type."""
        name, run = _process(record)
        document: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": _message(record)[:MESSAGE_LIMIT],
            "process": name,
            "pid": record.process,
            **run,
        }
        if record.threadName not in (None, "MainThread"):
            document["thread"] = record.threadName
        document |= {key: _plain(value) for key, value in vars(record).items() if key not in _STANDARD}
        if record.exc_info and record.exc_info[0] is not None:
            # Its end says most: what was raised, and where.
            document["exception"] = self.formatException(record.exc_info)[-EXCEPTION_LIMIT:]
        if record.stack_info:
            document["stack"] = record.stack_info[-EXCEPTION_LIMIT:]
        return json.dumps(document, default=_plain)


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except Exception:  # noqa: BLE001 - arguments that do not fit: the line is worth more than its form
        return f"{record.msg} {record.args!r}"


def _plain(value: Any) -> Any:
    """A value that JSON takes."""
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, str):
        return value[:VALUE_LIMIT]
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(each) for each in list(value)[:100]]
    try:
        return str(value)[:VALUE_LIMIT]
    except Exception:  # noqa: BLE001 - somebody else's __str__
        return f"<{type(value).__name__}>"


def _process(record: logging.LogRecord) -> tuple[str, Mapping[str, str]]:
    """The name of the process, and record and block of the run that it is interpreting."""
    # Where nobody has loaded it there is no such process; loading it here would need the apps.
    module = sys.modules.get("scheduler.process")
    variable = getattr(module, "CURRENT", None)
    current = variable.get(None) if variable is not None else None
    if current is not None and current.pid == os.getpid():
        duty = current.duty
        run = {"record_id": duty.record_id, "block_id": duty.block} if duty.record_id else {}
        return current.name, {key: value for key, value in run.items() if value}
    if record.processName and record.processName != "MainProcess":
        return record.processName, {}
    return _program(sys.argv), {}


def _program(arguments: Sequence[str]) -> str:
    """What was started: a command of ``manage.py``, a package, a script."""
    path = Path(arguments[0] if arguments else "")
    if path.name == "manage.py" and len(arguments) > 1:
        return arguments[1]
    return path.parent.name if path.name == "__main__.py" else path.name or "python"


def configuration(form: str) -> dict[str, Any]:
    """The value of ``LOGGING``: warnings and worse of all processes go to the error stream, announcements too.

    Raises:
        ValueError: there is no such format.
    """
    if form not in FORMATS:
        raise ValueError(f"{form!r} is none of {', '.join(FORMATS)}")
    through_root: dict[str, Any] = {"handlers": [], "propagate": True}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {TEXT: {"format": _TEXT_FORMAT}, JSON: {"()": "vwed.logs.JsonFormatter"}},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": form}},
        "root": {"handlers": ["stderr"], "level": "WARNING"},
        "loggers": {
            ANNOUNCEMENTS: {"level": "INFO"},
            "django.request": {"level": "ERROR"},  # a page that does not exist is no news
            # They come with handlers of their own.
            **dict.fromkeys(("django", "django.server", "uvicorn", "uvicorn.error"), through_root),
        },
    }


def configure(settings: Mapping[str, Any]) -> None:
    """Django's ``LOGGING_CONFIG``. With JSON, warnings and what nobody caught become lines too."""
    logging.config.dictConfig(dict(settings))
    if settings["handlers"]["stderr"]["formatter"] == JSON:
        logging.captureWarnings(True)
        sys.excepthook = _uncaught
        threading.excepthook = _uncaught_in_thread


def _uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        return
    logging.getLogger("vwed.uncaught").critical("%s: %s", kind.__name__, error, exc_info=(kind, error, trace))


def _uncaught_in_thread(what: threading.ExceptHookArgs) -> None:
    if what.exc_type is not SystemExit and what.exc_value is not None:
        _uncaught(what.exc_type, what.exc_value, what.exc_traceback)


def announce(text: str, form: str, write: Callable[[str], object], level: int = logging.INFO) -> None:
    """Tell people at the terminal by ``write``; where lines are JSON, the log instead."""
    if form == JSON:
        logging.getLogger(ANNOUNCEMENTS).log(level, "%s", text.strip())
    else:
        write(text)
