# On a fresh machine with Python 3.11 or later and make: `make demo` and `make test`. Everything goes into .venv beside this file.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# Tests start many processes: whatever the environment says, what one of them has compiled is there for the others.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: demo test lint faults fuzz screenshots bench bench-short bench-audit bench-load docs clean

demo: $(VENV)/run  ## build and show the ledger of the 1935 campaign
	$(BIN)/checkweigh demo demo

test: lint  ## style, types, and every test
	$(BIN)/python -m pytest -m "not long" --numprocesses 2 --dist worksteal

lint: $(VENV)/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

faults: $(VENV)/dev  ## the long fault runs: 300 kills on each store, 500 cut lines, every bit of every stored value
	$(BIN)/python -m pytest -m long -rP

fuzz: $(VENV)/dev  ## thousands of damaged inputs for everything that is read from outside, and the ledger in all its states
	CHECKWEIGH_FUZZ=$(or $(INPUTS),2000) $(BIN)/python -m pytest -m "" --timeout=0 $(wildcard tests/test_fuzzing_*.py) tests/test_ledger_states.py

screenshots: $(VENV)/dev  ## look at every page in every way, and leave the pictures in the directory SHOTS (by default beside other temporary ones)
	CHECKWEIGH_SHOTS=$(or $(SHOTS),$(or $(TMPDIR),/tmp)/checkweigh-shots) $(BIN)/python -m pytest -m "" tests/test_browser_pages.py tests/test_browser_states.py

bench: $(VENV)/dev  ## ratios on 1 to 10 million shifts, written to bench/results.md (needs 10 GB of disk)
	$(BIN)/python -m bench.run

bench-short: $(VENV)/dev  ## the same on 1 million shifts, printed only
	$(BIN)/python -m bench.run --million 1

bench-audit: $(VENV)/dev  ## precision and recall of the audit on planted fraud, written to bench/results.md (some fifteen minutes)
	$(BIN)/python -m bench.audit

bench-load: $(VENV)/dev  ## the board under load on 1 million shifts, written to bench/results.md (some four minutes)
	$(BIN)/python -m bench.load

docs: $(VENV)/dev  ## write the generated reference pages anew
	$(BIN)/python -m docs.generate

$(VENV)/run: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable .
	touch $@

$(VENV)/dev: $(VENV)/run
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@

clean:
	rm -rf $(VENV) demo bench/data
