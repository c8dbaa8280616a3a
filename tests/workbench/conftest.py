"""Fixtures for the tests of `workbench`."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest
from forks import Forks

from workbench.runs.journal import Journal


@pytest.fixture
def journal(tmp_path):
    with Journal(tmp_path / "journal.sqlite", author="ann") as opened:
        yield opened


@pytest.fixture(scope="module")
def s3():
    """A local server for the S3 protocol: the URL of an empty bucket and the options for it."""
    pytest.importorskip("s3fs", reason="needs s3fs (in the test extra)")
    server_of = pytest.importorskip("moto.server", reason="needs moto (in the test extra)")
    import fsspec

    server = server_of.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    options = {"key": "any", "secret": "any", "client_kwargs": {"endpoint_url": f"http://{host}:{port}"}}
    bucket = f"bucket-{uuid.uuid4().hex}"  # all servers in one process share their buckets
    fsspec.filesystem("s3", **options).mkdir(bucket)
    yield f"s3://{bucket}", options
    server.stop()


@pytest.fixture(scope="session")
def forks() -> Iterator[Forks]:
    """Starts processes that record or make decisions."""
    ours = "workbench.data.dataset, workbench.runs.journal, workbench.recording.recorder"
    made = Forks(f"import numpy, pyarrow.parquet, {ours}", warm=True)
    yield made
    made.close()
