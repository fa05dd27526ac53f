"""Our templates put no data into script: a value that becomes code is the theme's known trap."""

from __future__ import annotations

import re

from tests.architecture.sources import ROOT

_ATTRIBUTE = re.compile(
    r"""(?<=\s)(?P<name>x-[\w:.\-]+|hx-on[\w:.\-]*|@[\w:.\-]+|:[\w\-]+|on\w+)\s*=\s*(?P<quote>["'])(?P<value>.*?)(?P=quote)""",
    re.DOTALL,
)
_SCRIPT = re.compile(r"<script(?P<attributes>[^>]*)>(?P<body>.*?)</script>", re.DOTALL | re.IGNORECASE)


def _templates() -> list[tuple[str, str]]:
    folders = [ROOT / "templates", *(ROOT / "vwed").rglob("templates")]
    return [
        (str(path.relative_to(ROOT)), path.read_text(encoding="utf-8"))
        for folder in folders
        if folder.is_dir()
        for path in sorted(folder.rglob("*.html"))
    ]


def code_with_data(text: str) -> list[str]:
    """Attributes that are code and have a template variable in them."""
    return [match["name"] for match in _ATTRIBUTE.finditer(text) if "{{" in match["value"]]


def inline_scripts(text: str) -> list[str]:
    """Scripts with a body, data blocks left out."""
    return [
        match["body"].strip()[:60]
        for match in _SCRIPT.finditer(text)
        if match["body"].strip() and "application/json" not in match["attributes"]
    ]


def test_no_template_variable_inside_code() -> None:
    found = [f"{path}: {name}" for path, text in _templates() for name in code_with_data(text)]

    assert not found, "Remedy: put the value into a data- attribute and read it from there.\n" + "\n".join(found)


def test_no_inline_script() -> None:
    found = [f"{path}: {body}" for path, text in _templates() for body in inline_scripts(text)]

    assert not found, "Remedy: a module under vwed/static/, data through json_script.\n" + "\n".join(found)


def test_the_guard_sees_the_trap() -> None:
    assert code_with_data('<a x-on:click="open({{ pk }})">') == ["x-on:click"]
    assert code_with_data('<a @click="open({{ pk }})" hx-on:click="{{ x }}">') == ["@click", "hx-on:click"]
    assert code_with_data('<a data-id="{{ pk }}" href="{{ url }}" x-data="menu">') == []
    assert inline_scripts("<script>alert(1)</script>") == ["alert(1)"]
    assert inline_scripts('<script src="a.js"></script><script type="application/json">{}</script>') == []
