# Two commands for a newcomer: `make demo` and `make test`. `make check` is what CI adds.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt
SOURCES := pyproject.toml constraints.txt weights/pyproject.toml $(wildcard weights/*/SHA256SUMS)
DEMO := demo-output
# On Linux the plain torch wheel may bring gigabytes of GPU libraries along. To go without, give
# pip the index of torch's CPU wheels: `make test PIP_EXTRA_INDEX_URL=…` (see torch's install page).

.PHONY: demo test check tables docs clean

demo: $(VENV)/core.stamp
	$(BIN)/segassay demo --out $(DEMO)

test: $(VENV)/dev.stamp
	$(BIN)/python -m pytest

check: $(VENV)/dev.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# Rows of the pages of rules, layouts and formats, from the code.
tables: $(VENV)/dev.stamp
	$(BIN)/python docs/site/site_tables.py

docs: $(VENV)/dev.stamp
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet
	@echo "open site/index.html"

$(VENV)/core.stamp: $(SOURCES)
	@echo "installing segassay and its judges into $(VENV), a minute or two"
	$(PYTHON) -m venv $(VENV)
	$(PIP) --editable .
	$(PIP) --force-reinstall --no-deps ./weights
	@touch $@

$(VENV)/dev.stamp: $(VENV)/core.stamp
	@echo "installing torch and the developers' tools, a few minutes"
	$(PIP) --editable '.[dev,docs,train,fast,dicom,itk,text,sam]'
	@touch $@

clean:
	rm -rf $(VENV) $(DEMO) site
