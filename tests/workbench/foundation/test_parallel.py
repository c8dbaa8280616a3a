"""One function on many parts: each once, few at a time, errors at once, and wrong clients refused."""

from __future__ import annotations

import os
import subprocess
import sys
import threading

import numpy as np
import pytest

from workbench.foundation.errors import InputError
from workbench.foundation.parallel import each


@pytest.mark.parametrize("threads", [1, 4])
def test_every_part_once_and_few_at_a_time(threads):
    taken, most, given = 0, 0, threading.Lock()

    def parts():
        nonlocal taken
        for part in range(50):
            with given:
                taken += 1
            yield part

    found = {}
    for part, result in each(lambda part: part * part, parts(), threads=threads):
        found[part] = result
        most = max(most, taken - len(found))
    assert found == {part: part * part for part in range(50)}
    assert most <= 2 * threads, "parts were taken ahead without limit"


@pytest.mark.parametrize("threads", [1, 3])
def test_an_error_comes_out_and_nothing_new_is_started(threads):
    started = []

    def work(part):
        started.append(part)
        if part == 5:
            raise KeyError(part)
        return part

    with pytest.raises(KeyError):
        for _ in each(work, range(1000), threads=threads):
            pass
    assert len(started) < 50


def test_a_client_that_is_none_is_refused():
    with pytest.raises(InputError, match=r"`client` is str\. Pass a dask\.distributed\.Client"):
        next(each(abs, [1], client="tcp://localhost:8786"))


def test_one_blas_thread_is_lifted_by_the_last_of_several_callers():
    import scipy.linalg  # noqa: F401 - which brings a BLAS of its own
    from threadpoolctl import threadpool_info, threadpool_limits

    from workbench.foundation.parallel import one_blas_thread

    def threads():
        return {one["num_threads"] for one in threadpool_info() if one["user_api"] == "blas"}

    np.zeros((2, 2)) @ np.zeros((2, 2))
    with threadpool_limits(2):
        before = threads()
        inner, outer = one_blas_thread(), one_blas_thread()
        outer.__enter__()
        inner.__enter__()
        assert threads() == {1}
        outer.__exit__(None, None, None)
        assert threads() == {1}
        inner.__exit__(None, None, None)
        assert threads() == before
        with pytest.raises(ZeroDivisionError), one_blas_thread():
            raise ZeroDivisionError
        assert threads() == before


def test_one_blas_thread_holds_for_the_blas_of_scipy_when_a_process_has_not_loaded_it_yet():
    code = """
import numpy
from threadpoolctl import threadpool_info
from workbench.foundation.parallel import one_blas_thread
with one_blas_thread():
    import scipy.linalg
    inside = [one["num_threads"] for one in threadpool_info() if one["user_api"] == "blas"]
print(max(inside), max(one["num_threads"] for one in threadpool_info() if one["user_api"] == "blas"))
"""
    environment = os.environ | {"OPENBLAS_NUM_THREADS": "3", "MKL_NUM_THREADS": "3", "OMP_NUM_THREADS": "3"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    inside, after = map(int, done.stdout.split())
    assert inside == 1 < after
