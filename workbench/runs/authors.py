"""Author and time of the entries of a journal."""

from __future__ import annotations

import getpass
import os
from datetime import datetime, timezone


def login() -> str:
    """Return the login name, or `uid-N` if the user has no name on this machine (as in containers)."""
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):
        return f"uid-{os.getuid()}" if hasattr(os, "getuid") else "unknown"


def now() -> str:
    """Return the current time in UTC as ISO 8601 with milliseconds."""
    return datetime.now(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")
