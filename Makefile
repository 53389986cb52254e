# Two commands do everything: `make up` brings the example fleet up, `make test` passes the tests. Each sets up what it needs.

PYTHON ?= $(shell for python in python3.11 python3.12 python3.13 python3.10 python3; do \
	if $$python -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null; then echo $$python; break; fi; done)
VENV := .venv
BIN := $(VENV)/bin
STACK ?= dev
WORKERS ?= auto

# Everybody knows it, so it only guards what is simulated: any other stack needs a passphrase of its own.
ifeq ($(STACK),dev)
up down: export PULUMI_CONFIG_PASSPHRASE := simulated
endif

# No proxy reaches what talks to itself on this machine: the engine, its plugins and the simulated clouds.
LOOPBACK := 127.0.0.1,localhost,::1
comma := ,
with_loopback = $(if $(1),$(1)$(comma))$(LOOPBACK)
ELSEWHERE := $(or $(no_proxy),$(NO_PROXY))
export no_grpc_proxy := $(call with_loopback,$(or $(no_grpc_proxy),$(ELSEWHERE)))
export NO_PROXY := $(call with_loopback,$(or $(NO_PROXY),$(ELSEWHERE)))
export no_proxy := $(call with_loopback,$(ELSEWHERE))

.PHONY: install up down test test-all check format sdk bench crash lock clean

# --- Setting up ----------------------------------------------------------------------------------------------------------

# The mark stands for the very lock file and project file that were installed.
INSTALLED := $(VENV)/.installed-$(shell cat requirements.lock pyproject.toml | cksum | cut -d' ' -f1)

install: $(INSTALLED)

$(INSTALLED):
	@test -n "$(PYTHON)" || { echo "make: Python 3.10 or newer is needed, and none was found on PATH" >&2; exit 1; }
	@echo "installing into $(VENV) with $(PYTHON)"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps --editable .
	@rm -f $(VENV)/.installed-* && touch $@

# Every version and hash that an install uses; run it after a change of the dependencies in pyproject.toml.
lock: install
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	$(BIN)/uv pip compile --quiet --universal --python-version 3.10 --generate-hashes --no-emit-index-url --no-header \
		--group dev --all-extras pyproject.toml --output-file requirements.lock

# --- The main job ----------------------------------------------------------------------------------------------------------

# The Pulumi CLI where there is one, else the embedded engine; both read and write the same state.
PULUMI := $(shell command -v pulumi 2>/dev/null || echo pulumi-embedded)
up down: export PULUMI_BACKEND_URL ?= file://$(CURDIR)/.pulumi-state
up down: export PULUMI_SKIP_UPDATE_CHECK ?= true
# Whoever runs the program finds the Python that has its packages.
up down: export PATH := $(CURDIR)/$(BIN):$(PATH)
# Every cloud of the stack, or it may cost money: the engine then shows its plan and asks.
SIMULATED = [ "$$(grep -Esc '^ +(together|shadeform):baseUrl: http://127\.0\.0\.1:8377/' Pulumi.$(STACK).yaml)" = 2 ]
YES = $$($(SIMULATED) && echo --yes)

up: install
	@echo "engine: $(PULUMI)"
	@mkdir -p .pulumi-state && chmod 700 .pulumi-state
	@if $(SIMULATED); then $(BIN)/gpufleet simulate --background --state .pulumi-state/simulator.sqlite; fi
	@$(PULUMI) stack select --create $(STACK)
	@$(PULUMI) up --stack $(STACK) $(YES)

down: install
	@if $(SIMULATED); then $(BIN)/gpufleet simulate --background --state .pulumi-state/simulator.sqlite; fi
	@$(PULUMI) destroy --stack $(STACK) $(YES)
	@if $(SIMULATED); then $(BIN)/gpufleet simulate --ledger; fi

# --- Quality ---------------------------------------------------------------------------------------------------------------

# Everything that a change is asked on every machine, in minutes.
test: check
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal

# What `test` leaves out and nothing else: the long forms, the Pulumi CLI's turn, and property tests with fresh examples.
test-all: install
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal -m "slow or hypothesis" --hypothesis-profile new

check: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/basedpyright --pythonpath $(BIN)/python --level error
	$(BIN)/lint-imports
	$(BIN)/python -m gpufleet_provider.generate --check

format: install
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

sdk: install
	$(BIN)/python -m gpufleet_provider.generate

bench: install
	$(BIN)/python -m tests.bench

crash: install
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal -m crash --crash-seeds 500

clean:
	rm -rf $(VENV) .pytest_cache .ruff_cache .hypothesis .import_linter_cache
