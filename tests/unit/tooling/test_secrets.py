"""The secret key is made once, kept private, and never has a default."""

from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from vwed.secrets import secret_key


def test_the_first_start_makes_a_key_that_later_starts_find(tmp_path: Path) -> None:
    first = secret_key(tmp_path / "var")

    assert len(first) >= 50
    assert secret_key(tmp_path / "var") == first
    assert secret_key(tmp_path / "other") != first


def test_only_the_owner_can_read_it(tmp_path: Path) -> None:
    secret_key(tmp_path)

    assert stat.S_IMODE((tmp_path / "secret_key").stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["secret_key"]


def test_starts_at_the_same_moment_agree_on_one_key(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        keys = set(pool.map(lambda _: secret_key(tmp_path), range(32)))

    assert len(keys) == 1
