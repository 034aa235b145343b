# `make` lists the targets. Settings, on the command line or in the environment:
#   VENV=.venv          where the packages go
#   EXTRA=cpu|gpu       what to install; found out by asking nvidia-smi
#   PYTHON=python3.12   which Python (3.11 to 3.14)
#   JOBS=2              test processes
#   PYTEST_ARGS="-k gate"
#   DEPLOYMENT_ARGS="--benchmarks sample_boolq"
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

VENV ?= .venv
BIN := $(VENV)/bin
JOBS ?= 2
PYTEST_ARGS ?=
DEPLOYMENT_ARGS ?=
ifndef EXTRA
EXTRA := $(shell nvidia-smi -L >/dev/null 2>&1 && echo gpu || echo cpu)
endif

# The stamp says that VENV holds what these files ask for.
STAMP := $(VENV)/.installed-$(EXTRA)
SET_UP_FROM := pyproject.toml constraints.txt scripts/setup scripts/uv

# vLLM in this very process, saying nothing and compiling nothing: its first log-probabilities would wait for a compiler.
VLLM_QUIET := VLLM_ENABLE_V1_MULTIPROCESSING=0 VLLM_NO_USAGE_STATS=1 VLLM_LOGGING_LEVEL=WARNING TORCHDYNAMO_DISABLE=1 \
    OMP_NUM_THREADS=1

# No test, demo or benchmark may reach for a model hub by accident.
export HF_HUB_OFFLINE ?= 1
export TOKENIZERS_PARALLELISM ?= false

.PHONY: help demo test test-deployment test-fp32 test-vllm test-lm docs lint format bench setup constraints clean

help: ## List the targets
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z0-9-]+):.*## /  make \1\t/' | expand -t 22

demo: $(STAMP) ## Train the sample knowledge base and show what it gained
	$(BIN)/wbrag demo

test: lint ## Everything that must hold: lint, types, import layers, tests
	$(BIN)/python -m pytest -n $(JOBS) --dist loadfile $(PYTEST_ARGS)

# What computes, the whole pipeline on the sample among it, as on a CPU whose best instructions are AVX2.
test-fp32: $(STAMP) ## What computes, in the arithmetic of older CPUs; only where this one has bf16 too
	@if $(BIN)/python -c 'import sys; from wbrag_pipeline.cpu_arithmetic import has_native_bf16 as has; sys.exit(has())'; then \
	    echo 'this CPU multiplies no bf16: make test has shown fp32 already'; \
	else \
	    WBRAG_CPU_ARITHMETIC=fp32 ONEDNN_MAX_CPU_ISA=AVX2 $(BIN)/python -m pytest -n $(JOBS) --dist loadfile $(PYTEST_ARGS) \
	        tests/retrieval tests/generation tests/rag tests/curation tests/lineage tests/test_cpu_arithmetic.py \
	        tests/test_sample.py tests/test_demo.py; \
	fi

test-vllm: ## The real vLLM, on a CPU, in an environment of its own: against Hugging Face, against a server, the whole pipeline
	scripts/setup-vllm .venv-vllm
	.venv-vllm/bin/python -m pytest tests/vllm -p no:cacheprovider --durations 10

test-lm: ## A real small language model, on transformers, vLLM and llama.cpp's server: the same answers, the same tables
	scripts/setup-vllm .venv-vllm
	scripts/get-smollm2 .venv-vllm/smollm2 .venv-vllm
	TEST_MODEL=.venv-vllm/smollm2 .venv-vllm/bin/python -m pytest tests/lm -p no:cacheprovider --durations 10

test-deployment: $(STAMP) ## The deployment of deploy/ as processes: Postgres, code server, daemon, webserver, serve; no container
	PYTHON=$(BIN)/python scripts/deployment-check $(DEPLOYMENT_ARGS)

docs: $(STAMP) ## The documentation site, into build/site: a warning, a broken link or a file from another host is an error
	$(BIN)/python -m docs_reference
	$(BIN)/zensical build --strict --clean
	$(BIN)/python -m docs_reference.site_check build/site

lint: $(STAMP) ## Style, types and import layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(STAMP) ## Fix what ruff can fix
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(STAMP) ## Measure speed on this machine
	$(BIN)/python -m perf.encode
	$(BIN)/python -m perf.read
	scripts/setup-vllm .venv-vllm
	$(VLLM_QUIET) .venv-vllm/bin/python -m perf.generate

setup: $(STAMP) ## Only install

# One resolution for all platforms and both extras. It must not see find-links: what lies in one machine's folder would
# decide what everybody gets. The bounds that sed removes stand in [tool.uv] environments and hold for every line.
constraints: ## Resolve every version anew and write constraints.txt
	UV_FIND_LINKS= scripts/uv pip compile pyproject.toml --quiet --upgrade --universal --python-version 3.11 \
	    --all-extras --group dev --group build --no-annotate --no-header --output-file constraints.new
	(printf '%s\n' '# Every version that is tested, for pip and uv: --constraint constraints.txt' '# Made by `make constraints`: uv pip compile pyproject.toml --universal --all-extras --group dev --group build'; \
	    sed -e "s/ and platform_machine != 's390x'//" -e "s/ and sys_platform != 'emscripten'//" -e "s/ ; python_full_version < '3.15'$$//" \
	        -e "s/ ; python_full_version < '3.15' and / ; /" constraints.new) > constraints.txt
	rm constraints.new

clean: ## Remove environments, caches and build output (never .wbrag/)
	rm -rf $(VENV) .uv build dist docs/reference .cache *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find wbrag_pipeline assets resources tests reader_training perf docs_reference -name __pycache__ -type d -prune -exec rm -rf {} +

$(STAMP): $(SET_UP_FROM)
	@scripts/setup $(VENV) $(EXTRA)
	@rm -f $(VENV)/.installed-*
	@touch $@
