# Names, places and ports of the test cluster. Ports are not the usual ones, so that another cluster on this machine is
# left alone; all but the API server's listen on loopback or on the cluster's own bridge.
# shellcheck shell=bash disable=SC2034

CLUSTER_DIR=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
REPO_DIR=$(cd "$CLUSTER_DIR/../.." && pwd -P)
LOCAL_DIR=$REPO_DIR/.cluster

# One directory for the machine, not for the checkout: mounts, links and processes outlive a checkout.
STATE_DIR=/var/lib/zoom-operator-cluster
LOCK_FILE=/run/lock/zoom-operator-cluster.lock
# The machine's own settings, kept until it reboots: exactly as long as ours are in force.
SYSCTL_FILE=/run/zoom-operator-cluster.sysctl
LOG_DIR=$STATE_DIR/log
PKI_DIR=$STATE_DIR/pki
CONFIG_DIR=$STATE_DIR/config
CONTAINERD_SOCKET=$STATE_DIR/containerd/containerd.sock
CACHE_DIR=${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/zoom-operator

KUBERNETES_VERSION=1.36.3
NODE_NAME=zoom-operator-node
# Every process of the cluster carries this variable in its environment: it is how they are found again.
MARK=ZOOM_OPERATOR_CLUSTER_COMPONENT
CGROUP=zoom-operator-cluster
NETWORK_NAME=zoom-operator-cluster
BRIDGE=zoom-operator0
POD_CIDR=10.244.0.0/16
NODE_IP=10.244.0.1
SERVICE_CIDR=10.96.0.0/16
API_SERVICE_IP=10.96.0.1
STORAGE_CLASS=local
STORAGE_PROVISIONER=zoom-operator.io/local
PAUSE_IMAGE=localhost/pause:upstream

API_PORT=16443
ETCD_PORT=12379
ETCD_PEER_PORT=12380
ETCD_HEALTH_PORT=12381
CONTROLLER_MANAGER_PORT=11257
SCHEDULER_PORT=11259
KUBELET_PORT=11250
KUBELET_HEALTH_PORT=11248
PROXY_HEALTH_PORT=11256
PROXY_METRICS_PORT=11249
DNS_HEALTH_PORT=11280
PROVISIONER_PORT=11281
