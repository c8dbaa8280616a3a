"""Time and memory from laptop to cluster: `python benchmarks/scale.py [--quick] [--only NAME ...]` (make bench-scale).

Runs every measurement in benchmarks/works/ in its own process and prints a table. At full size it also writes
benchmarks/results/scale.json, a list of rows {work, size, seconds, peak_mb, reference, ratio}, and the scale section of
BENCHMARKS.md; with `--only`, the rows of the other measurements are kept.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from measuring import RESULTS, ROOT, as_markdown, machine, write_section
from works import all_works

OUT = RESULTS / "scale.json"
COLUMNS = ("work", "size", "seconds", "peak_mb", "reference", "ratio")
HEAD = "| work | size | s | peak MB | reference | ratio |\n|---|---|---|---|---|---|"


def child(name: str, folder: Path, quick: bool) -> None:
    """Run one measurement in this process and print a line of JSON per row."""
    for row in all_works()[name].rows(folder, quick):
        print(json.dumps({"of": name, **row.plain()}), flush=True)


def rows_of(name: str, quick: bool, tmp: str | None) -> Iterator[dict[str, Any]]:
    """Rows of one measurement, taken in its own process."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
    with tempfile.TemporaryDirectory(dir=tmp) as folder:
        command = [sys.executable, __file__, "--child", name, folder, *(["--quick"] if quick else [])]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
            for line in process.stdout:
                if line.startswith('{"of"'):
                    yield json.loads(line)
                else:
                    print(line, end="", flush=True)
    if process.returncode:
        raise SystemExit(f"{name} ended with {process.returncode}")


def shown(row: dict[str, Any]) -> dict[str, Any]:
    """The columns of the table."""
    return {column: row[column] for column in COLUMNS}


def kept(before: list[dict[str, Any]], fresh: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Replace the rows of the measurements that were run; drop rows of measurements that no longer exist."""
    known = list(all_works())
    again = {row["of"] for row in fresh}
    rows = [row for row in before if row["of"] not in again and row["of"] in known] + fresh
    return sorted(rows, key=lambda row: known.index(row["of"]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="small sizes, to see that everything runs; writes nothing")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="some of the works")
    parser.add_argument("--list", action="store_true", help="names of the works, with what each measures")
    parser.add_argument("--tmp", default=None, help="a folder with room for the data of one work (20 GB)")
    parser.add_argument("--child", nargs=2, metavar=("NAME", "FOLDER"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        child(options.child[0], Path(options.child[1]), options.quick)
        return
    works = all_works()
    if options.list:
        for name, one in works.items():
            print(f"{name:32} {(one.function.__doc__ or '').partition(chr(10))[0]}")
        return
    unknown = set(options.only or ()) - set(works)
    if unknown:
        raise SystemExit(f"unknown works {sorted(unknown)}; there are {', '.join(works)}")
    print(machine(), HEAD, sep="\n\n", flush=True)
    before = json.loads(OUT.read_text()) if OUT.is_file() else []
    for name in options.only or works:
        fresh = []
        for row in rows_of(name, options.quick, options.tmp):
            print(as_markdown(shown(row)), flush=True)
            fresh.append(row)
            if not options.quick:  # after each row, so that finished measurements are kept
                keep(kept(before, fresh))
        before = kept(before, fresh)


def keep(rows: list[dict[str, Any]]) -> None:
    """Write the results, and the table in BENCHMARKS.md."""
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text(json.dumps(rows, indent=1) + "\n")
    write_section("scale", HEAD, map(shown, rows))


if __name__ == "__main__":
    main()
