# Everything a contributor runs. `make help` lists it; variables: PYTHON, VENV, JOBS, BENCH, BOTH, TESTS, FOLDER, SECONDS, SEED, FUZZERS, TARGETS, PYTHONS, SINCE, REPORT, TABLE, CASES.

PYTHON  ?= python3
VENV    ?= .venv
JOBS    ?= 2
BENCH   ?=
# Whether pytest runs on the second poller, too, which is the same on every CPython: `make test BOTH=` leaves it out.
BOTH    ?= yes
# Of `make core`: the folders and files that pytest runs, all but examples and documentation if none is named.
TESTS   ?=
UPDATE  ?=
# Of `make fuzz`: how long each fuzzer runs, the seed it begins with, and which of them, all if none is named.
SECONDS ?= 60
SEED    ?= 0
FUZZERS ?=
# Of `make wheels`: systems and "sdist", and versions or paths of CPython; scripts/wheels.py has the lists of all.
TARGETS ?=
PYTHONS ?=
REPORT  ?= target/benches.json
TABLE   ?= docs/assets/benches.tsv
# Of `make autobahn`: which cases, all if none is named.
CASES   ?=
# Where `make py314` and `make py315` keep their interpreters, which must stay there, and what they make with them.
FOLDER  ?= .cache/debian
RUN     ?= test bench
MACOS   := aarch64-apple-darwin

BIN     := $(abspath $(VENV))/bin
# The rest is extensions of Python, or for them: pytest tests those.
CRATES  := --workspace --exclude ferrio-python --exclude ferrio-bridge --exclude ferrio-bridge-bench --exclude ferrio-example-extension
CONFORM := --loop ferrio.new_event_loop --tasks ferrio.Task --futures ferrio.Future --api asyncio.tasks --install ferrio.install
TYPED   := tests/typing/sample.py tests/typing/in_place.py
EXPECT  := tests/conformance/expected_failures.txt
# What `make examples` runs has libraries of its own, and does not ask which poller there is.
CORE    := $(or $(TESTS),--ignore tests/examples --ignore tests/docs)
# The same whichever poller there is: the command, types, what checks the checkout, counts made without it.
NO_LOOP := $(addprefix --ignore tests/,cli typing repository)

# What is published of Rust, lowest first, the oldest Rust that has to compile it, and where the API begins, unless it is said.
CRATED  := --package ferrio-engine --package ferrio-macros --package ferrio --package ferrio-bridge --package ferrio-http
MSRV    := $(shell sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)
SINCE   ?=

# One interpreter for every cargo call, so that PyO3 is not configured anew by each.
export PYO3_PYTHON := $(BIN)/python
# For what needs no environment, and may be called before there is one.
ANY_PYTHON := PYO3_PYTHON="$(or $(wildcard $(BIN)/python),$(PYTHON))"

.DEFAULT_GOAL := help
.PHONY: help venv dev demo test core poll engine-test fuzz sanitize miri check msrv publishable semver instructions conformance autobahn ecosystem examples soak wheels bench bench-servers bench-clients bench-rust py314 py315 profile digest plots docs fmt clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

venv: ## .venv with ferrio (release build) and the test requirements; built again only when sources changed
	@scripts/venv.sh "$(PYTHON)" "$(VENV)" release

dev: ## the same, debug build, editable: Python sources take effect at once
	@scripts/venv.sh "$(PYTHON)" "$(VENV)" dev

demo: venv ## run examples/python/demo.py on ferrio
	@scripts/venv.sh "$(PYTHON)" "$(VENV)" demo
	$(BIN)/python examples/python/demo.py

test: engine-test venv ## engine tests, pytest on PYTHON, both again with FERRIO_POLLER=poll, conformance, examples and docs
	cargo test --doc --package ferrio-bridge
	@$(MAKE) --no-print-directory core
	@$(MAKE) --no-print-directory examples

core: venv ## of these: pytest, and conformance
	$(BIN)/python -m pytest $(CORE)
	$(if $(BOTH),@$(MAKE) --no-print-directory poll)
	@$(MAKE) --no-print-directory conformance

poll: venv ## pytest on the second poller
	FERRIO_POLLER=poll $(BIN)/python -m pytest $(CORE) $(NO_LOOP)

engine-test: ## the Rust tests alone, on both pollers
	@scripts/require.sh cargo cc
	cargo test $(CRATES) --all-features
	FERRIO_POLLER=poll cargo test $(CRATES) --all-features --lib --bins --tests

fuzz: venv ## random programs on stock asyncio and on ferrio, each kind for SECONDS=60; SEED= to begin with another, FUZZERS= for some
	@code=0; for name in $(or $(FUZZERS),$$($(BIN)/python -m tests.fuzz --list)); do \
	    $(BIN)/python -m tests.fuzz $$name --seed $(SEED) --seconds $(SECONDS) || code=1; \
	done; exit $$code

sanitize: ## pytest on an AddressSanitizer build of the extension, leaks included (gcc, Linux)
	@scripts/sanitize.sh "$(PYTHON)" "$(VENV)"

# What needs descriptors is left out; src/reactor/miri.rs says why.
miri: ## tests of engine and Rust door under Miri, which sees undefined behaviour and data races (a nightly Rust; about 10 minutes)
	@scripts/require.sh miri
	cargo +nightly miri test --package ferrio-engine --package ferrio --lib --tests --target-dir target/miri

check: venv ## formatting, lints, types, docs, house rules, instruction counts of the hot paths; no tests
	@scripts/require.sh rustfmt clippy
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings
	cargo clippy --package ferrio --all-targets --all-features -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --all-features
	@scripts/check_macos.sh $(MACOS)
	$(if $(shell command -v cargo-deny),cargo deny check bans licenses sources,@echo "no cargo-deny here: licences are not checked")
	$(if $(shell cargo +$(MSRV) --version 2>/dev/null),@$(MAKE) --no-print-directory msrv,@echo "no Rust $(MSRV) here: it is not tried")
	@scripts/venv.sh "$(PYTHON)" "$(VENV)" tools
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy --strict python/ferrio python/pytest_ferrio $(TYPED)
	@rm -rf target/typed && mkdir -p target/typed && cp -R benches target/typed && rm target/typed/benches/installed.py
	@cp -R python/ferrio/benches target/typed/benches/installed # as installed.py has it, where no type checker looks
	cd target/typed && $(BIN)/mypy --strict --config-file $(CURDIR)/pyproject.toml benches
	$(BIN)/pyright --pythonpath $(BIN)/python python/ferrio python/pytest_ferrio $(TYPED)
	$(BIN)/stubtest ferrio pytest_ferrio
	$(BIN)/python scripts/check_house.py
	@$(MAKE) --no-print-directory instructions

msrv: ## what is published compiles with the oldest Rust that the manifests name (make check does it where that Rust is)
	@scripts/require.sh msrv
	$(ANY_PYTHON) cargo +$(MSRV) check $(CRATED) --all-features --target-dir target/msrv

publishable: ## cargo packages what is published, and builds each package from what is in it and in the others; nothing is uploaded
	@scripts/require.sh cargo
	$(ANY_PYTHON) cargo package --allow-dirty $(CRATED)

# Nothing was published yet: what is compared with is each crate's first commit, or the commit SINCE. So a finding is no fault before
# the first release, but what the change log has to tell. The engine promises no API, and macros have none to compare.
semver: ## what changed in the API of ferrio, ferrio-bridge and ferrio-http since their first commits, or since SINCE=
	@scripts/require.sh semver
	@code=0; for crate in ferrio ferrio-bridge ferrio-http; do \
	    begin=$(or $(SINCE),$$(git log --diff-filter=A --format=%h -- crates/$$crate/Cargo.toml | tail -n 1)); \
	    $(ANY_PYTHON) cargo semver-checks --package $$crate --baseline-rev $$begin || code=1; \
	done; exit $$code

conformance: venv ## CPython's own asyncio tests on ferrio (about 2 minutes)
	$(BIN)/python tests/conformance/cpython_asyncio.py $(CONFORM) --jobs $(JOBS) --expected-failures $(EXPECT)

autobahn: venv ## Autobahn's cases for WebSocket, all of them, on ferrio's server (minutes); CASES="9.* 12.1.*" for some
	$(BIN)/python tests/http/autobahn.py $(CASES)

ecosystem: venv ## what people run on asyncio, on ferrio: aiohttp, uvicorn, websockets, anyio, tornado, grpc, ...
	@scripts/venv.sh "$(PYTHON)" "$(VENV)" ecosystem
	$(BIN)/python -m pytest -rfEs tests/ecosystem
	FERRIO_POLLER=poll $(BIN)/python -m pytest tests/ecosystem

examples: venv ## every program of examples/, on both loops, and every command of README.md and docs/, with what they need
	@scripts/venv.sh "$(PYTHON)" "$(VENV)" demo
	@scripts/venv.sh "$(PYTHON)" "$(VENV)" examples
	$(BIN)/python -m pytest -rfEs tests/examples tests/docs

soak: venv ## 500 loops that open, fail and close everything, 10,000 TLS handshakes that fail, with warnings too; 10^6 tasks and the like
	$(BIN)/python tests/soak/soak.py --loop ferrio --cycles 500
	FERRIO_POLLER=poll $(BIN)/python tests/soak/soak.py --loop ferrio --cycles 500
	$(BIN)/python tests/soak/soak_tls.py --loop ferrio --connections 10000
	PYTHONDEVMODE=1 $(BIN)/python -W error tests/soak/soak.py --loop ferrio --cycles 100
	PYTHONDEVMODE=1 $(BIN)/python -W error tests/soak/soak_tls.py --loop ferrio --connections 1000
	$(BIN)/python tests/soak/soak_tasks.py --loop ferrio --count 1000000

wheels: ## what is published, in dist/: TARGETS (also sdist) for PYTHONS, all by default, profile-guided; tries what runs here
	@scripts/require.sh cargo cc
	@scripts/venv.sh "$(PYTHON)" "$(VENV)-wheels" wheels
	"$(VENV)-wheels"/bin/python scripts/wheels.py --targets "$(TARGETS)" --pythons "$(PYTHONS)"

bench: ## measure the published build, with BENCH as arguments ("--rows 'echo_*' --quick"); benches/README.md says what is asked
	@scripts/venv.sh "$(PYTHON)" "$(VENV)-dist" dist
	@scripts/venv.sh "$(PYTHON)" "$(VENV)-dist" peers
	"$(VENV)-dist"/bin/python -m benches $(BENCH)

bench-servers: ## ferrio serve beside other servers of ASGI and WSGI, with BENCH as arguments ("--rows 'asgi_*' --quick")
	@scripts/venv.sh "$(PYTHON)" "$(VENV)-dist" dist
	@scripts/venv.sh "$(PYTHON)" "$(VENV)-dist" servers
	"$(VENV)-dist"/bin/python -m benches.servers $(BENCH)

bench-clients: ## ferrio.http beside other clients of HTTP, with BENCH as arguments ("--rows get_64 --rounds 1")
	@scripts/venv.sh "$(PYTHON)" "$(VENV)-dist" dist
	@scripts/venv.sh "$(PYTHON)" "$(VENV)-dist" clients
	"$(VENV)-dist"/bin/python -m benches.http_clients $(BENCH)

bench-rust: ## the Rust door beside tokio, smol, compio and monoio, with BENCH as arguments ("--rows 'echo_*' --quick")
	cargo build --release --package ferrio-load
	cargo run --release --manifest-path benches/rust/Cargo.toml --target-dir target/bench-rust -- compare $(BENCH)

# 3.14 of py314.
RELEASE  = $(subst py3,3.,$@)
py314: ## test, then bench, on Debian's CPython 3.14, which it unpacks into FOLDER-3.14 (as root); RUN=core for less
py315: ## the same on 3.15
py314 py315:
	@scripts/debian_python.sh "$(FOLDER)-$(RELEASE)" $(RELEASE)
	@$(MAKE) --no-print-directory --jobs=1 $(RUN) PYTHON="$(abspath $(FOLDER)-$(RELEASE))/usr/bin/python$(RELEASE)" \
	    VENV=.venv-$(RELEASE) BOTH=

SERVED := echo_*,bulk_*,connection_rate,http_uvicorn_*,http_aiohttp_server,websocket_*,tls_echo_*,tls_bulk_*,tls_handshakes
profile: ## of the rows with connections: whose the CPU time of an operation is, into docs/assets/profile.tsv
	@scripts/venv.sh "$(PYTHON)" "$(VENV)-dist" dist
	@scripts/venv.sh "$(PYTHON)" "$(VENV)-dist" peers
	"$(VENV)-dist"/bin/python -m benches.profile --rows '$(SERVED)' --loops ferrio,uvloop --rounds 1 --seconds 0.5 \
	    --table docs/assets/profile.tsv

instructions: venv ## instruction counts of the hot paths against benches/instructions.toml; UPDATE=--update writes it
	$(BIN)/python -m benches.instructions $(UPDATE)

digest: ## the small table TABLE=docs/assets/benches.tsv of a report that BENCH='--json REPORT' wrote: REPORT=target/benches.json
	"$(PYTHON)" -m benches.digest "$(REPORT)" "$(TABLE)"

plots: venv ## charts and tables of docs/ and the chart of README.md, from docs/assets/benches.tsv, benches-3.14.tsv and profile.tsv
	$(BIN)/python -m scripts.docs_figures

# The switch is the theme's own; docs/requirements.txt says what it keeps quiet. With --quiet, --strict sees no warning.
docs: ## the documentation's site, into site/; any warning fails it
	@scripts/venv.sh "$(PYTHON)" "$(VENV)" docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

fmt: venv ## format Rust and Python in place
	cargo fmt --all
	@scripts/venv.sh "$(PYTHON)" "$(VENV)" tools
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean: ## remove everything that was built, virtual environments included
	rm -rf target site dist .venv .venv-* .cache .mypy_cache .ruff_cache .pytest_cache
	find python tests scripts examples benches -name __pycache__ -prune -exec rm -rf {} +
	find python -name '_ferrio*.so' -delete
