# The checks, as a contributor and CI run them. `make check` makes what it needs.
#
#   make check     everything below, in this order
#   make docs      the documentation as a site, in build/site
#   make release-check   build the packages, install them alone, and look at what people get
#   make handout-check   the part of it that tries what people are handed: uvx, shortcuts, plug-ins, container
#   make page      the scripts of the page alone: types and unit tests; needs Node.js
#   make plugins   the plug-ins for GIMP, Krita and ComfyUI, as archives in dist/
#   make krita     that for Krita, tried in Krita itself; needs kritarunner and python3-pyqt5
#   make gimp      that for GIMP, tried in GIMP 3 itself; needs gimp-console-3.0 and python3-gi
#   make screenshots   pictures of every state of the page, into OUT=FOLDER; ONLY=picker for some
#   make other-browsers   a visit of the page in Firefox and in WebKit, with pictures, into OUT=FOLDER;
#                  needs firefox-esr, webkit2gtk-driver and xvfb; ONLY=firefox-390 for some
#   make moving-picture   the moving picture of the README, examples/page.webp
#   make format    write the formatting that `make check` asks for
#   make venv      the environment alone; EXTRAS=dev,learn,encoders for training
#   make promises  the long checks of docs/promises.md, 90 minutes; QUICK=1 for a sample of each
#   make fuzz      a fuzzer at READER=icc (or each of them) for MINUTES=1 of processor time; needs
#                  EXTRAS=dev,fuzz; WRITE=1 adds them up in docs/promises.json, until there are so many
#   make lock      what CI installs, by hash, in the versions of today; needs PyPI
#   make sbom      the bill of materials and the licences of what is installed; needs PyPI
#   make clean     remove the environment and the caches of the tools

PYTHON ?= python3
EXTRAS ?= dev
VENV ?= .venv
BIN = $(VENV)/bin
STAMP = $(VENV)/.installed
NODE_STAMP = node_modules/.installed

# One thread for each network: the tests are many and small, and threads that wait for each other
# make them slower and their times random.
export OMP_NUM_THREADS ?= 1

# Tests load ONNX Runtime by themselves, too; see src/tintype/__init__.py.
export ORT_DISABLE_TELEMETRY = 1

.DEFAULT_GOAL = check
.PHONY: check format-check lint types contracts test format venv clean docs release-check
.PHONY: handout-check plugins krita gimp
.PHONY: page page-checks screenshots other-browsers moving-picture promises fuzz lock sbom

check: format-check lint types contracts page test

venv: $(STAMP)

# The constraint keeps pip from choosing another torch where one of the extras asks for it.
$(STAMP): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[$(EXTRAS)]'
	touch $@

format-check: $(STAMP)
	$(BIN)/ruff format --check

lint: $(STAMP)
	$(BIN)/ruff check

# Without torch nothing below src/tintype/learn can be typed; everything else still is.
types: $(STAMP)
	@if $(BIN)/python -c 'import torch' 2>/dev/null; then \
		echo '$(BIN)/mypy'; $(BIN)/mypy; \
	else \
		echo 'torch is not installed: training (tintype.learn) is not type-checked, see CONTRIBUTING.md'; \
		$(BIN)/mypy --follow-imports=silent --exclude '^src/tintype/(learn/|cli/learning)'; \
	fi

contracts: $(STAMP)
	$(BIN)/lint-imports --no-logo

# What is installed needs no Node.js, so without it this is one line; where all is required, an error.
page:
	@if command -v npm >/dev/null; then \
		$(MAKE) --no-print-directory page-checks; \
	elif [ "$$TINTYPE_REQUIRE_LEARN" = 1 ]; then \
		echo 'npm is not installed: TINTYPE_REQUIRE_LEARN=1 requires the checks of the page' >&2; \
		exit 1; \
	else \
		echo 'npm is not installed: the scripts of the page are not checked, see CONTRIBUTING.md'; \
	fi

page-checks: $(NODE_STAMP)
	node_modules/.bin/tsc
	node --test --test-reporter=spec tests/page/*.test.mjs

$(NODE_STAMP): package.json package-lock.json
	npm ci --no-audit --no-fund
	touch $@

OUT ?= build/screenshots

screenshots: $(STAMP)
	PYTHONPATH=src:tests $(BIN)/python -m e2e.screenshots $(OUT) --only '$(ONLY)'

other-browsers: $(STAMP)
	PYTHONPATH=src:tests $(BIN)/python -m e2e.other_browsers $(OUT) --only '$(ONLY)'

moving-picture: $(STAMP)
	PYTHONPATH=src:tests $(BIN)/python -m e2e.moving_picture

# Several processes, each with a part of the tests; what is slow is given away when a process is idle.
# There is one more than cores, since a quarter of the time is spent waiting for other programs. More
# than four would mostly wait for memory: torch is loaded in each.
test: $(STAMP)
	$(BIN)/python -m pytest -n $$(($$(getconf _NPROCESSORS_ONLN) + 1)) --maxprocesses 4 --dist worksteal

# Read without a network: no font, script or picture comes from elsewhere.
docs: $(STAMP)
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

# FINAL=1 where the version goes out now.
release-check:
	PYTHONPATH=tests $(PYTHON) -m release.check $(if $(FINAL),--final)

handout-check:
	PYTHONPATH=tests $(PYTHON) -m release.check \
		--only build metadata install uvx page desktop plugins container

# ----- promises -----

MINUTES ?= 1

promises: $(STAMP)
	PYTHONPATH=src:tests $(BIN)/python -m promises $(if $(QUICK),--quick,--write)
	$(BIN)/python docs/make_reference.py

fuzz: $(STAMP)
	PYTHONPATH=src:tests $(BIN)/python -m promises.fuzz $(READER) --minutes $(MINUTES) $(if $(WRITE),--write)

lock: $(STAMP)
	$(BIN)/python docs/make_lock.py

sbom: $(STAMP)
	$(BIN)/python docs/make_sbom.py

# ----- end of promises -----

format: $(STAMP)
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

plugins: $(STAMP)
	$(BIN)/python plugins/pack.py

krita: $(STAMP)
	$(BIN)/python tests/plugins/in_krita.py

gimp: $(STAMP)
	$(BIN)/python tests/plugins/in_gimp.py

clean:
	rm -rf $(VENV) node_modules .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
