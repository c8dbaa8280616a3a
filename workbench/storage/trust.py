"""Signatures with a secret key of the user: whether this user recorded a run, or computed the results in its cache.

An untrusted run directory could name any file of yours as an "image". So the folder of the image paths is signed with
the key; for a run with another signature, or none, no files are read until the folder is passed to
`open_run(path, media_root=...)`. An untrusted run could also contain forged results. Results are therefore signed too,
and those that this user did not compute are computed again (`workbench.storage.seals`).
"""

from __future__ import annotations

import contextlib
import hmac
import os
import secrets
from pathlib import Path

KEY_BYTES = 32
_SESSION = secrets.token_bytes(KEY_BYTES)  # used if no key can be stored: results are then valid for this process only


def sign(run_uuid: str, media_root: Path) -> str | None:
    """Return a hex signature of "this user lets run `run_uuid` read images below `media_root`"; None without a key."""
    key = _key(create=True)
    return None if key is None else _digest(key, run_uuid, media_root)


def is_mine(run_uuid: str, media_root: Path, signature: object) -> bool:
    """Whether `signature` was made by this user for this run and folder."""
    key = _key(create=False)
    if key is None or not isinstance(signature, str):
        return False
    return hmac.compare_digest(signature.encode(), _digest(key, run_uuid, media_root).encode())


def signature(content: bytes) -> bytes:
    """Return the signature (32 bytes) of "this user computed this"; without a stored key, of "this process did"."""
    return hmac.digest(_key(create=True) or _SESSION, b"computed\0" + content, "sha256")


def user_folder() -> Path:
    """Return the folder of this user's files: the key, and the working folders of runs at URLs."""
    base = os.environ.get("LABEL_WORKBENCH_HOME") or os.environ.get("XDG_DATA_HOME")
    return (Path(base) if base else Path.home() / ".local" / "share") / "label-workbench"


def _digest(key: bytes, run_uuid: str, media_root: Path) -> str:
    return hmac.new(key, f"{run_uuid}\n{media_root}".encode(), "sha256").hexdigest()


def _key(create: bool) -> bytes | None:
    """Return 32 random bytes from the user's data folder (mode 0600); None if it cannot be read or written.

    The key file is created atomically: if two processes do so at the same time, both use the same key, and a process
    that is killed leaves no partial file.
    """
    path = user_folder() / "media.key"
    with contextlib.suppress(OSError):
        key = path.read_bytes()
        if len(key) == KEY_BYTES or not create:
            return key if len(key) == KEY_BYTES else None
    if not create:
        return None
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(secrets.token_bytes(KEY_BYTES))
        try:
            os.link(temporary, path)
        except OSError:  # hard links are not supported, or a key exists: another process's, or a truncated one
            if not path.exists() or path.stat().st_size != KEY_BYTES:
                os.replace(temporary, path)
        key = path.read_bytes()
    except OSError:
        return None
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
    return key if len(key) == KEY_BYTES else None
