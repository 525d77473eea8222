# What there is to run; `make` lists it. Everything works from a fresh clone with Rust and make.
SHELL := /bin/bash
.DEFAULT_GOAL := help
unexport RUST_BACKTRACE

CARGO  ?= cargo
# The engine that answers, or Debian's own installed and started.
ENGINE := scripts/engine.sh
IMAGES := $(ENGINE) examples/images/ensure
# The images that the engine tests name.
TEST_IMAGES := busybox debian python:3 python:3-slim postgres:15 redis redis:7 nginx nginx:alpine mariadb:10.11 node:slim
# Docker Compose's own releases, to compare with: compose-2.40 and so on.
PEERS  ?= /opt/peers
# What puts them there.
PEERS_INSTALL ?= ../shared/peers/install
PREFIX ?= /usr/local
DCO    := target/release/dco

.PHONY: help
help: ## lists the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | while IFS=$$'\t' read -r target text; do printf '%-14s %s\n' "$$target" "$$text"; done

.PHONY: demo
demo: release ## brings up examples/django, migrates it, and leaves it running
	@$(IMAGES) python:3 postgres:15
	@$(ENGINE) scripts/demo.sh $(abspath $(DCO))

.PHONY: demo-down
demo-down: release ## ends the demo and removes its data
	@cd examples/django && ../../$(ENGINE) $(abspath $(DCO)) down --volume

.PHONY: test
test: lint test-unit test-cli test-engine ## formatting, lints, and all tests

.PHONY: lint
lint:
	$(CARGO) fmt --check
	$(CARGO) clippy --quiet --all-targets --locked -- -D warnings
	$(CARGO) clippy --quiet --test parity --locked -- -D warnings

.PHONY: test-unit
test-unit:
	$(CARGO) test --locked --lib --bins

.PHONY: test-cli
test-cli:
	$(CARGO) test --locked --test cli

.PHONY: test-engine
test-engine:
	@$(IMAGES) $(TEST_IMAGES)
	$(ENGINE) $(CARGO) test --locked --test engine

.PHONY: test-engines
test-engines: ## the engine tests on every engine that is there; writes the README's table (ENGINES="podman ssh", TESTS="exec:: logs::" for some)
	@$(IMAGES) $(TEST_IMAGES)
	PEERS=$(PEERS) IMAGES="$(TEST_IMAGES)" ENGINES="$(ENGINES)" scripts/test-engines.sh $(TESTS)

.PHONY: release
release:
	$(CARGO) build --release --locked

# All cores of the release build's optimiser, none of its waiting: for checks of speed.
.PHONY: bench
bench: release ## times dco beside Docker Compose and the engine's own limit; writes the README's table (BENCH="up -d" for some of it)
	@$(PEERS_INSTALL) $(PEERS) >/dev/null
	@$(IMAGES) busybox python:3
	@set -o pipefail; $(ENGINE) env DCO_BIN=$(abspath $(DCO)) PEER_2=$(PEERS)/compose-2.40 PEER_1=$(PEERS)/compose-1.29 \
		$(CARGO) bench --locked --profile fast --bench compare -- $(if $(BENCH),"$(BENCH)") | tee target/bench.md
	@$(if $(BENCH),,grep '^|' target/bench.md | scripts/readme-table bench)

.PHONY: soak
soak: ## long runs: cold starts, how exact gates are, storms of changes under `sync`, every fuzz target (SOAK=name for one, FUZZ=seconds)
	@$(IMAGES) $(TEST_IMAGES)
	@[ -x $(PEERS)/compose-2.40 ] || $(PEERS_INSTALL) $(PEERS)
	DCO_PEER=$(PEERS)/compose-2.40 $(ENGINE) $(CARGO) test --locked --test soak -- $(SOAK)
	$(if $(SOAK),,fuzz/run.sh $(or $(FUZZ),10))

.PHONY: parity
parity: ## compares with Docker Compose 2.40: attributes, invocations, images, projects in turn (PARITY=images for one)
	@$(IMAGES) busybox python:3
	@[ -x $(PEERS)/compose-2.40 ] || $(PEERS_INSTALL) $(PEERS)
	DCO_PEER=$(PEERS)/compose-2.40 $(ENGINE) $(CARGO) test --locked --test parity -- $(PARITY)
	@[ ! -x $(CORPUS) ] || $(MAKE) --no-print-directory parity-corpus

# Real files of public projects, with Docker Compose's own answers.
CORPUS ?= ../shared/corpus/parity
.PHONY: parity-corpus
parity-corpus: release
	DCO_BIN=$(abspath $(DCO)) $(CORPUS) -q --also hash,yaml,services,noint
	DCO_CORPUS=/tmp/dco-corpus/corpus $(CARGO) test --locked --lib the_schema_takes_every_file

.PHONY: man
man: ## writes the manual below target/man: `man -M target/man dco-up`
	$(CARGO) run --quiet --locked --example man -- target/man

.PHONY: install
install: ## installs the binary with cargo
	$(CARGO) install --locked --path .
