// Definitions, not a program: nothing here requires the module, so `go mod tidy` would drop it.
module zoom-operator.io/tests/cluster/tools/gateway-api

go 1.26.0

require sigs.k8s.io/gateway-api v1.6.3
