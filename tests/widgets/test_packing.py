"""Arrays are sent compactly and arrive unchanged."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from widgets.wire.packing import packed_arrays, unpacked_arrays


def crossed(arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    specs, buffers = packed_arrays(arrays)
    return unpacked_arrays(specs, [buffer.tobytes() for buffer in buffers])


@pytest.mark.parametrize(
    ("values", "nbytes"),
    [
        (np.array([2, 0, 1, 2], np.int32), 4),
        (np.array([2, -1, 254, 0], np.int32), 4),
        (np.array([2, -1, 255, 0], np.int32), 8),
        (np.array([70_000, 0, 1], np.int32), 12),
        (np.array([-2, 5, 1], np.int32), 12),
        (np.array([0, 1, 2, 3], np.int32), 0),
        (np.full(9, -1, np.int32), 0),
        (np.full(9, np.nan, np.float32), 0),
        (np.array([np.nan, 1, np.nan], np.float32), 12),
        (np.array([np.inf, np.inf], np.float32), 8),
        (np.array([0.1, 0.2, 0.1], np.float32), 12),
        (np.array([0, 1, 0], np.uint8), 3),
        (np.empty(0, np.int32), 0),
    ],
)
def test_bytes_that_cross(values, nbytes):
    _, buffers = packed_arrays({"x": values})
    assert sum(buffer.nbytes for buffer in buffers) == nbytes
    np.testing.assert_array_equal(crossed({"x": values})["x"], values)
    assert crossed({"x": values})["x"].dtype == values.dtype


def test_a_repeated_array_is_named_not_sent():
    given_ = np.array([3, 1, 2, 0, 2], np.int32)
    arrays = {"given": given_, "labels": given_.copy(), "queue": given_[:2], "other": given_[::-1].copy()}
    specs, buffers = packed_arrays(arrays)
    assert [spec.get("like") for spec in specs] == [None, "given", "given", None]
    assert len(buffers) == 2
    for name, values in crossed(arrays).items():
        np.testing.assert_array_equal(values, arrays[name])


@given(
    st.lists(
        st.one_of(
            hnp.arrays(np.int32, st.integers(0, 6), elements=st.integers(-3, 70_000)),
            hnp.arrays(np.float32, st.integers(0, 6), elements=st.floats(width=32)),
            hnp.arrays(np.uint8, st.integers(0, 6)),
        ),
        max_size=5,
    )
)
def test_all_arrays_arrive_as_they_were(values):
    arrays = {f"c{i}": array for i, array in enumerate(values)}
    found = crossed(arrays)
    for name, array in arrays.items():
        np.testing.assert_array_equal(found[name], array)
        assert found[name].dtype == array.dtype
