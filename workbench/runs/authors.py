"""Who decides, and when, as a journal notes it."""

from __future__ import annotations

import getpass
import os
from datetime import datetime, timezone


def login() -> str:
    """The login name, or `uid-N` where the machine knows no name for the user (containers)."""
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):
        return f"uid-{os.getuid()}" if hasattr(os, "getuid") else "unknown"


def now() -> str:
    """UTC in ISO 8601, to the millisecond."""
    return datetime.now(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")
