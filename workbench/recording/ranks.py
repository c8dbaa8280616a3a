"""Several processes that record into one run: rank and world size, waiting for rank 0, a lock per rank."""

from __future__ import annotations

import os
import re
import sys
import time
from pathlib import Path
from typing import Any, ClassVar

from workbench.foundation.errors import InputError, RunError
from workbench.storage.files import entries, is_there, open_file

LOCK = re.compile(r"\.rank=[0-9]+\.lock")


def rank_and_size(rank: int | None, world_size: int | None) -> tuple[int, int]:
    """Return (rank, world size) as given, else from torch.distributed if it is initialized, else (0, 1)."""
    if (rank is None) != (world_size is None):
        raise InputError("`rank` and `world_size` go together. Pass both, or neither.")
    if rank is None or world_size is None:
        distributed = process_group()
        return (0, 1) if distributed is None else (distributed.get_rank(), distributed.get_world_size())
    if not 0 <= rank < world_size:
        raise InputError.at("rank", f"is {rank} of {world_size}", "Ranks run from 0 to world_size - 1.")
    return rank, world_size


def barrier(run_json: Path, rank: int, world_size: int, timeout: float = 60.0) -> None:
    """Wait until rank 0 has created the run directory."""
    if world_size == 1:
        return
    distributed = process_group()
    if distributed is not None and distributed.get_world_size() == world_size:
        distributed.barrier()
        return
    deadline = time.monotonic() + timeout
    while rank > 0 and not is_there(run_json):
        if time.monotonic() > deadline:
            found = f"rank {rank} waited {timeout:.0f} s for rank 0 to create {run_json.parent}"
            raise RunError(f"{found}. Check that rank 0 is running.")
        time.sleep(0.05)


def process_group() -> Any:
    """Return torch.distributed if torch is loaded and its process group is initialized, else None."""
    torch = sys.modules.get("torch")
    if torch is None or not torch.distributed.is_available() or not torch.distributed.is_initialized():
        return None
    return torch.distributed


def in_use(root: Path) -> bool:
    """Whether another process holds the lock of any rank of this run."""
    names = [entry.name for entry in entries(root) if LOCK.fullmatch(entry.name)]
    return any(_locked_elsewhere(root.resolve() / name) is True for name in names)


def is_alive(root: Path, rank: int) -> bool:
    """Whether a process records as this rank; assumed if the file system or platform has no locks."""
    path = root.resolve() / f".rank={rank}.lock"
    return path in Lock.taken or (is_there(path) and _locked_elsewhere(path) is not False)


def _locked_elsewhere(path: Path) -> bool | None:
    """Whether another process holds the lock; None if that cannot be determined."""
    if path in Lock.taken:
        return False
    try:
        import fcntl
    except ImportError:  # Windows: no advisory locks
        return None
    try:
        descriptor = open_file(path)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:  # a file system without locks
        return None
    finally:
        os.close(descriptor)
    return False


class Lock:
    """Lock that allows one Recorder per rank; it is released when the process ends for any reason.

    A second Recorder of the same process takes over (a notebook cell that is run again); one of another process is
    refused.
    """

    taken: ClassVar[dict[Path, Lock]] = {}

    def __init__(self, run_path: Path, rank: int) -> None:
        self._path = run_path.resolve() / f".rank={rank}.lock"
        self._rank = rank
        self._descriptor: int | None = None
        self.taken_over = False  # whether a later Recorder of this process took the lock

    def take(self) -> None:
        """Take the lock; raise RunError if another process holds it."""
        try:
            import fcntl
        except ImportError:  # Windows: no advisory locks; the user must then avoid two recorders of one rank
            return
        before = self.taken.get(self._path)
        if before is not None:
            before.release()
            before.taken_over = True
        self.taken_over = False
        self._path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = open_file(self._path, os.O_RDWR | os.O_CREAT)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(descriptor)
            raise RunError(
                f"another process is recording into {self._path.parent} (rank {self._rank}). "
                "Wait for it, stop it, or record to another path."
            ) from error
        except OSError:  # a file system without locks
            os.close(descriptor)
            return
        self._descriptor = descriptor
        self.taken[self._path] = self

    @property
    def held(self) -> bool:
        """Whether the lock is taken and was not released."""
        return self._descriptor is not None

    def release(self) -> None:
        """Release the lock."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
            if self.taken.get(self._path) is self:
                del self.taken[self._path]

    @classmethod
    def forget(cls) -> None:
        """Drop the locks in a child process after a fork (a DataLoader worker): they belong to the parent."""
        for lock in cls.taken.values():
            if lock._descriptor is not None:
                os.close(lock._descriptor)
                lock._descriptor = None
        cls.taken.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=Lock.forget)
