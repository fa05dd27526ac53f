"""Tunables are declared once, completely, and understand what people type."""

from __future__ import annotations

from dataclasses import fields

import pytest

from scheduler.conf import Values
from scheduler.errors import Refused
from vwed.tuning.parameters import GROUPS, PARAMETERS, find


def test_every_value_of_the_scheduler_is_declared_exactly_once() -> None:
    declared = [parameter.field for parameter in PARAMETERS]

    assert sorted(declared) == sorted(field.name for field in fields(Values))
    assert len({parameter.name for parameter in PARAMETERS}) == len(PARAMETERS)


@pytest.mark.parametrize("parameter", PARAMETERS, ids=lambda parameter: parameter.name)
def test_every_tunable_has_bounds_around_its_default_a_group_and_a_meaning(parameter) -> None:
    assert parameter.parse(parameter.format(parameter.default)) == parameter.default
    assert parameter.group in dict(GROUPS)
    assert str(parameter.help)
    assert str(parameter.effect.words)
    if parameter.kind in {"int", "float"}:
        assert parameter.minimum is not None
        assert parameter.maximum is not None


def test_the_figures_of_the_guide_are_the_defaults() -> None:
    expected = {
        "max_parallel_blocks": (10, 1, 100),
        "max_block_depth": (100, 1, 1000),
        "housekeeping_interval": (2.0, 0.2, 2),
        "context_bytes": (8 * 1024 * 1024, 65_536, 268_435_456),
    }
    for name, (default, low, high) in expected.items():
        parameter = find(name)
        assert (parameter.default, parameter.minimum, parameter.maximum) == (default, low, high)
    assert find("max_retries").default == 1000
    assert find("cleanup_interval").default == 60
    assert find("completed_request_ttl").default == 300


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("max_parallel_blocks", "ten"),
        ("max_parallel_blocks", "2.5"),
        ("max_parallel_blocks", ""),
        ("housekeeping_interval", "nan"),
        ("housekeeping_interval", "inf"),
        ("strict_variables", "maybe"),
        ("default_queue", ""),
        ("default_queue", "x" * 65),
        ("default_queue", "a\nb"),
    ],
)
def test_a_text_of_the_wrong_type_is_refused_with_what_is_allowed(name: str, text: str) -> None:
    with pytest.raises(Refused) as caught:
        find(name).parse(text)

    assert caught.value.code == "wrong_type"
    assert caught.value.remedy.startswith("Give ")


@pytest.mark.parametrize(
    ("name", "text", "bounds"),
    [
        ("max_parallel_blocks", "0", "from 1 to 100"),
        ("max_parallel_blocks", "101", "from 1 to 100"),
        ("housekeeping_interval", "0.19", "from 0.2 to 2 s"),
        ("housekeeping_interval", "-1", "from 0.2 to 2 s"),
    ],
)
def test_a_number_out_of_bounds_is_refused_with_the_bounds(name: str, text: str, bounds: str) -> None:
    with pytest.raises(Refused, match=bounds) as caught:
        find(name).parse(text)

    assert caught.value.code == "out_of_bounds"


@pytest.mark.parametrize(("text", "value"), [("true", True), ("OFF", False), ("1", True), ("no", False)])
def test_switches_understand_the_usual_words(text: str, value: bool) -> None:
    assert find("strict_variables").parse(text) is value


def test_an_unknown_name_suggests_the_nearest() -> None:
    with pytest.raises(Refused, match="max_parallel_blocks") as caught:
        find("max_paralel_block")

    assert caught.value.code == "unknown_parameter"


def test_a_name_like_no_other_points_to_the_list() -> None:
    with pytest.raises(Refused, match="tune list"):
        find("qqqqqqqq")
