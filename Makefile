# Two commands for a newcomer: `make demo` and `make test`. `make check` is what CI adds.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt
SOURCES := pyproject.toml constraints.txt weights/pyproject.toml $(wildcard weights/*/SHA256SUMS)
DEMO := demo-output
# PyPI's torch for Linux brings gigabytes of GPU libraries along; here it comes without them. Where
# this index cannot be reached, pip says so and takes what it finds elsewhere.
TORCH_INDEX ?= https://download.pytorch.org/whl/cpu

.PHONY: demo test check clean

demo: $(VENV)/core.stamp
	$(BIN)/segassay demo --out $(DEMO)

test: $(VENV)/dev.stamp
	$(BIN)/python -m pytest

check: $(VENV)/dev.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

$(VENV)/core.stamp: $(SOURCES)
	@echo "installing segassay and its judges into $(VENV), a minute or two"
	$(PYTHON) -m venv $(VENV)
	$(PIP) --editable .
	$(PIP) --force-reinstall --no-deps ./weights
	@touch $@

$(VENV)/dev.stamp: $(VENV)/core.stamp
	@echo "installing torch and the developers' tools, a few minutes"
	$(PIP) --retries 1 --no-deps --extra-index-url $(TORCH_INDEX) torch
	$(PIP) --editable '.[dev,train]'
	@touch $@

clean:
	rm -rf $(VENV) $(DEMO)
