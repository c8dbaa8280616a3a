"""Whether this user recorded a run, or computed what lies in its cache: a key that only this user has says so.

An untrusted run directory could name any file of yours as an "image". So the folder for image paths is signed
with the key; a run with another signature, or none, shows no files until the folder is named in
`open_run(path, media_root=...)`. It could also hold computed results that say whatever its author likes: those are
signed too, and what this user did not compute is computed again (`workbench.storage.seals`).
"""

from __future__ import annotations

import contextlib
import hmac
import os
import secrets
from pathlib import Path

KEY_BYTES = 32
_SESSION = secrets.token_bytes(KEY_BYTES)  # signs computed results where no key can be kept: they last for a process


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


def signature(content: bytes) -> bytes:
    """32 bytes that say "this user computed this"; where no key can be kept, "this process did"."""
    return hmac.digest(_key(create=True) or _SESSION, b"computed\0" + content, "sha256")


def user_folder() -> Path:
    """Where this user's own files are: the key, and the working folders of runs at URLs."""
    base = os.environ.get("LABEL_WORKBENCH_HOME") or os.environ.get("XDG_DATA_HOME")
    return (Path(base) if base else Path.home() / ".local" / "share") / "label-workbench"


def _digest(key: bytes, run_uuid: str, media_root: Path) -> str:
    return hmac.new(key, f"{run_uuid}\n{media_root}".encode(), "sha256").hexdigest()


def _key(create: bool) -> bytes | None:
    """32 random bytes in the user's data folder (mode 0600); None where it cannot be written or read.

    It appears with its name only when it is whole: of two processes that make one at once, one wins, and a process that
    is killed leaves none.
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
        except OSError:  # no such links here; or a key is there: another process's, or one that was cut short
            if not path.exists() or path.stat().st_size != KEY_BYTES:
                os.replace(temporary, path)
        key = path.read_bytes()
    except OSError:
        return None
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
    return key if len(key) == KEY_BYTES else None
