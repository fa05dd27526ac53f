"""``manage.py doctor``: what is wrong, and what to do about it."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from vwed import diagnosis
from vwed.management.action import ActionCommand, Answer

_SIGNS = {diagnosis.ERROR: "✗", diagnosis.NOTE: "•", diagnosis.OK: "✓"}


class Command(ActionCommand):
    help = "Checks configuration, database, cluster, fleet, Redis and ports, and says what to do about each finding."

    def arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--port", type=int, default=8000, help="port of the console (default 8000)")

    def act(self, options: Mapping[str, Any]) -> Answer:
        findings = diagnosis.examine(options["port"])
        errors = sum(1 for finding in findings if finding.level == diagnosis.ERROR)
        lines = []
        for finding in findings:
            lines.append(f"{_SIGNS[finding.level]} {finding.message}")
            if finding.remedy:
                lines.append(f"    → {finding.remedy}")
        return Answer(
            document={"ok": not errors, "findings": [asdict(finding) for finding in findings]},
            text="\n".join(lines),
            failure=f"{errors} finding{'s' if errors > 1 else ''} to repair." if errors else "",
        )
