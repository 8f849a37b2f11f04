# The targets; the scripts do the work.
.DEFAULT_GOAL := help
.PHONY: help demo up down test test-fast soak bench image crds kustomize lint

help: ## List the targets and variables
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' Makefile
	@sed -n 's/^#   /  /p' tests/environment.sh

demo: ## Start everything, apply two examples (or EXAMPLE=NAME) and show the result
	@tests/demo/run $(EXAMPLE)

up: ## Start a local Kubernetes with the operator and an offline Zoom
	@tests/demo/up

down: ## Remove the cluster; packages and caches stay
	@tests/demo/down

test: ## Run every test
	@tests/run

test-fast: ## Run the tests that need no cluster
	@tests/run cargo

soak: ## Repeat crashes, faults and load for SOAK_HOURS=4; CI does not run it
	@tests/soak/run

bench: ## Compare the receiver with others, and measure the controller; no cluster may be running
	@benches/run
	@benches/fleet/run

image: ## Build both images into target/image; IMAGE names the operator's, RECEIVER_IMAGE the receivers'
	image/build $(or $(IMAGE),localhost/zoom-operator:dev) zoom-operator target/image/zoom-operator.tar
	image=$(or $(IMAGE),localhost/zoom-operator:dev) && \
	image/build $${RECEIVER_IMAGE:-$${image%:*}-receiver:$${image##*:}} zoom-receiver target/image/zoom-receiver.tar

crds: ## Write crds/ and its copies from src/api
	UPDATE_CRDS=1 cargo test --locked --test crds

kustomize: ## Write the kustomize base in examples/gitops/kustomize from the chart; needs helm
	@tests/chart/run --write-kustomize

lint: ## Formatting, clippy, shellcheck, cargo-deny, workflows and image files
	@tests/lint
