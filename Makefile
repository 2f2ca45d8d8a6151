# One verb, one thing. Each makes .venv and installs what it needs, and skips that when nothing has changed.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/installed
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
TORCH := $(shell sed -n 's/^\(torch==.*\)$$/\1/p' constraints.txt)

.DEFAULT_GOAL := help
.PHONY: help install demo test test-slow check bench dashboard clean constraints reproduce

help:  ## say what each verb does
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)$$/make \1|\2/p' Makefile | while IFS='|' read -r verb text; do printf '%-18s %s\n' "$$verb" "$$text"; done

install: $(STAMP)  ## make .venv and install undercut with every extra, at the pinned versions

demo: $(STAMP)  ## measure, distil, compete, export: the whole story, offline after the first fetch
	$(BIN)/undercut demo

# Two processes, whole files to each, so that what a file prepares once (a trained model, a server) is prepared once; and
# one thread of torch in each, since the threads of two processes that wait for each other on two cores are slow.
test: $(STAMP)  ## run the tests, without the slow ones
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m "not slow" -n 2 --dist loadfile --durations 25

test-slow: $(STAMP)  ## run the slow tests alone
	$(BIN)/python -m pytest -m slow

check: $(STAMP)  ## lint, formatting, types, and the direction of imports
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

bench: $(STAMP)  ## time the parts of this machine against their targets
	$(BIN)/undercut bench

reproduce: $(STAMP)  ## measure the rows that the shipped tables lack (hours; MINUTES=30 for a slice) and fit their curves
	$(BIN)/undercut distill reproduce doses_language $(if $(MINUTES),--minutes $(MINUTES))

dashboard: $(STAMP)  ## open the dashboard at http://127.0.0.1:8501
	$(BIN)/undercut dashboard

clean:  ## remove .venv and what tools leave; the cache of models and the folder runs/ stay
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
	@echo "kept: runs/, and the cache of model weights ($${UNDERCUT_CACHE_DIR:-the platform's cache folder, ~/.cache/undercut on Linux})"

constraints: $(STAMP)  ## write constraints.txt anew from the versions in .venv
	$(BIN)/python tools/constraints.py constraints.txt

# The stamp is newer than both files exactly when the installation matches them. torch comes first and alone: left to a
# range, the resolver would fetch gigabytes of another build.
$(STAMP): pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "undercut: no python3 found; install Python 3.11 or newer, or name one: make PYTHON=/path/to/python $(MAKECMDGOALS)" >&2; exit 2; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "undercut: $(PYTHON) is $$($(PYTHON) --version 2>&1), Python 3.11 or newer is needed; name one: make PYTHON=/path/to/python $(MAKECMDGOALS)" >&2; exit 2; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "undercut: $(PYTHON) cannot make virtual environments; on Debian: apt-get install python3-venv" >&2; exit 2; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing into $(VENV); the first time takes some minutes" >&2
	$(PIP) install -c constraints.txt "$(TORCH)"
	$(PIP) install -c constraints.txt -e ".[all]"
	@touch $(STAMP)
