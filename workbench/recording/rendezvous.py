"""Attempts: ranks that are started together. Restarted ranks make a new one, never mixed with older files.

With torch.distributed, rank 0 names the attempt and sends the name to the others. Otherwise the ranks agree through a
small file in the run, `.ranks.json`, which one process changes at a time. A rank joins the attempt in the file. It
begins a new one if it has already been part of that attempt (so it was restarted), or if a rank of that attempt was
killed or failed in an epoch. Ranks may also record one after the other, starting with rank 0.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import uuid
from collections.abc import Generator
from pathlib import Path
from typing import Any

from workbench.foundation.errors import WorkbenchError
from workbench.recording.ranks import is_alive, process_group
from workbench.storage.files import open_file

RANKS_FILE = ".ranks.json"
MOST_RANKS_BYTES = 10_000_000  # maximum number of bytes read from that file


class Attempt:
    """The attempt to which a Recorder of one of several ranks belongs.

    Parameters
    ----------
    root : the run directory.
    rank, world_size : rank of this process, and number of ranks; a single process has no attempts.
    """

    def __init__(self, root: Path, rank: int, world_size: int) -> None:
        self._path, self._root = root / RANKS_FILE, root
        self._rank, self._size = rank, world_size
        self._announced = False  # by rank 0, through torch.distributed
        self._process = os.getpid()
        self.id = ""
        self.failed = False  # whether the last epoch of this rank ended in an exception
        if world_size > 1:
            self._begin()

    def _begin(self) -> None:
        distributed = process_group()
        if distributed is not None and distributed.get_world_size() == self._size:
            named = [uuid.uuid4().hex[:12]]
            distributed.broadcast_object_list(named, src=0)
            self.id, self._announced = named[0], True
            return
        with self._shared() as state:
            self._join(state, again=True)

    def go_on(self) -> str:
        """Return the attempt of the next epoch; a new one if the other ranks have begun one in the meantime."""
        if self._size > 1 and not self._announced:
            with self._shared() as state:
                self._join(state, again=False)
        return self.id

    def leave(self) -> None:
        """Record that this rank has ended: "closed", so that others may still join its attempt, or "failed"."""
        if self.id and not self._announced and self._process == os.getpid() and self._root.is_dir():
            with self._shared() as state:
                if state["attempt"] == self.id:
                    state["ranks"][str(self._rank)] = "failed" if self.failed else "closed"

    def leave_at_exit(self) -> None:
        """Call `leave` when the process ends, or the Recorder is deleted, without having been closed."""
        self.failed = self.failed or hasattr(sys, "last_value")  # an uncaught exception
        with contextlib.suppress(OSError, WorkbenchError):
            self.leave()

    def _join(self, state: dict[str, Any], again: bool) -> None:
        ranks, mine = state["ranks"], str(self._rank)
        stays = not again and state["attempt"] == self.id and mine in ranks
        others = [
            left if left != "open" or is_alive(self._root, int(rank)) else "killed"
            for rank, left in ranks.items()
            if rank != mine
        ]
        joins = mine not in ranks and "failed" not in others and "killed" not in others
        if self._rank == 0 and "closed" in others:
            joins = False  # ranks that record one after the other start with rank 0
        if not stays and (state["size"] != self._size or not joins):
            state |= {"attempt": uuid.uuid4().hex[:12], "size": self._size, "ranks": {}}
        state["ranks"][mine] = "open"
        self.id = state["attempt"]

    @contextlib.contextmanager
    def _shared(self) -> Generator[dict[str, Any]]:
        """Yield the contents of the file, locked for other processes; changes are written when the block ends."""
        self._root.mkdir(parents=True, exist_ok=True)
        descriptor = open_file(self._path, os.O_RDWR | os.O_CREAT)
        with os.fdopen(descriptor, "r+b") as file:
            _wait_for(file.fileno())
            state = _checked(file.read(MOST_RANKS_BYTES))
            yield state
            file.seek(0)
            file.truncate()
            file.write(json.dumps(state).encode())
            file.flush()


def _checked(data: bytes) -> dict[str, Any]:
    """Parse the file's contents; return a new attempt if it is empty, truncated by a kill, or invalid."""
    with contextlib.suppress(ValueError, TypeError, KeyError, AttributeError, RecursionError):
        state = json.loads(data)
        ranks = {str(int(rank)): str(left) for rank, left in state["ranks"].items() if int(rank) >= 0}
        if isinstance(state["attempt"], str) and type(state["size"]) is int:
            return {"attempt": state["attempt"][:32], "size": state["size"], "ranks": ranks}
    return {"attempt": uuid.uuid4().hex[:12], "size": 0, "ranks": {}}


def _wait_for(descriptor: int) -> None:
    """Lock the file until it is closed, if the platform and file system have locks."""
    try:
        import fcntl
    except ImportError:
        return
    with contextlib.suppress(OSError):
        fcntl.flock(descriptor, fcntl.LOCK_EX)
