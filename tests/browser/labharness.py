"""JupyterLab in Chromium for tests: a server on a free port, a notebook in a page, and a second client on its kernel.

The page is driven by mouse and keyboard. The state of the kernel is read through `KernelProbe`, so that a test never
relies on the page for what was saved.
"""

from __future__ import annotations

import ast
import contextlib
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path

import lifelines

PATIENCE = 90.0
"""Seconds that a state may take on a busy machine. Only a failure waits that long."""

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
SHELL = "chromium-headless-shell"
"""Chromium without its own window draws the same with less: 15.3 s of processor time instead of 17.9. It opens no
connection ahead of a request, as browsers do."""
FLAGS = (
    "--headless=new", "--no-sandbox", "--no-first-run", "--disable-background-networking", "--disable-component-update",
    "--disable-sync", "--force-color-profile=srgb",
)  # fmt: skip
# Use the software driver for WebGL only; compositing the page with it takes ten times as much processor time.
SOFTWARE_GL = ("--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--disable-gpu-compositing")
NO_GL = ("--disable-gpu", "--disable-webgl", "--disable-webgl2", "--disable-3d-apis")
NO_BUILD = {"page_config_data": {"buildCheck": False, "buildAvailable": False}}
"""Otherwise each page asks whether JupyterLab is to be built again, for which the server starts Node.js."""
DISABLED = {
    "disabledExtensions": {
        "@jupyterlab/application-extension:faviconbusy": True,
        "@jupyterlab/apputils-extension:kernel-status": True,
    }
}
SETTINGS = {
    "apputils-extension/notification": {"fetchNews": "false"},
    "notebook-extension/panel": {"toolbar": [{"name": "executionProgress", "disabled": True}]},
}
"""No question whether JupyterLab may fetch news. And nothing that shows each change of a kernel between idle and busy:
in the tab's icon, which is fetched again, in the status bar and in the toolbar. None of these takes keys. Without the
last two a decision took .14 s of processor time instead of .20."""


def find_browser(*, shell: bool = False) -> str | None:
    """Return the path of a Chromium: $CHROMIUM if set (None if it is wrong), else the first on PATH.

    `shell`: a shell of Chromium will do, and is preferred.
    """
    named = os.environ.get("CHROMIUM")
    if named:
        return named if Path(named).exists() else None
    names = (SHELL, *BROWSERS) if shell else BROWSERS
    return next((path for path in map(shutil.which, names) if path), None)


def launch(playwright: object, *, gl: bool = True, shell: bool = False, width: int = 1280, height: int = 1000):
    """Open a browser context with its own profile, which is removed on closing; without `gl`, WebGL is disabled."""
    profile = tempfile.mkdtemp(prefix="profile-")
    context = playwright.chromium.launch_persistent_context(
        profile,
        executable_path=find_browser(shell=shell),
        headless=False,  # the flag below selects the new headless mode, which renders like the real browser
        args=[*FLAGS, *(SOFTWARE_GL if gl else NO_GL)],
        viewport={"width": width, "height": height},
        ignore_default_args=["--headless"],
    )
    context.set_default_timeout(PATIENCE * 1000)
    context.on("close", lambda _: shutil.rmtree(profile, ignore_errors=True))
    return context


class LabServer:
    """`jupyter lab` on the loopback address with a token; all of its state is in a separate folder.

    It and its kernels end with this process.

    `kernels`: a folder for JUPYTER_PATH, whose kernels precede the installed ones.
    """

    def __init__(self, root: Path, pythonpath: Sequence[Path] = (), kernels: str | None = None) -> None:
        self.root = Path(root)
        self.state = Path(tempfile.mkdtemp(prefix="lab-"))
        self.runtime = self.state / "runtime"
        self.token = os.urandom(12).hex()
        self.port = free_port()
        self.base = f"http://127.0.0.1:{self.port}"
        self._write_settings()
        self._log = open(self.state / "server.log", "wb")  # noqa: SIM115 (closed in stop)
        self._process = subprocess.Popen(
            lifelines.tied(self._command()), env=self._environment(pythonpath, kernels), stdout=self._log,
            stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
        try:
            self._wait()
        except BaseException:
            self.stop()
            raise

    def _write_settings(self) -> None:
        page = self.state / "config" / "labconfig" / "page_config.json"
        page.parent.mkdir(parents=True)
        page.write_text(json.dumps(DISABLED), encoding="utf-8")
        for name, values in SETTINGS.items():
            settings = self.state / "settings" / "@jupyterlab" / f"{name}.jupyterlab-settings"
            settings.parent.mkdir(parents=True)
            settings.write_text(json.dumps(values), encoding="utf-8")

    def _command(self) -> list[str]:
        return [
            sys.executable, "-m", "jupyter", "lab", "--no-browser", "--ip=127.0.0.1", f"--port={self.port}",
            "--allow-root", "--ServerApp.port_retries=0", f"--IdentityProvider.token={self.token}",
            f"--ServerApp.root_dir={self.root}",
            "--LabApp.expose_app_in_browser=True", "--JupyterNotebookApp.expose_app_in_browser=True",
            "--LabApp.news_url=None",
            "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
            "--LanguageServerManager.autodetect=False",
            f"--ServerApp.tornado_settings={NO_BUILD}",
            *(["--KernelManager.transport=ipc"] if lifelines.AVAILABLE else []),  # nobody can take a kernel's ports
        ]  # fmt: skip

    def _environment(self, pythonpath: Sequence[Path], kernels: str | None) -> dict[str, str]:
        own = {
            "JUPYTER_CONFIG_DIR": "config",
            "JUPYTER_DATA_DIR": "data",
            "JUPYTER_RUNTIME_DIR": "runtime",
            "IPYTHONDIR": "ipython",
            "JUPYTERLAB_SETTINGS_DIR": "settings",
        }
        paths = os.pathsep.join([*map(str, pythonpath), os.environ.get("PYTHONPATH", "")])
        own = {key: str(self.state / name) for key, name in own.items()}
        return {**os.environ, **own, **({"JUPYTER_PATH": kernels} if kernels else {}), "PYTHONPATH": paths}

    def _wait(self, seconds: float = PATIENCE) -> None:
        end = time.time() + seconds
        while True:
            if self._process.poll() is not None:
                raise RuntimeError("jupyter ended:\n" + (self.state / "server.log").read_text()[-3000:])
            try:
                self.api("GET", "/api/status")
                return
            except OSError:
                if time.time() > end:
                    raise
                time.sleep(0.1)

    def api(self, method: str, path: str) -> object:
        """Return an answer of the server's REST interface."""
        request = urllib.request.Request(
            self.base + path, method=method, headers={"Authorization": f"token {self.token}"}
        )
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            body = answer.read()
        return json.loads(body) if body else None

    def write_notebook(self, name: str, cells: Sequence[str]) -> str:
        """Write a notebook of code cells to the server's folder."""
        code = {"cell_type": "code", "execution_count": None, "metadata": {}, "outputs": []}
        kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
        notebook = {
            "cells": [{**code, "id": f"cell-{number}", "source": cell} for number, cell in enumerate(cells)],
            "metadata": {"kernelspec": kernel},
            "nbformat": 4,
            "nbformat_minor": 5,
        }
        (self.root / name).write_text(json.dumps(notebook), encoding="utf-8")
        return name

    def cells(self, name: str) -> list[str]:
        """Return the sources of the cells in a notebook file."""
        return [cell["source"] for cell in json.loads((self.root / name).read_text(encoding="utf-8"))["cells"]]

    def end(self, path: str) -> None:
        """End a kernel, or a session with its kernel, by its path in the REST interface."""
        try:
            self.api("DELETE", path)
        except urllib.error.HTTPError as error:
            if error.code != 500:  # its answer for a kernel that was restarted; it ends with the server
                raise

    def stop(self) -> None:
        """End the server and its kernels."""
        if self._process.poll() is None:
            os.kill(self._process.pid, signal.SIGTERM)
            try:
                self._process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                os.killpg(self._process.pid, signal.SIGKILL)
                self._process.wait()
        self._log.close()
        shutil.rmtree(self.state, ignore_errors=True)


ANSWERING = '''
import asyncio as _asyncio, json as _json, socket as _socket, time as _time

async def _answer(reader, writer, secret):
    """Answer with the value of an expression, or with its first true value before `seconds` have passed."""
    while line := await reader.readline():
        asked = _json.loads(line)
        if asked["secret"] != secret:
            break
        end = _time.monotonic() + asked["seconds"]
        try:
            while not (value := eval(asked["expression"], globals())) and _time.monotonic() < end:
                await _asyncio.sleep(0.03)
            answer = _json.dumps({"value": value}, default=lambda value: value.item())
        except Exception as error:
            answer = _json.dumps({"error": f"{type(error).__name__}: {error}"})
        writer.write(answer.encode() + b"\\n")
    writer.close()

_door = _socket.create_server(("127.0.0.1", 0))
_serving = _asyncio.ensure_future(
    _asyncio.start_server(lambda reader, writer: _answer(reader, writer, SECRET), sock=_door))
'''
"""Run in a kernel: between other work, its loop evaluates expressions that come through a socket.

As messages to the kernel, they would also reach the page, where JupyterLab shows each change between busy and idle: a
poll cost 25 ms of processor time, half of it in Chromium.
"""


class KernelProbe:
    """A second client on a notebook's kernel: run code there, read values back."""

    def __init__(self, server: LabServer, notebook: str) -> None:
        from jupyter_client import BlockingKernelClient

        self.id = self._kernel_of(server, notebook)
        self.client = BlockingKernelClient(connection_file=str(server.runtime / f"kernel-{self.id}.json"))
        self.client.load_connection_file()
        self.client.start_channels(hb=False)  # on a busy machine a slow heartbeat would look like a dead kernel
        self.client.wait_for_ready(2 * PATIENCE)
        self.secret = os.urandom(12).hex()
        content = self._execute(ANSWERING.replace("SECRET", repr(self.secret)), port="_door.getsockname()[1]")
        port = int(content["user_expressions"]["port"]["data"]["text/plain"])
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.lines = self.socket.makefile("rw", encoding="utf-8")

    @staticmethod
    def _kernel_of(server: LabServer, notebook: str) -> str:
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            for session in server.api("GET", "/api/sessions"):
                if session["path"].endswith(notebook):
                    return session["kernel"]["id"]
            time.sleep(0.1)
        raise RuntimeError(f"no kernel was started for {notebook}")

    def _execute(self, code: str, timeout: float = 2 * PATIENCE, **expressions: str) -> dict:
        content = self.client.execute_interactive(
            code, store_history=False, timeout=timeout, output_hook=lambda message: None, user_expressions=expressions
        )["content"]
        if content["status"] != "ok":
            raise RuntimeError("\n".join(content.get("traceback", [])) or str(content))
        return content

    def _ask(self, expression: str, timeout: float, seconds: float = 0.0) -> object:
        self.socket.settimeout(timeout)
        json.dump({"secret": self.secret, "expression": expression, "seconds": seconds}, self.lines)
        self.lines.write("\n")
        self.lines.flush()
        answer = json.loads(self.lines.readline())
        if "error" in answer:
            raise RuntimeError(answer["error"])
        return answer["value"]

    def run(self, code: str, timeout: float = 2 * PATIENCE) -> None:
        """Execute statements."""
        self._execute(code, timeout)

    def eval(self, expression: str, timeout: float = 2 * PATIENCE) -> object:
        """Return the value of an expression, which must be JSON-serializable, after the messages that the page has
        sent: a message to the kernel waits for them, the socket does not."""
        asked = f"_json.dumps({expression}, default=lambda value: value.item())"
        value = self._execute("", timeout, value=asked)["user_expressions"]["value"]
        if value["status"] != "ok":
            raise RuntimeError(f"{value['ename']}: {value['evalue']}")
        return json.loads(ast.literal_eval(value["data"]["text/plain"]))

    def wait(self, expression: str, timeout: float = PATIENCE) -> object:
        """Wait for and return the first true value of an expression."""
        value = self._ask(expression, timeout + PATIENCE, timeout)
        assert value, f"never became true in the kernel: {expression}"
        return value

    def close(self) -> None:
        self.lines.close()
        self.socket.close()
        self.client.stop_channels()


class LabPage:
    """One notebook open in JupyterLab."""

    def __init__(
        self, browser: object, server: LabServer, notebook: str, width: int = 1280, height: int = 1000
    ) -> None:
        self.server, self.notebook = server, notebook
        self.cells_written = server.cells(notebook)
        self.errors: list[str] = []
        self._browser = browser
        self._new_page(width, height)
        self.probe = KernelProbe(server, notebook)

    def _new_page(self, width: int, height: int) -> None:
        self.page = self._browser.new_page()
        self.page.set_viewport_size({"width": width, "height": height})
        self.page.on("pageerror", lambda error: self.errors.append(f"pageerror: {error}"))
        self.page.on(
            "console", lambda message: message.type == "error" and self.errors.append(f"console: {message.text}")
        )
        self.open()

    def open(self) -> None:
        """(Re)load the page; outputs are gone until `run_all`."""
        self.page.goto(f"{self.server.base}/doc/tree/{self.notebook}?token={self.server.token}")
        self.page.wait_for_selector(".jp-Notebook .jp-Cell")
        self.page.wait_for_function("() => window.jupyterapp !== undefined")
        self.page.wait_for_function(  # running a cell earlier opens a dialog that asks for a kernel
            """() => window.jupyterapp.shell.currentWidget?.sessionContext?.session?.kernel
            ?.connectionStatus === 'connected'"""
        )

    def reset(self, width: int = 1280, height: int = 1000) -> None:
        """Restore the page as first opened: reload it, unless only its theme differs."""
        if not self._as_opened():
            self.page.close()  # without asking for unsaved changes
            self.server.write_notebook(self.notebook, self.cells_written)
            self._new_page(width, height)
        if self.page.evaluate("() => document.body.dataset.jpThemeLight !== 'true'"):
            self.theme("JupyterLab Light")
        self.page.set_viewport_size({"width": width, "height": height})
        self.page.emulate_media(reduced_motion="no-preference")
        self.page.mouse.move(2, 2)
        self.errors.clear()

    def _as_opened(self) -> bool:
        return self.page.evaluate(
            """cells => { const shell = window.jupyterapp?.shell, notebook = shell?.currentWidget;
            return !!notebook?.content?.model && !document.querySelector('.jp-Dialog') && navigator.onLine
              && shell.mode === 'single-document'
              && notebook.sessionContext?.session?.kernel?.connectionStatus === 'connected'
              && JSON.stringify(cells)
                === JSON.stringify([...notebook.content.model.cells].map(cell => cell.sharedModel.source)); }""",
            self.cells_written,
        )

    def dismiss(self) -> None:
        """Close dialogs of JupyterLab, such as the report that the server did not answer."""
        for dialog in self.page.locator(".jp-Dialog").all():
            dialog.locator("button").last.click()
        self.page.locator(".jp-Dialog").wait_for(state="detached")

    def run_all(self, timeout: float = 2 * PATIENCE) -> None:
        """Run every cell and wait until the new view has drawn and loaded its filters."""
        self.page.evaluate("() => document.querySelectorAll('.lw').forEach(old => { old.dataset.old = 'true'; })")
        self.page.evaluate("() => { window.jupyterapp.commands.execute('notebook:run-all-cells'); }")
        self.page.wait_for_selector(".lw[data-state=ready]:not([data-old])", timeout=timeout * 1000)
        self.page.wait_for_selector(".lw[data-old]", state="detached")

    def theme(self, name: str) -> None:
        """ "JupyterLab Dark" or "JupyterLab Light"."""
        self.page.evaluate("name => window.jupyterapp.commands.execute('apputils:change-theme', {theme: name})", name)
        light = "true" if "Light" in name else "false"
        self.page.wait_for_function("light => document.body.dataset.jpThemeLight === light", arg=light)

    def settle(self, still: int = 200) -> None:
        """Wait until nothing in the view has moved or changed its colours for some milliseconds.

        It looks three times: now, after half of the time, and at its end. A look takes 15 ms.
        """
        self.page.evaluate(
            """still => new Promise((resolve, reject) => { let before, since;
            const root = document.querySelector('.lw');
            setTimeout(() => reject(new Error('the view does not come to rest')), 90000);
            const look = now => { const all = [root, ...root.querySelectorAll('*')].map(e => {
                const r = e.getBoundingClientRect(), s = getComputedStyle(e);
                return [r.left, r.top, r.width, r.height, s.color, s.backgroundColor, s.opacity].join(); }).join(';');
              if (all !== before) [before, since] = [all, now];
              if (now - since >= still) resolve(); else setTimeout(requestAnimationFrame, still / 2, look); };
            requestAnimationFrame(look); })""",
            still,
        )

    def cells(self) -> int:
        """Number of cells of the notebook."""
        return self.page.evaluate("() => document.querySelectorAll('.jp-Notebook .jp-Cell').length")

    def drag(self, points: Sequence[tuple[float, float]], steps: int = 4) -> None:
        """Press at the first point, move through the others, release."""
        mouse = self.page.mouse
        mouse.move(*points[0])
        mouse.down()
        for point in points[1:]:
            mouse.move(*point, steps=steps)
        mouse.up()

    def lasso(self, map_index: int = 0, inset: float = 0.12) -> None:
        """Draw around the middle of a map."""
        box = self.page.locator(".lw-over").nth(map_index).bounding_box()
        x0, x1 = box["x"] + box["width"] * inset, box["x"] + box["width"] * (1 - inset)
        y0, y1 = box["y"] + box["height"] * inset, box["y"] + box["height"] * (1 - inset)
        self.drag([(x0, y0), (x1, y0), (x1, y1), (x0, y1), (x0, y0 + 3)])

    def confirm(self, button: object, question: object) -> None:
        """Click a button, then the question that it becomes, which is gone after seconds or when the list changes."""
        from playwright.sync_api import TimeoutError as TooLate

        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            button.click()
            with contextlib.suppress(TooLate):
                return question.click(timeout=5000)
        raise AssertionError(f"the question never stayed: {question}")

    def wait_until_painted(self, canvas: str) -> None:
        """Wait until a flat canvas shows anything; it is drawn in a frame after the text beside it."""
        self.page.wait_for_function(
            """(name) => { const canvas = document.querySelector(name);
            return canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data.some(Boolean); }""",
            arg=canvas,
        )

    def close(self) -> None:
        self.probe.close()
        self.page.close()
        self.server.end(f"/api/kernels/{self.probe.id}")


def free_port() -> int:
    """Return a free port below the ephemeral range.

    Until a server has started, which takes seconds on a busy machine, connections of other processes may get a port of
    that range.
    """
    for port in random.SystemRandom().sample(range(12_000, 32_000), 1000):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise RuntimeError("no free port")
