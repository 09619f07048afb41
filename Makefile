# Every target makes .venv first if it has to; the second time that costs nothing.
SHELL := /bin/bash
READY := .venv/.ready
# Small models: one thread a process is the fastest, and the same sums come out on every machine.
export OMP_NUM_THREADS ?= 1

.PHONY: help setup demo test check bench docs faults

help:
	@echo "make demo    train a network on 1,797 handwritten digits and show how well it reads new ones"
	@echo "make test    run every test"
	@echo "make check   format, lint, types, floors"
	@echo "make bench   measure everything again and write benchmarks/RESULTS.md"
	@echo "make faults  kill, starve and corrupt runs, many times over"
	@echo "make docs    write the catalogue of parts and the tables of keys again"

$(READY): pyproject.toml constraints.txt scripts/setup
	@scripts/setup

setup: $(READY)

demo: $(READY)
	@scripts/demo

test: $(READY)
	@.venv/bin/pytest -n 2 --dist loadfile

check: $(READY)
	@scripts/check

bench: $(READY)
	@.venv/bin/python benchmarks/run_all.py

docs: $(READY)
	@.venv/bin/python scripts/catalogue

faults: $(READY)
	@FAULTS=full .venv/bin/pytest tests/faults -s
