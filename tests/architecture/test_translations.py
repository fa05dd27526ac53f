"""The console speaks English and Simplified Chinese, completely: nothing missing, nothing fuzzy, nothing stale."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.sources import PACKAGES, ROOT

CATALOGUE = ROOT / "locale" / "zh_Hans" / "LC_MESSAGES" / "django.po"
_PLACEHOLDER = re.compile(r"%\(\w+\)[sd]|\{\w+\}")


def _select(path: Path, option: str) -> list[str]:
    """Source texts of the entries that msgattrib selects with ``option``."""
    text = subprocess.run(
        ["msgattrib", "--no-wrap", "--no-obsolete", option, str(path)], capture_output=True, text=True, check=True
    ).stdout
    return [match for match in re.findall(r'^msgid "(.+)"$', text, re.MULTILINE) if match]


@pytest.fixture(scope="module")
def merged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The catalogue after collecting every text of the sources, in a copy."""
    copy = tmp_path_factory.mktemp("messages")
    ignore = shutil.ignore_patterns("__pycache__", "*.mo", "static")
    for name in (*PACKAGES, "templates", "locale"):
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, copy / name, ignore=ignore)
    done = subprocess.run(
        [sys.executable, "-m", "django", "makemessages", "--locale", "zh_Hans", "--no-location", "--verbosity", "0"],
        cwd=copy,
        env={name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"},
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, f"the texts cannot be collected: {done.stderr[-2000:]}"
    return copy / "locale" / "zh_Hans" / "LC_MESSAGES" / "django.po"


def test_every_text_is_translated(merged: Path) -> None:
    missing = sorted({*_select(merged, "--untranslated"), *_select(merged, "--only-fuzzy")})

    assert not missing, "Remedy: make messages, then translate in locale/zh_Hans:\n" + "\n".join(missing)


def test_no_translation_is_fuzzy() -> None:
    assert _select(CATALOGUE, "--only-fuzzy") == [], "Remedy: check the text and remove the mark 'fuzzy'"


def test_placeholders_survive_the_translation() -> None:
    subprocess.run(["msgfmt", "--check-format", "-o", "/dev/null", str(CATALOGUE)], check=True, capture_output=True)
    wrong = []
    text = CATALOGUE.read_text(encoding="utf-8")
    for source, target in re.findall(r'^msgid "(.+)"\nmsgstr "(.+)"$', text, re.MULTILINE):
        if set(_PLACEHOLDER.findall(source)) != set(_PLACEHOLDER.findall(target)):
            wrong.append(source)

    assert not wrong, "Remedy: the same placeholders on both sides:\n" + "\n".join(wrong)
