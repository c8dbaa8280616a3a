"""Join the modules of `widgets/js/` into one file for the browser: `python -m widgets._bundle`.

A notebook front end imports the code of a widget from a blob URL, so it must be a single file without relative imports.
The sources are small ES modules, which `node --test` imports directly. This script concatenates them in the order of
their imports and removes `import`, `export`, comments, indentation and blank lines, which would be a fifth of what
every page loads. The files in `editors/` are found automatically. The script does not need Node and its output is
reproducible; a test fails if the committed file differs from the output.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path

HERE = Path(__file__).parent
SCRIPTS = HERE / "js"
ENTRY = "main.js"
OUTPUT = HERE / "explorer.js"
HEADER = "// Generated from widgets/js/ by `python -m widgets._bundle`. Do not edit.\n"

EDITORS = "editors.js"
"""The module with the table of editors; the editors are the files in the folder of the same name."""

_IMPORT = re.compile(r'^import \{([^}]*)\} from "(\.[\w./-]+\.js)";\n', re.MULTILINE)
_EXPORT = re.compile(r"^export (?=(?:async )?(?:const|let|function|class)\b)", re.MULTILINE)
_COMMENT = re.compile(r"^[ \t]*(?:/\*(?:(?!\*/).)*\*/|//[^\n]*)[ \t]*\n", re.MULTILINE | re.DOTALL)
"""A comment that occupies whole lines."""
_TYPE_WITHIN = re.compile(r"/\*\* @type (?:(?!\*/).)*\*/ ?", re.DOTALL)
"""A type within a line, which precedes an expression."""
_AFTER = re.compile(r"(?<=[;,{(]) //[^\n\"'`]*$", re.MULTILINE)
"""A comment after code; one with quotation marks stays, since it may be part of a text."""
_BLANK = re.compile(r"\n{2,}")
_INDENT = re.compile(r"^[ \t]+", re.MULTILINE)
"""White space at the start of lines; it also disappears from texts of several lines, such as shaders."""
_TOP_LEVEL = re.compile(r"^(?:export )?(?:async )?(?:const|let|function|class) ([\w$]+)", re.MULTILINE)
_LISTED = re.compile(r"^(?:export )?const (\w+ = [^;]+?(?:, \w+ = [^;,]+)+);$", re.MULTILINE)


def bundle(sources: Path = SCRIPTS, entry: str = ENTRY) -> str:
    """Return the text of the bundle.

    Raises
    ------
    ValueError : an import in an unsupported form, a circular import, a name that a module does not export, or a
        top-level name in two modules (in one file they would be the same variable).
    """
    order: list[str] = []
    texts: dict[str, str] = {}
    for editor in editors(sources):
        _visit(sources, editor, order, texts, ())
    _visit(sources, entry, order, texts, ())
    owners: dict[str, str] = {}
    for name in order:
        for declared in [] if name.startswith("editors/") else declared_names(texts[name]):
            if declared in owners:
                raise ValueError(f"{name} and {owners[declared]} both declare `{declared}`: rename one of them")
            owners[declared] = name
    return HEADER + "".join(f"\n// --- {name}\n{_written(name, texts[name])}\n" for name in order)


def editors(sources: Path = SCRIPTS) -> list[str]:
    """Return the files in `editors/`, each of which exports the editor of one kind of label."""
    return sorted(path.relative_to(sources).as_posix() for path in sources.glob("editors/*.js"))


def _written(name: str, text: str) -> str:
    """Return a module as written to the bundle; an editor becomes a block that adds itself to the table."""
    if not name.startswith("editors/"):
        return _plain(text)
    if not re.search(r"^export const editor = ", text, re.MULTILINE):
        raise ValueError(f"{name} exports no `editor`")
    return f"{{\n{_plain(text)}\nEDITORS[editor.task] = editor;\n}}"


def _plain(text: str) -> str:
    """Return a module without imports, exports, comments, indentation and blank lines."""
    code = _AFTER.sub("", _TYPE_WITHIN.sub("", _COMMENT.sub("", _EXPORT.sub("", _IMPORT.sub("", text)))))
    return _BLANK.sub("\n", _INDENT.sub("", code)).strip()


def declared_names(text: str) -> list[str]:
    """Return the top-level names of a module, including all names of `const a = 1, b = 2;`."""
    names = _TOP_LEVEL.findall(text)
    for listed in _LISTED.findall(text):
        names += [part.split("=")[0].strip() for part in listed.split(", ")[1:] if re.match(r"\w+ = ", part)]
    return names


def imports_of(name: str, text: str) -> list[tuple[str, str]]:
    """Return the imports of a module: the names as text, and the imported module by its path in `widgets/js/`."""
    folder = posixpath.dirname(name)
    return [(names, posixpath.normpath(posixpath.join(folder, path))) for names, path in _IMPORT.findall(text)]


def _visit(sources: Path, name: str, order: list[str], texts: dict[str, str], above: tuple[str, ...]) -> None:
    """Append a module after all modules that it imports."""
    if name in above:
        raise ValueError(f"circular import: {' -> '.join([*above, name])}")
    if name in texts:
        return
    text = (sources / name).read_text(encoding="utf-8")
    rest = _IMPORT.sub("", text)
    if re.search(r"^import\b", rest, re.MULTILINE) or re.search(r"^export (?:\*|\{)", rest, re.MULTILINE):
        raise ValueError(f'{name}: write imports as `import {{ a, b }} from "./x.js";` on one line, without renaming')
    found = imports_of(name, text)
    for names, target in [("EDITORS", EDITORS), *found] if name.startswith("editors/") else found:
        _visit(sources, target, order, texts, (*above, name))
        exported = declared_names("\n".join(line for line in texts[target].splitlines() if line.startswith("export ")))
        for wanted in (part.strip() for part in names.split(",") if part.strip()):
            if wanted not in exported:
                raise ValueError(f"{name} imports `{wanted}`, which {target} does not export")
    texts[name] = text
    order.append(name)
