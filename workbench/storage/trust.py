"""Whether this user recorded a run: only then are image paths outside the run directory read.

A run directory from a stranger could name any file of yours as an "image". So the folder for image paths is signed
with a key that only this user has; a run with another signature, or none, shows no files until the folder is named
in `open_run(path, media_root=...)`.
"""

from __future__ import annotations

import hmac
import os
import secrets
from pathlib import Path


def sign(run_uuid: str, media_root: Path) -> str | None:
    """Hex signature of "this user lets run `run_uuid` read images below `media_root`"; None without a key."""
    key = _key(create=True)
    return None if key is None else _digest(key, run_uuid, media_root)


def is_mine(run_uuid: str, media_root: Path, signature: object) -> bool:
    """Whether `signature` was made by this user for this run and folder."""
    key = _key(create=False)
    if key is None or not isinstance(signature, str):
        return False
    return hmac.compare_digest(signature.encode(), _digest(key, run_uuid, media_root).encode())


def user_folder() -> Path:
    """Where this user's own files are: the key, and the working folders of runs at URLs."""
    base = os.environ.get("LABEL_WORKBENCH_HOME") or os.environ.get("XDG_DATA_HOME")
    return (Path(base) if base else Path.home() / ".local" / "share") / "label-workbench"


def _digest(key: bytes, run_uuid: str, media_root: Path) -> str:
    return hmac.new(key, f"{run_uuid}\n{media_root}".encode(), "sha256").hexdigest()


def _key(create: bool) -> bytes | None:
    """32 random bytes in the user's data folder (mode 0600); None where it cannot be written or read."""
    path = user_folder() / "media.key"
    try:
        if create and not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(secrets.token_bytes(32))
        key = path.read_bytes()
    except OSError:
        return None
    return key if len(key) == 32 else None
