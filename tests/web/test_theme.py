"""What we replace of the theme is pinned: a new release of it must be looked at, not swallowed."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
import unfold
from django.test import Client

ROOT = Path(__file__).resolve().parents[2]
UPSTREAM = Path(unfold.__file__).parent / "templates"
#: Template of the theme that ours replaces or extends → beginning of its SHA-256 when ours was written.
SEEN = {
    "admin/base_site.html": "50eb1e71a0b2729c",
    "admin/index.html": "9fdb849b7da18ccd",
    "admin/login.html": "13deb7765ce36659",
    "unfold/helpers/app_list_badge.html": "bc002ff5a001fd04",
    "unfold/helpers/userlinks.html": "b493fa5ca3595d28",
    "unfold/layouts/skeleton.html": "66af9f0bb45f98ba",
}


def test_every_replaced_template_is_listed() -> None:
    ours = {str(path.relative_to(ROOT / "templates")) for path in (ROOT / "templates").rglob("*.html")}
    replaced = {name for name in ours if (UPSTREAM / name).is_file()}

    assert replaced == set(SEEN) - {"unfold/layouts/skeleton.html"}


@pytest.mark.parametrize("name", SEEN)
def test_the_template_of_the_theme_is_the_one_we_know(name: str) -> None:
    digest = hashlib.sha256((UPSTREAM / name).read_bytes()).hexdigest()

    assert digest.startswith(SEEN[name]), f"{name} changed: compare it with ours, look at the pages, note its new hash"


def test_static_files_are_answered_whole_and_checked_by_their_date() -> None:
    client = Client()
    first = client.get("/static/vwed/console.css")
    again = client.get("/static/vwed/console.css", headers={"If-Modified-Since": first["Last-Modified"]})
    head = client.head("/static/vwed/js/main.js")

    assert first.status_code == 200
    assert b"--vw-decide" in first.content
    assert first["Content-Type"].startswith("text/css")
    assert again.status_code == 304
    assert again.content == b""
    assert head.status_code == 200
    assert "javascript" in head["Content-Type"]
    assert client.get("/static/vwed/no-such-file.js").status_code == 404


def test_marks_of_direction_in_a_text_turn_no_text_beside_it() -> None:
    sheet = Client().get("/static/vwed/console.css").content.decode()

    assert "body :is(a, b, code, span, strong, small, em, label) { unicode-bidi: isolate; }" in sheet
