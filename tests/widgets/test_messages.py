"""The types of messages: one for every kind, equal on both sides, and able to find mismatches."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest

from widgets.requests import REQUESTS
from widgets.wire.messages import Answers, DecideRequest, Requests
from widgets.wire.pushes import Pushes
from widgets.wire.shapes import ColumnInfo, Curve
from widgets.wire.typedefs import SCRIPT, get_type_hints, misfits, typedefs

ROOT = Path(__file__).resolve().parents[2]


def test_every_kind_of_request_has_its_types():
    assert list(get_type_hints(Requests)) == list(REQUESTS) == list(get_type_hints(Answers))


def test_the_page_has_the_same_types():
    assert SCRIPT.read_text(encoding="utf-8") == typedefs(), "run `python -m widgets._bundle` and commit"


def test_every_push_of_python_has_a_type_and_the_page_hears_it():
    sent = {
        part.split('"')[0]
        for path in (ROOT / "widgets").rglob("*.py")
        if path.name not in ("plots.py",)  # the plots of the NoiseLab have a separate page
        for part in path.read_text(encoding="utf-8").split('{"push": "')[1:]
    }
    assert sent == set(get_type_hints(Pushes))
    scripts = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "widgets" / "js").rglob("*.js"))
    for kind in sent - {"progress"}:
        assert f'onPush("{kind}"' in scripts, kind


@pytest.mark.parametrize(
    ("value", "hint", "found"),
    [
        ({"op": "relabel", "rows": [1], "label": None}, DecideRequest, []),
        ({"op": "erase"}, DecideRequest, ["message.op is 'erase', not one of"]),
        ({"op": "keep", "rows": ["a"]}, DecideRequest, ["message.rows[0] is str"]),
        ({"op": "keep", "rows": [True]}, DecideRequest, ["message.rows[0] is bool"]),
        ({"rows": [], "row": 1}, DecideRequest, ["message has an unknown field 'row'", "message lacks the field 'op'"]),
        ([], Curve, ["message is list, not Curve"]),
        ({"epochs": [0], "given": [0.5, None], "suggested": None}, Curve, []),
        ({"epochs": [0], "given": [0.5], "suggested": ["a"]}, Curve, ["message.suggested[0] is str"]),
        ({"name": "a", "kind": "number", "title": "", "source": "", "range": [0, 1.5]}, ColumnInfo, []),
    ],
)
def test_what_does_not_fit_is_named(value, hint, found):
    said = misfits(value, hint)
    assert len(said) == len(found) and all(line.startswith(start) for line, start in zip(said, found)), said


@pytest.mark.parametrize("kind", REQUESTS)
def test_signatures_name_the_types_of_their_kind(kind):
    """Argument and return types of each function are defined once, in `widgets.wire.messages`."""
    told = inspect.signature(REQUESTS[kind]).parameters, inspect.signature(REQUESTS[kind]).return_annotation
    wanted, given = get_type_hints(Requests)[kind], get_type_hints(Answers)[kind]
    assert [one.annotation for one in told[0].values()] == ["View", wanted.__name__, "Buffers"]
    assert told[1] == f"tuple[{given.__name__}, Arrays]"
