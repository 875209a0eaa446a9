# The front door. Every target is one line; the logic lives in tools/ and in the package itself.
# Variables: VENV (environment folder), PYTHON (interpreter that creates it), JOBS (test processes),
# TESTS (what `make test` runs), ARGS (passed on to the command behind a target).
SHELL  := /bin/bash
VENV   ?= .venv
PYTHON ?= python3
JOBS   ?= 2
TESTS  ?= tests
ARGS   ?=
BIN    := $(VENV)/bin
PY     := $(BIN)/python
STAMP  := $(VENV)/.spikesim-setup
SYNTH  := $(VENV)/.spikesim-synth
# The simulators we compare with want other versions of what we use, so they live apart.
PEERS  := .venv-peers
PYTEST := $(PY) -m pytest -q
SPREAD := -n $(JOBS) --dist worksteal

.DEFAULT_GOAL := help
.PHONY: help setup setup-synth demo test test-fast test-all test-hdl test-rtl test-wheel lint fmt regs check \
        mutants-python syn bench bench-simulator bench-training setup-peers peer-traces report clean

help: ## this list
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-16s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

# --- environment -----------------------------------------------------------------------------

setup: $(STAMP) ## create the environment and install everything the demo and the tests need

$(STAMP): pyproject.toml setup.py constraints.txt tools/setup.sh tools/frameworks.txt
	@tools/setup.sh "$(VENV)" "$(PYTHON)" train,interop,hdl,viz,analysis,mpi,dev && touch "$@"

setup-synth: $(SYNTH) ## add the open synthesis tools (large)

$(SYNTH): $(STAMP)
	@tools/setup.sh "$(VENV)" "$(PYTHON)" synth && touch "$@"

setup-peers: $(PEERS)/.spikesim-setup ## the environment of NEST, Brian2 and BindsNET (large)

$(PEERS)/.spikesim-setup: benchmarks/peers/setup.sh $(wildcard benchmarks/peers/requirements*.txt)
	@benchmarks/peers/setup.sh "$(CURDIR)/$(PEERS)" "$(PYTHON)" && touch "$@"

# --- use -------------------------------------------------------------------------------------

demo: setup ## train, quantize, compile, program and run real digits on the virtual board
	@$(BIN)/spikesim demo $(ARGS)

report: setup ## the HTML report of the last demo
	@$(BIN)/spikesim report $(ARGS)

bench: setup ## speed of the engines and of the link
	@$(PY) -m benchmarks $(ARGS)

bench-simulator: setup setup-peers ## speed against NEST, Brian2 and BindsNET; docs/benchmarks.md
	@$(PY) -m benchmarks.simulator $(ARGS)

bench-training: setup ## training against snnTorch and SpikingJelly; docs/benchmarks-training.md
	@$(PY) -m benchmarks.training $(ARGS)

syn: setup-synth ## synthesize for iCE40 UP5K and ECP5-25; writes the table in hdl/README.md
	@$(PY) tools/syn.py $(ARGS)

# --- tests -----------------------------------------------------------------------------------

test: setup ## the default test set (below 15 minutes on two cores)
	@$(PYTEST) $(SPREAD) $(TESTS) $(ARGS)

test-fast: setup ## no simulator, nothing slow
	@$(PYTEST) $(SPREAD) -m "not slow and not hdl and not rtl" $(TESTS) $(ARGS)

test-all: setup ## everything, the slow volume tests included
	@$(PYTEST) $(SPREAD) -m "" $(TESTS) $(ARGS)

test-hdl: setup ## cocotb benches only
	@$(PYTEST) $(SPREAD) -m "hdl and not slow" $(TESTS) $(ARGS)

test-rtl: setup ## lock-step runs of the Verilated core only
	@$(PYTEST) $(SPREAD) -m "rtl and not slow" $(TESTS) $(ARGS)

test-wheel: setup ## build wheel and sdist, run every engine from the wheel outside the checkout
	@$(PY) tools/wheel.py

mutants-python: setup ## faults in the Python sources that the tests must notice; tests/mutants.md
	@$(PY) tools/mutants.py --jobs $(JOBS) $(ARGS)

# --- quality ---------------------------------------------------------------------------------

lint: setup ## ruff, mypy, import contracts, Verilog lint, generated files, house rules
	@$(PY) tools/lint.py $(ARGS)

fmt: setup ## format the Python sources
	@$(BIN)/ruff check --fix-only -q . && $(BIN)/ruff format .

regs: setup ## regenerate register, command and status files from hdl/spec/core.toml
	@$(PY) tools/gen_core.py

peer-traces: setup-peers ## regenerate the weights of NEST and Brian2 that tests compare with
	@$(PEERS)/bin/python -m tests.reference.peers

check: lint test test-wheel ## what continuous integration runs

clean: ## remove build results (keeps the environment)
	rm -rf build/demo build/rtl build/lint build/wheel .pytest_cache .mypy_cache .ruff_cache
