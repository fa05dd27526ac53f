"""The installation's own secret: made at the first start, kept beside the database, never in the repository."""

from __future__ import annotations

import contextlib
import os
import secrets
import tempfile
from pathlib import Path

_NAME = "secret_key"
_BYTES = 48


def secret_key(var_dir: Path) -> str:
    """Return the key in ``var_dir``; the first caller makes it, readable by its owner only.

    Two processes that start at the same moment agree: the file appears complete or not at all.

    Raises:
        OSError: the directory cannot be written.
    """
    path = var_dir / _NAME
    if path.is_file():
        return path.read_text(encoding="ascii").strip()
    var_dir.mkdir(parents=True, exist_ok=True)
    descriptor, draft = tempfile.mkstemp(prefix=f".{_NAME}.", dir=var_dir)  # mode 0600
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(secrets.token_urlsafe(_BYTES))
    # Another process may have been first: then its key is the key.
    with contextlib.suppress(FileExistsError):
        os.link(draft, path)
    os.unlink(draft)
    return path.read_text(encoding="ascii").strip()
