"""The installed package: build the wheel, inspect it, install it elsewhere and use it from there."""

from __future__ import annotations

import configparser
import json
import site
import subprocess
import sys
import sysconfig
import zipfile
from importlib import metadata
from pathlib import Path

import pytest

pytest.importorskip("hatchling", reason="needs hatchling (in the test extra) to build the wheel")
pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("workbench", "widgets")


def run(*command: object, cwd: Path) -> str:
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, cwd=cwd, timeout=900)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """Build the wheel (without network or build environment: hatchling is called directly)."""
    folder = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder, cwd=ROOT)
    (path,) = folder.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory) -> Path:
    """A folder that contains only our installed wheel."""
    folder = tmp_path_factory.mktemp("installed")
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--quiet", "--no-index", "--no-deps")
    run(*pip, "--no-compile", "--target", folder, wheel, cwd=folder)
    return folder


def use(installed: Path, code: str) -> object:
    """Run code with the installed wheel and the dependencies, but without the repository; return its JSON output.

    `-S` ignores .pth files, and so an editable install of the repository.
    """
    libraries = [sysconfig.get_path("purelib"), sysconfig.get_path("platlib"), *site.getsitepackages()]
    paths = [str(installed), *dict.fromkeys(libraries)]
    head = f"import sys, json; sys.path[:0] = {paths[:1]!r}; sys.path += {paths[1:]!r}\n"
    return json.loads(run(sys.executable, "-I", "-S", "-c", head + code, cwd=installed).splitlines()[-1])


def sources() -> set[str]:
    """Return all files of our packages that belong in the wheel."""
    found = set()
    for package in PACKAGES:
        for path in (ROOT / package).rglob("*"):
            if (
                path.is_file()
                and not {"__pycache__", "node_modules"} & set(path.parts)
                and (path.suffix in {".py", ".js", ".css", ".html"} or path.name == "py.typed")
            ):
                found.add(path.relative_to(ROOT).as_posix())
    return found


def test_wheel_holds_our_packages_with_their_assets_and_nothing_else(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if not name.endswith("/")}
    assert sources() <= names, f"left out: {sorted(sources() - names)}"
    extra = {name.split("/")[0] for name in names} - set(PACKAGES)
    assert extra == {f"label_workbench-{metadata_version(wheel)}.dist-info"}
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert {f"{package}/py.typed" for package in PACKAGES} <= names  # type checkers read our annotations
    assert not [name for name in names if name.endswith((".pyc", ".sqlite", ".ipynb")) or "node_modules" in name]
    assert wheel.stat().st_size < 2_500_000  # all of it source


def metadata_version(wheel: Path) -> str:
    return wheel.name.split("-")[1]


ASSETS = """
import hashlib, widgets
found = {}
for name in widgets.__all__:
    for asset in ("_esm", "_css"):
        text = getattr(getattr(widgets, name), asset, None)
        if text is not None:
            text = str(getattr(text, "default_value", text))
            assert text.strip(), f"{name}.{asset} is empty"
            found[f"{name}.{asset}"] = hashlib.sha256(text.encode()).hexdigest()
"""
USED = f"""{ASSETS}
import importlib.util, re
from importlib.metadata import distributions
import workbench, widgets
from workbench.shell.cli import main
owners = {{"workbench": set(), "widgets": set()}}
for dist in distributions():
    files = dist.read_text("RECORD") or "\\n".join(map(str, dist.files or []))  # `files` alone takes five times as long
    for name in owners:
        if re.search(f"^{{name}}/", files, re.M):
            owners[name].add(dist.metadata["Name"])
print(json.dumps({{
    "assets": found, "homes": [workbench.__file__, widgets.__file__], "version": workbench.__version__,
    "callable": callable(main),
    "leaked": [name for name in ("tests", "data", "notebooks", "benchmarks", "runs") if importlib.util.find_spec(name)],
    "owners": {{name: sorted(names) for name, names in owners.items()}},
}}))
"""


@pytest.fixture(scope="module")
def used(installed) -> dict[str, object]:
    """What one process finds that imports the installed wheel.

    Owners are as of `importlib.metadata.packages_distributions()`, which on Python 3.10 does not read file lists.
    """
    return use(installed, USED)


def test_command_of_the_wheel(wheel, used):
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith("entry_points.txt"))
        points = configparser.ConfigParser()
        points.read_string(archive.read(name).decode())
    assert dict(points["console_scripts"]) == {"workbench": "workbench.shell.cli:main"}
    assert used["callable"] is True


def test_imports_come_from_the_wheel_and_the_rest_of_the_repository_does_not(installed, used):
    assert all(Path(path).is_relative_to(installed) for path in used["homes"])
    assert used["leaked"] == []
    assert used["version"] == "0.2.0"


def test_each_import_name_has_one_owner(used):
    assert used["owners"] == {"workbench": ["label-workbench"], "widgets": ["label-workbench"]}


def test_every_widget_finds_its_script_and_style_in_the_wheel(used):
    here: dict[str, object] = {}
    exec(ASSETS, here)
    assert here["found"], "no widget has an asset: widgets.__all__ is empty?"
    assert used["assets"] == here["found"]


def test_an_editable_install_does_not_leak_the_repository(tmp_path):
    try:
        origin = metadata.distribution("label-workbench").read_text("direct_url.json") or "{}"
    except metadata.PackageNotFoundError:
        pytest.skip("the project is not installed here (tests run from the source tree)")
    if not json.loads(origin).get("dir_info", {}).get("editable"):
        pytest.skip("the project is not installed in editable mode here")
    code = "import importlib.util as u, json; print(json.dumps([n for n in ('tests', 'data') if u.find_spec(n)]))"
    assert json.loads(run(sys.executable, "-I", "-c", code, cwd=tmp_path)) == []


def test_lower_bounds_leave_out_releases_with_known_holes(wheel):
    """Vulnerabilities that untrusted files can exploit: weights, pictures, Arrow files, notebooks."""
    from packaging.requirements import Requirement

    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        lines = archive.read(name).decode().splitlines()
    needed = [Requirement(line.partition(": ")[2]) for line in lines if line.startswith("Requires-Dist: ")]
    bounds = {one.name: one.specifier for one in needed if one.marker is None}
    for holed in ("torch==2.5.1", "pillow==10.0.0", "pillow==10.2.0", "pyarrow==14.0.0", "jupyterlab==4.2.4"):
        name, _, version = holed.partition("==")
        assert not bounds[name].contains(version), holed


def test_what_is_installed_with_pip_is_pinned():
    pinned = {line.partition("==")[0] for line in (ROOT / "constraints.txt").read_text().splitlines() if "==" in line}
    assert {"setuptools", "torch", "pillow", "pyarrow", "jupyterlab"} <= pinned
