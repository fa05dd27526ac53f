"""Message catalogues are compiled when they are older than their source; only sources are kept in git."""

from __future__ import annotations

import subprocess
from pathlib import Path


def compile_stale(directory: Path) -> list[Path]:
    """Compile every ``.po`` below ``directory`` that is newer than its ``.mo``; return the files written.

    Raises:
        FileNotFoundError: gettext is not installed.
        subprocess.CalledProcessError: a catalogue is broken.
    """
    written = []
    for source in sorted(directory.rglob("*.po")):
        target = source.with_suffix(".mo")
        if not target.is_file() or target.stat().st_mtime < source.stat().st_mtime:
            subprocess.run(["msgfmt", "--check-format", "-o", target, source], check=True)
            written.append(target)
    return written
