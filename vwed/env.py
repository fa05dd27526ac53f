"""Typed readers for environment variables (django-environ); the only place that reads the environment."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import environ
from django.core.exceptions import ImproperlyConfigured

from vwed import logs

ROOT = Path(__file__).resolve().parent.parent


class Environment(environ.Env):
    """django-environ's readers; a value that cannot be read is told with the name of its variable."""

    def get_value(self, var: str, *args: Any, **kwargs: Any) -> Any:
        """Read one variable.

        Raises:
            ImproperlyConfigured: it is missing, or is not of the type asked for.
        """
        try:
            return super().get_value(var, *args, **kwargs)
        except ValueError as error:
            raise ImproperlyConfigured(
                f"{var} in the environment cannot be read: {error}. See .env.example."
            ) from error

    def log_format(self, var: str) -> str:
        """How to log: ``text`` (the default) or ``json``.

        Raises:
            ImproperlyConfigured: anything else.
        """
        form = self.str(var, default=logs.TEXT).strip().lower() or logs.TEXT
        if form not in logs.FORMATS:
            raise ImproperlyConfigured(f"{var} in the environment is {form!r}, not {' or '.join(logs.FORMATS)}.")
        return form

    @classmethod
    def db_url_config(cls, url: Any, engine: Any = None) -> dict[str, Any]:
        """Parse a DATABASE_URL; what cannot be read comes back without an engine, which ``databases`` refuses."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            parsed: dict[str, Any] = super().db_url_config(url, engine)
        return parsed

    @classmethod
    def email_url_config(cls, url: Any, backend: Any = None) -> dict[str, Any]:
        """Parse an EMAIL_URL.

        Raises:
            ImproperlyConfigured: it cannot be read.
        """
        try:
            parsed: dict[str, Any] = super().email_url_config(url, backend)
        except (ImproperlyConfigured, ValueError) as error:
            said = f"EMAIL_URL in the environment cannot be read: {error}. See .env.example."
            raise ImproperlyConfigured(said) from None
        return parsed


env = Environment()


def load_env_file() -> None:
    """Read ``.env`` in the project root (or the file ``VWED_ENV_FILE`` names), if there is one.

    Real environment variables win.
    """
    path = Path(env.str("VWED_ENV_FILE", default=str(ROOT / ".env")))
    if path.is_file():
        env.read_env(str(path))
