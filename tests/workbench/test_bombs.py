"""Files that claim far more than they contain give one clear error, in little memory and time: see `bombs.py`."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="limits and measures memory as Linux does")
def test_every_bomb_is_one_clear_error_before_it_costs_anything(tmp_path, forks):
    done = forks.start((HERE / "bombs.py").read_text(encoding="utf-8"), tmp_path)
    lines = done.stdout.read().splitlines()
    assert done.wait() == 0, done.errors()[-3000:]
    results = [json.loads(line) for line in lines]
    assert len(results) > 55
    for name, kind, said, seconds, megabytes in results:
        assert kind == "clear", (name, kind, said)
        assert seconds < 5 and megabytes < 150, (name, seconds, megabytes)  # of processor time
        assert "MemoryError" not in said and "malloc" not in said, said
