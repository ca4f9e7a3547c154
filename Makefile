# Two commands for a newcomer: `make demo` and `make test`. `make check` is what CI adds.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet install --constraint constraints.txt
SOURCES := pyproject.toml constraints.txt weights/pyproject.toml weights/judge-v0/SHA256SUMS
DEMO := demo-output

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
	$(PYTHON) -m venv $(VENV)
	$(PIP) --editable .
	$(PIP) --force-reinstall --no-deps ./weights
	touch $@

$(VENV)/dev.stamp: $(VENV)/core.stamp
	$(PIP) --editable '.[dev,train]'
	touch $@

clean:
	rm -rf $(VENV) $(DEMO)
