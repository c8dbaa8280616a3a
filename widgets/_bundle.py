"""Write the JavaScript bundle and the types of messages: `python -m widgets._bundle`.

With `--check`, only check whether they are up to date.
"""

from __future__ import annotations

import sys

from widgets.bundling import OUTPUT, bundle
from widgets.wire.typedefs import SCRIPT, typedefs


def main() -> int:
    """Write both files, or with `--check` only report whether the existing ones are up to date."""
    made = {OUTPUT: bundle(), SCRIPT: typedefs()}
    if "--check" in sys.argv[1:]:
        return int(any(path.read_text(encoding="utf-8") != text for path, text in made.items()))
    for path, text in made.items():
        path.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
