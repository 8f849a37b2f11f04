// Definitions, not a program: nothing here requires the modules, so `go mod tidy` would drop them.
module zoom-operator.io/tests/cluster/tools/gitops-definitions

go 1.26.0

require (
	github.com/argoproj/argo-cd/v3 v3.3.0
	github.com/bitnami-labs/sealed-secrets v0.40.0
	github.com/cert-manager/cert-manager v1.19.1
	github.com/external-secrets/external-secrets v1.3.2
	github.com/fluxcd/kustomize-controller v1.9.6
	github.com/fluxcd/source-controller v1.8.0
)
