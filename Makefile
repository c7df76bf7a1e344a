# make run: environment, the whole workflow on the embedded world, the comparison.   make test: environment, all tests.
PYTHON ?= python3
CONFIG ?= config/config.yaml
VENV := .venv
BIN := $(VENV)/bin
# The environment is made anew when the pins change.
DIGEST := $(shell $(PYTHON) -c "import hashlib, pathlib; print(hashlib.sha256(pathlib.Path('requirements.lock').read_bytes()).hexdigest()[:16])")
STAMP := $(VENV)/made-$(DIGEST)
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: env run quick photographs test test-slurm lint lock schema pipeline bench faults papers

env: $(STAMP)

$(STAMP):
	@$(PYTHON) -c "import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))" \
	  || { echo "nearmiss needs Python 3.11, 3.12 or 3.13: make PYTHON=python3.11"; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@PYTHON=$(BIN)/python bash workflow/envs/install.sh
	@rm -f $(VENV)/made-* && touch $@

run: $(STAMP)
	@$(BIN)/python -m nearmiss run --config $(CONFIG)

quick: $(STAMP)
	@$(BIN)/python -m nearmiss run --config $(CONFIG) --quick

# Pretrained towers on photographs: DATA has coco/val2017, coco/annotations and sugarcrepe/data. SET gives further overrides.
DATA ?= data
photographs: $(STAMP)
	@$(BIN)/python -m nearmiss run --config config/photographs.yaml --set 'download.root=$(DATA)' \
	  --set 'data.source.root=$(DATA)/coco' $(foreach override,$(SET),--set '$(override)')

test: lint
	$(BIN)/python -m pytest -n 2 --dist worksteal

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/python -m mypy
	$(BIN)/snakefmt --line-length 120 --check Snakefile workflow
	$(BIN)/snakemake --lint

# The pins of what pyproject.toml declares, for all platforms, and the digest by which conda sees that they changed. Pins
# that are there stay; `make lock UPGRADE="-P torch"` renews one, `UPGRADE=--upgrade` all.
lock: $(STAMP)
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
	  --no-annotate $(UPGRADE) --all-extras pyproject.toml -o requirements.lock
	$(BIN)/python workflow/envs/digest.py

schema: $(STAMP)
	$(BIN)/python -m nearmiss schema --readme config/README.md

# dvc.yaml, from the workflow.
pipeline: $(STAMP)
	$(BIN)/python -m nearmiss versions pipeline

# Scripts that read the results of an experiment, whose folder they are given.
OF_RESULTS := benchmarks/objectives_study.py benchmarks/recompute.py benchmarks/report_image.py
bench: $(STAMP)
	@set -e; for file in $(filter-out $(OF_RESULTS),$(wildcard benchmarks/*.py)); do echo "== $$file"; $(BIN)/python $$file; done

faults: $(STAMP)
	$(BIN)/python -m pytest -n 2 --dist worksteal -m "slow or not slow" tests/faults

# The workflow through sbatch, on a SLURM cluster of two nodes that the tests start: as root, with slurm-wlm and munge.
test-slurm: $(STAMP)
	$(BIN)/python -m pytest -m "slow or not slow" tests/slurm

# The papers' configurations in quick mode, downloads from a local server included.
papers: $(STAMP)
	$(BIN)/python -m pytest -m "slow or not slow" tests/workflow/test_paper_configurations.py
