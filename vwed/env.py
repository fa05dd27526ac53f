"""Typed readers for environment variables (django-environ); the only place that reads the environment."""

from __future__ import annotations

from pathlib import Path

import environ

ROOT = Path(__file__).resolve().parent.parent

env = environ.Env()


def load_env_file() -> None:
    """Read ``.env`` in the project root (or the file ``VWED_ENV_FILE`` names), if there is one.

    Real environment variables win.
    """
    path = Path(env.str("VWED_ENV_FILE", default=str(ROOT / ".env")))
    if path.is_file():
        env.read_env(str(path))
