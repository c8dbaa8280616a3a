# Label Workbench. `make` alone lists the commands. Needs a Python >= 3.10, git and make; all else goes into .venv.
SHELL := /bin/sh
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
unexport PYTHONPATH PYTHONHOME
# Images of containers set this one; then every process would compile torch, umap and JupyterLab anew, for seconds each.
# What is compiled lies in .venv and, where git does not look, beside our modules.
unexport PYTHONDONTWRITEBYTECODE

VENV ?= .venv
BIN := $(VENV)/bin
ARGS ?=
NOTEBOOK := notebooks/01_first_look.ipynb
DEMO := runs/demo
RECORDED := $(DEMO)/pred_probs.json
LABCONFIG := $(VENV)/etc/jupyter/labconfig/default_setting_overrides.json

# The first Python >= 3.10 that can make a virtual environment; the one you call `python3` is preferred.
ifndef PYTHON
PYTHON := $(shell for p in python3 python3.13 python3.12 python3.11 python3.10 python; do \
  $$p -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 10))' >/dev/null 2>&1 && { echo $$p; break; }; done)
endif

PYTEST = $(BIN)/python -m pytest

# --no-compile halves the time: Python compiles what is imported, a quarter of what is installed. WARM imports the
# slowest of it once, on two cores, so that nobody waits for that later; WARM_TEST what the tests import besides, and the tests.
WARM = $(BIN)/python -c "import torch._dynamo" & \
  $(BIN)/python -c "import umap, sklearn.linear_model, plotly.graph_objects, jupyterlab.labapp, widgets" && wait $$!
WARM_TEST = $(BIN)/python -c "import lightning.pytorch, transformers.trainer" & \
  { $(BIN)/python -c "import distributed, s3fs, moto.server, moto.s3, mkdocs.commands.build, mkdocstrings, marimo, cleanlab, \
  hypothesis.extra.numpy, nbclient, notebook.app, playwright.sync_api"; $(PYTEST) -q --collect-only >/dev/null; } && wait $$!
INSTALL = $(BIN)/python -m pip install --quiet --no-compile --disable-pip-version-check -c constraints.txt
# Two processes, one thread of arithmetic each; tests/conftest.py says what stays together and what begins. At the end
# stand the ten slowest tests.
WORKERS ?= 2
PYTEST_ALL = OMP_NUM_THREADS=1 $(PYTEST) -n $(WORKERS) --dist loadfile --no-loadscope-reorder --durations=10
AS_ROOT = $(shell [ "$$(id -u)" = 0 ] && echo --allow-root)

.PHONY: help lab demo test check slow docs lessons bench bench-quick bench-view screenshots bench-scale report chromium ready clean

help:  ## list the commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | awk -F'\t' '{printf "  make %-12s %s\n", $$1, $$2}'

# An environment that another clone installed itself into is not turned to this one without a word.
OWNED = @$(BIN)/python -c 'import importlib.metadata as m, json, os, sys, urllib.parse as u; \
  found = [d.read_text("direct_url.json") for d in m.distributions(name="label-workbench")]; \
  paths = [u.unquote(u.urlparse(json.loads(t)["url"]).path) for t in found if t]; \
  other = [p for p in paths if os.path.isdir(p) and os.path.realpath(p) != os.path.realpath(".")]; \
  sys.exit(f"$(VENV) is the environment of the clone in {other[0]}: installing here would turn it to this one. " \
  "Leave VENV out to get one of your own, or say ADOPT=1." if other and "$(ADOPT)" != "1" else 0)'

# ---- environments: a stamp file per set of packages, so that a second call starts at once

$(BIN)/python:
	@if [ -z "$(PYTHON)" ]; then \
	  echo "No Python >= 3.10 that can make virtual environments was found. Install one (Debian and Ubuntu:"; \
	  echo "apt install python3 python3-venv), or say where it is: make PYTHON=/path/to/python3.12 ..."; exit 1; fi
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10) and f"Python {sys.version.split()[0]} is too old: 3.10 or newer is needed.")'
	@echo "Making $(VENV) with $$($(PYTHON) --version)"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check "pip>=25" \
	  || echo "pip could not be renewed: an old one takes a minute longer to find the same packages"

$(VENV)/.lab: pyproject.toml constraints.txt | $(BIN)/python
	$(OWNED)
	@echo "Installing JupyterLab, torch and the rest into $(VENV) (minutes, once)"
	@$(INSTALL) -e ".[demo]"
	@$(WARM)
	@touch $@

# The peers (cleanlab, aum) too: where they are installed, tests compare with them.
$(VENV)/.test: pyproject.toml constraints.txt | $(BIN)/python
	$(OWNED)
	@echo "Installing the project and what its tests need into $(VENV) (minutes, once)"
	@$(INSTALL) -e ".[test,bench]"
	@$(WARM)
	-@$(WARM_TEST)
	@touch $@ $(VENV)/.lab

# embedding-atlas is a peer of the view only; it and what its widget imports stay apart, as one of these packages comes
# with folders of its tests. It needs Python 3.11.
$(VENV)/.peers: benchmarks/peers.txt | $(VENV)/.test
	@if $(BIN)/python -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then \
	  echo "Installing embedding-atlas into $(VENV)/peers (once)"; rm -rf $(VENV)/peers; \
	  $(BIN)/python -m pip install --quiet --no-compile --disable-pip-version-check --no-deps \
	    --target $(VENV)/peers -r benchmarks/peers.txt || exit 1; \
	else echo "embedding-atlas is left out: it needs Python 3.11 or newer"; fi
	@touch $@

# ---- use

# The last file that the recording writes: one that was interrupted is made again (its journal stays).
$(RECORDED): | $(VENV)/.lab
	@$(BIN)/workbench demo $(DEMO) --force

# JupyterLab would ask in front of the first notebook whether it may fetch news.
$(LABCONFIG): | $(VENV)/.lab
	@mkdir -p $(@D) && echo '{"@jupyterlab/apputils-extension:notification": {"fetchNews": "false"}}' > $@

lab: $(VENV)/.lab $(RECORDED) $(LABCONFIG)  ## open the first notebook in JupyterLab (ARGS="--no-browser --port 8890" is passed on)
	@PATH="$(abspath $(BIN)):$$PATH" JUPYTER_PREFER_ENV_PATH=1 $(BIN)/python -m jupyterlab --ip=127.0.0.1 $(AS_ROOT) --LabApp.news_url=None \
	  --LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate --LabApp.default_url=/lab/tree/$(NOTEBOOK) $(ARGS)

demo: $(RECORDED)  ## record the demo run into runs/demo, if it is not there

report: $(RECORDED)  ## write the demo run's report to runs/demo-report.html
	@$(BIN)/workbench report $(DEMO) runs/demo-report.html --force

# ---- work on it

test: ready  ## everything: fast and slow tests, notebooks, wheel, browser (ARGS go to pytest)
	@$(PYTEST_ALL) $(ARGS)

check: $(VENV)/.test  ## lint, types and the fast tests
	@$(BIN)/ruff check .
	@$(BIN)/basedpyright --pythonpath $(BIN)/python
	@$(PYTEST_ALL) -q -m "not slow and not browser" $(ARGS)

slow: ready  ## only the slow tests, the notebooks and the browser
	@$(PYTEST_ALL) -m "slow or browser" $(ARGS)

docs: $(VENV)/.test  ## build the documentation into build/site (open build/site/index.html)
	@NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict --quiet $(ARGS) && echo "build/site/index.html"

bench: $(VENV)/.test  ## speed and memory beside the peers, at full size
	@$(BIN)/python benchmarks/engine.py $(ARGS)

bench-quick: $(VENV)/.test  ## the same in about a minute
	@$(BIN)/python benchmarks/engine.py --quick $(ARGS)

bench-view: $(VENV)/.test $(VENV)/.peers chromium  ## the Explorer in a browser beside its peers (ARGS="--quick" tries it)
	@$(BIN)/python benchmarks/view.py $(ARGS)

bench-scale: $(VENV)/.test  ## large sets: recording, scoring, neighbours, clusters (ARGS="--quick" tries it, --list lists it)
	@$(BIN)/python benchmarks/scale.py $(ARGS)

screenshots: $(VENV)/.test chromium  ## take the pictures in docs/ from the real view
	@$(BIN)/python docs/screenshots.py

# One waits for the network and the disk while the other computes.
ready: | $(BIN)/python
	@$(MAKE) --no-print-directory --jobs=2 $(VENV)/.test chromium

lessons: $(VENV)/.test chromium  ## run the lessons and keep what they show for the documentation (ARGS="04" for one)
	@$(BIN)/python docs/lessons.py $(ARGS)

# The browser tests drive a Chromium of the system; without one they are skipped and say so.
chromium:
	@for name in chromium chromium-browser google-chrome google-chrome-stable; do \
	  command -v $$name >/dev/null && exit 0; done; [ -n "$$CHROMIUM" ] && exit 0; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  echo "Installing Chromium for the browser tests"; \
	  apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends chromium >/dev/null \
	    || echo "Chromium could not be installed: the browser tests will be skipped."; \
	else \
	  echo "No Chromium: the browser tests will be skipped. To have them: sudo apt-get install chromium, or set CHROMIUM"; \
	  echo "to the path of a Chromium or Chrome."; \
	fi

clean:  ## remove .venv and everything built (never runs/: your decisions are in there)
	rm -rf $(VENV) build dist .pytest_cache .ruff_cache .hypothesis test-results
	find workbench widgets tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +
