# Label Workbench. `make` lists the commands. Requires Python >= 3.10, git and make; everything else is installed into .venv.
SHELL := /bin/sh
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
unexport PYTHONPATH PYTHONHOME
# Container images set this variable; then every process would compile torch, umap and JupyterLab again, which takes seconds.
# Compiled files are in .venv and, ignored by git, next to our modules.
unexport PYTHONDONTWRITEBYTECODE

VENV ?= .venv
BIN := $(VENV)/bin
# Hypothesis computes its tables of Unicode once for each environment, not for each clone and process.
export HYPOTHESIS_STORAGE_DIRECTORY := $(abspath $(VENV))/hypothesis
ARGS ?=
NOTEBOOK := notebooks/01_first_look.ipynb
DEMO := runs/demo
RECORDED := $(DEMO)/pred_probs.json
LABCONFIG := $(VENV)/etc/jupyter/labconfig/default_setting_overrides.json

# The first Python >= 3.10 that can create a virtual environment; `python3` is tried first.
ifndef PYTHON
PYTHON := $(shell for p in python3 python3.13 python3.12 python3.11 python3.10 python; do \
  $$p -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 10))' >/dev/null 2>&1 && { echo $$p; break; }; done)
endif

PYTEST = $(BIN)/python -m pytest

# --no-compile halves the installation time, since only a quarter of the installed modules is ever imported. WARM imports the
# slowest ones once, on two cores, so that they are compiled; WARM_TEST does the same for the tests and their imports.
WARM = $(BIN)/python -c "import torch._dynamo" & \
  $(BIN)/python -c "import umap, sklearn.linear_model, plotly.graph_objects, jupyterlab.labapp, widgets" && wait $$!
WARM_TEST = $(BIN)/python -c "import lightning.pytorch, transformers.trainer" & \
  { $(BIN)/python -c "import distributed, s3fs, moto.server, moto.s3, mkdocs.commands.build, mkdocstrings, marimo, cleanlab, \
  nbclient, notebook.app, playwright.sync_api, hypothesis.extra.numpy as h; h.st.text().validate()"; $(PYTEST) -q --collect-only >/dev/null; } && wait $$!
INSTALL = $(BIN)/python -m pip install --quiet --no-compile --disable-pip-version-check -c constraints.txt
# Two processes with one BLAS thread each; tests/conftest.py determines the order and grouping of tests. The ten slowest
# tests are listed at the end.
WORKERS ?= 2
PYTEST_ALL = OMP_NUM_THREADS=1 $(PYTEST) -n $(WORKERS) --dist loadfile --no-loadscope-reorder --durations=10
AS_ROOT = $(shell [ "$$(id -u)" = 0 ] && echo --allow-root)

.PHONY: help lab demo test check slow docs lessons bench bench-quick bench-view screenshots bench-scale report chromium ready clean

help:  ## list the commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | awk -F'\t' '{printf "  make %-12s %s\n", $$1, $$2}'

# Do not install into the environment of another clone without asking.
OWNED = @$(BIN)/python -c 'import importlib.metadata as m, json, os, sys, urllib.parse as u; \
  found = [d.read_text("direct_url.json") for d in m.distributions(name="label-workbench")]; \
  paths = [u.unquote(u.urlparse(json.loads(t)["url"]).path) for t in found if t]; \
  other = [p for p in paths if os.path.isdir(p) and os.path.realpath(p) != os.path.realpath(".")]; \
  sys.exit(f"$(VENV) is the environment of the clone in {other[0]}: installing here would switch it to this clone. " \
    "Omit VENV to create a separate environment, or pass ADOPT=1." if other and "$(ADOPT)" != "1" else 0)'

# ---- environments: one stamp file per set of packages, so that later calls start at once

$(BIN)/python:
	@if [ -z "$(PYTHON)" ]; then \
	  echo "No Python >= 3.10 that can create virtual environments was found. Install one (Debian and Ubuntu:"; \
	  	  echo "apt install python3 python3-venv), or pass its path: make PYTHON=/path/to/python3.12 ..."; exit 1; fi
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10) and f"Python {sys.version.split()[0]} is too old: 3.10 or newer is required.")'
	@echo "Creating $(VENV) with $$($(PYTHON) --version)"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check "pip>=25" \
	  || echo "pip could not be upgraded: an old version takes a minute longer to find the same packages"

$(VENV)/.lab: pyproject.toml constraints.txt | $(BIN)/python
	$(OWNED)
	@echo "Installing JupyterLab, torch and other packages into $(VENV) (takes minutes, only once)"
	@$(INSTALL) -e ".[demo]"
	@$(WARM)
	@touch $@

# Includes the peers (cleanlab, aum), with which tests compare results.
$(VENV)/.test: pyproject.toml constraints.txt | $(BIN)/python
	$(OWNED)
	@echo "Installing the project and its test dependencies into $(VENV) (takes minutes, only once)"
	@$(INSTALL) -e ".[test,bench]"
	@$(WARM)
	-@$(WARM_TEST)
	@touch $@ $(VENV)/.lab

# embedding-atlas is compared only with the view. It and its dependencies are installed separately, because one of them
# installs its tests as top-level folders. It requires Python 3.11.
$(VENV)/.peers: benchmarks/peers.txt | $(VENV)/.test
	@if $(BIN)/python -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then \
	  echo "Installing embedding-atlas into $(VENV)/peers (once)"; rm -rf $(VENV)/peers; \
	  $(BIN)/python -m pip install --quiet --no-compile --disable-pip-version-check --no-deps \
	    --target $(VENV)/peers -r benchmarks/peers.txt || exit 1; \
	else echo "embedding-atlas is skipped: it requires Python 3.11 or newer"; fi
	@touch $@

# ---- use

# The last file written by the recording; an interrupted recording is repeated (its journal is kept).
$(RECORDED): | $(VENV)/.lab
	@$(BIN)/workbench demo $(DEMO) --force

# JupyterLab would otherwise ask for permission to fetch news before showing the first notebook.
$(LABCONFIG): | $(VENV)/.lab
	@mkdir -p $(@D) && echo '{"@jupyterlab/apputils-extension:notification": {"fetchNews": "false"}}' > $@

lab: $(VENV)/.lab $(RECORDED) $(LABCONFIG)  ## open the first lesson in JupyterLab (ARGS are passed on, e.g. ARGS="--no-browser --port 8890")
	@PATH="$(abspath $(BIN)):$$PATH" JUPYTER_PREFER_ENV_PATH=1 $(BIN)/python -m jupyterlab --ip=127.0.0.1 $(AS_ROOT) --LabApp.news_url=None \
	  --LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate --LabApp.default_url=/lab/tree/$(NOTEBOOK) $(ARGS)

demo: $(RECORDED)  ## record the demo run in runs/demo, unless it exists

report: $(RECORDED)  ## write the demo run's report to runs/demo-report.html
	@$(BIN)/workbench report $(DEMO) runs/demo-report.html --force

# ---- development

test: ready  ## everything: fast and slow tests, notebooks, wheel, browser (ARGS are passed to pytest)
	@$(PYTEST_ALL) $(ARGS)

check: $(VENV)/.test  ## lint, types and fast tests
	@$(BIN)/ruff check .
	@$(BIN)/pyrefly check --summary=none --python-interpreter-path=$(BIN)/python
	@$(PYTEST_ALL) -q -m "not slow and not browser" $(ARGS)

slow: ready  ## only slow tests, notebooks and browser tests
	@$(PYTEST_ALL) -m "slow or browser" $(ARGS)

docs: $(VENV)/.test  ## build the documentation into build/site (open build/site/index.html)
	@NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict --quiet $(ARGS) && echo "build/site/index.html"

bench: $(VENV)/.test  ## compare speed and memory with the peers, at full size
	@$(BIN)/python benchmarks/engine.py $(ARGS)

bench-quick: $(VENV)/.test  ## the same in about a minute
	@$(BIN)/python benchmarks/engine.py --quick $(ARGS)

bench-view: $(VENV)/.test $(VENV)/.peers chromium  ## compare the Explorer in a browser with its peers (ARGS="--quick" for a short run)
	@$(BIN)/python benchmarks/view.py $(ARGS)

bench-scale: $(VENV)/.test  ## large data: recording, scoring, neighbours, clusters (ARGS="--quick" for a short run, --list to list them)
	@$(BIN)/python benchmarks/scale.py $(ARGS)

screenshots: $(VENV)/.test chromium  ## take the screenshots in docs/
	@$(BIN)/python docs/screenshots.py

# In parallel: one waits for network and disk while the other computes.
ready: | $(BIN)/python
	@$(MAKE) --no-print-directory --jobs=2 $(VENV)/.test chromium

lessons: $(VENV)/.test chromium  ## run the lessons and store their outputs for the documentation (ARGS="04" for one)
	@$(BIN)/python docs/lessons.py $(ARGS)

# The browser tests use the system's Chromium; without one they are skipped with a message. With its shell without windows
# they need less processor time: where Chromium is from apt, the shell of the same version is installed beside it.
APT_INSTALL = DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends
AS_APT_ROOT = [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null
chromium:
	@[ -n "$$CHROMIUM" ] && exit 0; \
	for name in chromium chromium-browser google-chrome google-chrome-stable; do \
	  command -v $$name >/dev/null && found=$$name; done; \
	if [ -z "$$found" ] && $(AS_APT_ROOT); then \
	  echo "Installing Chromium for the browser tests"; \
	  apt-get -qq update && $(APT_INSTALL) chromium >/dev/null \
	    || echo "Chromium could not be installed: the browser tests will be skipped."; \
	elif [ -z "$$found" ]; then \
	  echo "No Chromium: the browser tests will be skipped. To run them, sudo apt-get install chromium, or set CHROMIUM"; \
	  echo "to the path of a Chromium or Chrome."; \
	fi; \
	if ! command -v chromium-headless-shell >/dev/null && $(AS_APT_ROOT); then \
	  version=$$(dpkg-query -W -f '$${Version}' chromium 2>/dev/null) && [ -n "$$version" ] && \
	    $(APT_INSTALL) "chromium-headless-shell=$$version" >/dev/null 2>&1; \
	fi; true

clean:  ## remove .venv and all build files (never runs/, which has your decisions)
	rm -rf $(VENV) build dist .pytest_cache .ruff_cache .hypothesis test-results
	find workbench widgets tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +
