# make demo [IMAGE=my.jpg]   compress a picture at several qualities, beside JPEG, WebP and AVIF
# make test [TESTS=tests/x]  every test        make lint    style and types
# make bench                 timings           make fuzz    10,000 mutated files
# make web                   the decoder for browsers and the viewer's page, built and tested; needs Node 20.19 and clang with lld
# make docs                  the documentation, out/docs/index.html
# make experiments-smoke     every experiment on made-up pictures: does everything run?
# make exact                 the same files under several processors and runtimes
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: demo test lint progressive bench fuzz experiments-smoke exact docs web clean

demo: $(READY)
	$(BIN)/roundel demo $(if $(IMAGE),"$(IMAGE)") --output out/demo

test: $(READY)
	$(BIN)/python -m pytest $(TESTS)

lint: $(READY)
	$(BIN)/ruff check src tests web/tests benchmarks experiments
	$(BIN)/ruff format --check src tests web/tests benchmarks experiments
	$(BIN)/mypy

# Lossless pictures from 15, 30, 60 and 100 % of their bytes.
progressive: $(READY)
	$(BIN)/python experiments/lossless/progressive.py docs/progressive.jpg

bench: $(READY)
	$(BIN)/python -m benchmarks

fuzz: $(READY)
	$(BIN)/python -m tests.fuzz.run --mutations 10000

experiments-smoke: $(READY)
	set -e; for run in experiments/*/run.py; do echo "$$run"; $(BIN)/python $$run --scale smoke; done

exact: $(READY)
	$(BIN)/python -m tests.matrix.run

# Files that Python writes, and what it decodes them to, are what the decoder is tested with.
web: $(READY) web/node_modules/.ready
	cd web && npm run types && npm run build && npm run viewer
	$(BIN)/python web/tests/expected.py web/build/cases
	cd web && npm test

web/node_modules/.ready: web/package-lock.json
	@command -v npm >/dev/null || { echo "roundel: Node is missing: install Node 20.19 or later" >&2; exit 1; }
	cd web && npm ci --ignore-scripts
	touch $@

# Warnings are errors: a link within the site that leads nowhere is one. Then the examples of docstrings are run.
docs: $(VENV)/.docs
	$(BIN)/sphinx-build -q -W --keep-going -c docs -d out/doctrees -b html . out/docs
	$(BIN)/sphinx-build -q -W -c docs -d out/doctrees -b doctest . out/doctest

clean:
	rm -rf $(VENV) out build web/dist web/build web/node_modules src/roundel/viewer/static src/roundel/coding/*.so dist .pytest_cache .ruff_cache .mypy_cache .hypothesis src/*.egg-info

# Installed anew only when the requirements or the C sources change. Any index will do; where yours has CPU builds of torch, they are enough.
$(READY): pyproject.toml constraints.txt $(wildcard src/roundel/coding/native/*)
	$(PYTHON) -m venv $(VENV) || { echo "roundel: 'python3 -m venv' failed; on Debian: apt install python3-venv" >&2; exit 1; }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev,train,compare,slides,ray,web,zarr]'
	touch $@

$(VENV)/.docs: $(READY)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[docs]'
	touch $@
