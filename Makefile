# One profile serves demo, test and bench, so that the second command starts at once.
# Build products live outside the tree; set CARGO_TARGET_DIR to move them.

CARGO_TARGET_DIR ?= $(HOME)/.cache/clausum/target
export CARGO_TARGET_DIR
# rustup installs here; a Cargo that is already on the path goes first.
export PATH := $(PATH):$(HOME)/.cargo/bin

STEP := deploy/step.sh

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help bootstrap build demo demo-kafka test slow planted chaos damage upgrade bench day recover lost figures flame fmt lint

help:
	@echo 'make demo    build, start a server with seeded traffic, show its decisions (Ctrl-C stops it)'
	@echo 'make demo-kafka  the same on Kafka: a broker, a worker, a switch that streams payments in'
	@echo 'make test    format check, build, all tests, lints: what must pass before a change goes in'
	@echo 'make slow    the tests of the real binary in their long form'
	@echo 'make planted bugs planted on purpose, one after the other: the simulation must see each'
	@echo 'make chaos   brokers and workers fail in every way at random: nothing lost, doubled or different'
	@echo 'make damage  thousands of harmed files: each recovered from, or named and refused'
	@echo 'make upgrade what the programs of earlier commits wrote, gone on with by that of today (needs the history)'
	@echo 'make bench   measure; every bench prints a digest of what it computed'
	@echo 'make flame   record where a server under load spends its time, into flame.svg (needs perf and inferno)'
	@echo 'make recover kill a server with a gigabyte of state: how long until it decides again, and where the time goes'
	@echo 'make figures the ways in and out side by side: HTTP and Kafka, latencies, throughput, processor time; the velocity job'
	@echo 'make lost    kill a worker on Kafka with a gigabyte of state: how long until its partition decides again'
	@echo 'make day     a day of load in minutes, with all that expires in it; draws docs/day.svg'
	@echo 'make fmt     format the sources'
	@echo 'make lint    clippy, warnings as errors'
	@echo
	@echo 'DEMO_SECONDS=30 make demo   stops by itself'

bootstrap:
	@deploy/bootstrap.sh

build: bootstrap
	@$(STEP) 'build clausum' cargo build --locked --bin clausum

demo: build
	@deploy/demo.sh "$(CARGO_TARGET_DIR)/debug/clausum"

demo-kafka: build
	@deploy/bootstrap.sh kafka
	@deploy/demo-kafka.py "$(CARGO_TARGET_DIR)/debug/clausum"

# The tests start a Kafka of their own; CLAUSUM_KAFKA_REQUIRED= lets them skip it where it cannot be had.
# The build comes before the lints: clippy reuses what build scripts made, RocksDB above all.
# --all-targets runs benches in their tiny mode and leaves documentation tests out.
test: bootstrap
	@deploy/bootstrap.sh rustfmt clippy $$([ -z "$${CLAUSUM_KAFKA_REQUIRED-1}" ] || echo chaos)
	@$(STEP) 'check format' cargo fmt --check
	@$(STEP) 'build clausum' cargo build --locked --bin clausum
	@$(STEP) 'build tests' cargo test --locked --all-targets --no-run
	@CLAUSUM_KAFKA_REQUIRED=$${CLAUSUM_KAFKA_REQUIRED-1} $(STEP) 'run tests' cargo test --locked --all-targets
	@[ -z "$${CLAUSUM_KAFKA_REQUIRED-1}" ] || CHAOS_SECONDS=60 CHAOS_SEED=1 \
		$(STEP) 'short chaos' deploy/chaos.sh "$(CARGO_TARGET_DIR)/debug/clausum"
	@$(STEP) 'lint' cargo clippy --locked --all-targets -- -D warnings

slow: build
	@CLAUSUM_SLOW=1 $(STEP) 'slow tests' cargo test --locked --test slow

damage: build
	@CLAUSUM_DAMAGE=$${CLAUSUM_DAMAGE:-3000} $(STEP) 'damage' cargo test --locked --test slow damage -- --nocapture

upgrade: build
	@$(STEP) 'upgrade' deploy/upgrade.py

planted: bootstrap
	@$(STEP) 'planted bugs' deploy/planted.py

# Under forty minutes, of which CHAOS_SECONDS (1500) are faults; 60 is the short form. deploy/chaos says the rest.
chaos: build
	@deploy/bootstrap.sh chaos
	@$(STEP) 'chaos' deploy/chaos.sh "$(CARGO_TARGET_DIR)/debug/clausum"

bench: bootstrap
	@$(STEP) 'bench' cargo bench --locked --profile dev --bench bench

flame: build
	@deploy/flame.sh "$(CARGO_TARGET_DIR)/debug/clausum" flame.svg

recover: build
	@deploy/recovery.py "$(CARGO_TARGET_DIR)/debug/clausum"

lost: build
	@deploy/bootstrap.sh kafka
	@deploy/lost.py "$(CARGO_TARGET_DIR)/debug/clausum"

# FIGURES holds flags of deploy/figures.py, such as --out FILE.
figures: build
	@deploy/bootstrap.sh kafka
	@deploy/figures.py "$(CARGO_TARGET_DIR)/debug/clausum" $(FIGURES)

day: bootstrap
	@CLAUSUM_DAY_FOLDER="$(CURDIR)/docs" $(STEP) 'a day' cargo bench --locked --profile dev --bench bench -- day

fmt: bootstrap
	@deploy/bootstrap.sh rustfmt
	@cargo fmt

lint: bootstrap
	@deploy/bootstrap.sh clippy
	@$(STEP) 'lint' cargo clippy --locked --all-targets -- -D warnings
