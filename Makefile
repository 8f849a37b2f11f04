# What can be done here. How it is done lies in the scripts.
.DEFAULT_GOAL := help
.PHONY: help demo up down test test-fast bench image crds lint

help: ## Say what can be done here
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' Makefile
	@sed -n 's/^#   /  /p' tests/environment.sh

demo: ## Bring everything up, apply two examples (or EXAMPLE) and show what came of it
	@tests/demo/run $(EXAMPLE)

up: ## A local Kubernetes with the operator and an offline Zoom
	@tests/demo/up

down: ## Remove every trace of it
	@tests/demo/down

test: ## Every test
	@tests/run

test-fast: ## The tests that need no cluster, in seconds
	@tests/run cargo

bench: ## Measure the receiver beside others; no cluster may be up
	@benches/run

image: ## Build both images into target/image; IMAGE names the operator's, RECEIVER_IMAGE the receivers'
	image/build $(or $(IMAGE),localhost/zoom-operator:dev) zoom-operator target/image/zoom-operator.tar
	image=$(or $(IMAGE),localhost/zoom-operator:dev) && \
	image/build $${RECEIVER_IMAGE:-$${image%:*}-receiver:$${image##*:}} zoom-receiver target/image/zoom-receiver.tar

crds: ## Write crds/ and the chart's copy from src/api
	UPDATE_CRDS=1 cargo test --locked --test crds

lint: ## Formatting, clippy, shellcheck, cargo-deny, workflows and image files
	@tests/lint
