# The first Python of these that is 3.10 or newer and can make an environment; or say PYTHON=...
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11 python3.10; do \
	$$p -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 10))' 2>/dev/null && echo $$p && break; done)
VENV ?= .venv
BIN := $(VENV)/bin
# pip draws its bars on a terminal and keeps quiet elsewhere.
QUIET := $(if $(MAKE_TERMOUT),,--quiet)
INSTALL := $(BIN)/pip install --disable-pip-version-check $(QUIET) --constraint constraints.txt --editable
# Two processes, each with servers of its own: starting and waiting of one is time of the other.
PYTEST := $(BIN)/python -m pytest -n 2 --dist worksteal
BENCHES := encode load loading search service quality scale

.PHONY: demo test test-all campaign check bench clean docs format
.DELETE_ON_ERROR:

demo: $(VENV)/.demo-installed  ## Install, start a real OpenSearch node, ingest examples/, search.
	@$(BIN)/tandem demo

test: $(VENV)/.test-installed  ## Install what tests need and pass them all, on real servers.
	@$(PYTEST)

test-all: $(VENV)/.test-installed  ## What `make test` passes, and the long tests: campaigns, every version, a browser.
	@$(PYTEST) -m 'long or not long'

campaign: $(VENV)/.test-installed  ## 200 kills, stops and restarts at moments that a seed chooses: about 25 minutes.
	@$(BIN)/python -m tests.integration.ingest.run.campaign 200 1

check: $(VENV)/.test-installed  ## Format, lint, types, docstrings, import direction, README.
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/python -m pytest tests/unit/house

bench: $(VENV)/.test-installed  ## Every benchmark, with its peers in the same run.
	@$(BIN)/pip install --disable-pip-version-check --quiet --constraint constraints.txt --editable '.[bench]'
	@for name in $(BENCHES); do echo "== $$name"; $(BIN)/python -m bench.$$name || exit 1; done

format: $(VENV)/.test-installed  ## Put every file into the house format.
	@$(BIN)/ruff format . && $(BIN)/ruff check --fix .

docs: $(VENV)/.test-installed  ## Write docs/commands.md from --help, the roles of docs/configuration.md, and docs/pictures/house.svg from the rooms.
	@PYTHONPATH=. $(BIN)/python tests/unit/house/commands_page.py > docs/commands.md
	@PYTHONPATH=. $(BIN)/python tests/unit/house/roles_page.py > docs/.configuration.md
	@mv docs/.configuration.md docs/configuration.md
	@$(BIN)/python tests/unit/house/house_picture.py > docs/pictures/house.svg

clean:  ## Remove the environment and caches here; `tandem node reset` removes the node's data.
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache bench/out
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/.created:
	@test -n "$(PYTHON)" || { echo "Tandem needs Python 3.10 or newer with venv (on Debian and Ubuntu: apt-get install python3-venv), or name one: make PYTHON=/path/to/python3." >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.demo-installed: $(VENV)/.created pyproject.toml constraints.txt
	@echo "Installing Tandem into $(VENV): torch and its libraries are several gigabytes, so this takes some minutes the first time."
	@$(INSTALL) '.[embedded,demo,evaluate,openvino,serve]'
	@touch $@

# At once: what the demo needs is among it.
$(VENV)/.test-installed: $(VENV)/.created pyproject.toml constraints.txt
	@echo "Installing Tandem and what its tests need into $(VENV): several gigabytes, so this takes some minutes the first time."
	@$(INSTALL) '.[embedded,demo,evaluate,openvino,serve,train,remote,hdfs,excel,ray,test]'
	@touch $(VENV)/.demo-installed $@
