# The cluster as a whole: whose it is, whether it is healthy, and how it starts.
# shellcheck shell=bash

# One command at a time on this machine, from whichever checkout.
take_lock() {
  mkdir -p "${LOCK_FILE%/*}"
  exec 9>"$LOCK_FILE"
  flock --nonblock 9 || {
    step "waiting for another up or down on this machine"
    flock 9
  }
}

owner() { cat "$STATE_DIR/owner" 2>/dev/null || true; }

# Nothing in the state directory describes the machine any more once it has rebooted.
same_boot() { [[ $(cat "$STATE_DIR/boot" 2>/dev/null) == $(</proc/sys/kernel/random/boot_id) ]]; }

cluster_healthy() {
  local name
  same_boot || return 1
  for name in "${COMPONENTS[@]}"; do is_healthy "$name" >/dev/null 2>&1 || return 1; done
  node_ready
}

# Makes this checkout the one that the cluster belongs to.
adopt() {
  mkdir -p "$LOCAL_DIR"
  kubeconfig admin "$LOCAL_DIR/kubeconfig.mine"
  if cmp -s "$LOCAL_DIR/kubeconfig.mine" "$LOCAL_DIR/kubeconfig"; then
    rm "$LOCAL_DIR/kubeconfig.mine"
  else
    mv "$LOCAL_DIR/kubeconfig.mine" "$LOCAL_DIR/kubeconfig"
  fi
  [[ -L $LOCAL_DIR/state ]] || ln -sfn "$STATE_DIR" "$LOCAL_DIR/state"
  [[ $(owner) == "$REPO_DIR" ]] || echo "$REPO_DIR" >"$STATE_DIR/owner"
}

# Starts what does not run, in order. It completes what was interrupted, so it also repairs.
start_cluster() {
  local name
  mkdir -p "$STATE_DIR"
  echo "$REPO_DIR" >"$STATE_DIR/owner"
  cat /proc/sys/kernel/random/boot_id >"$STATE_DIR/boot"
  ln -sfn "$BIN_DIR" "$STATE_DIR/bin"
  mkdir -p "$STATE_DIR/tools"
  ln -sfn "$PROVISIONER" "$STATE_DIR/tools/"
  make_network
  check_ports
  make_certificates
  write_configuration
  step "starting etcd, containerd and the API server"
  ensure_healthy etcd && ensure_component containerd && ensure_component kube-apiserver || return 1
  ensure_healthy containerd || return 1
  has_image "$PAUSE_IMAGE" || load_image "$(pause_archive)" >/dev/null
  ensure_healthy kube-apiserver || return 1
  note "API server ready after $SECONDS s"
  step "starting the controllers and the node"
  local others=(kubelet kube-controller-manager kube-scheduler kube-proxy coredns volume-provisioner)
  for name in "${others[@]}"; do ensure_component "$name"; done
  allow_dns && provide_storage || return 1
  for name in "${others[@]}"; do ensure_healthy "$name" || return 1; done
  try_for 60 node_ready || {
    note "the node does not become ready:"
    admin get node "$NODE_NAME" -o 'jsonpath={range .status.conditions[*]}{.type}: {.message}{"\n"}{end}' >&2 || true
    return 1
  }
  note "node ready after $SECONDS s"
}

# A component that runs but does not answer is replaced once.
ensure_healthy() {
  if is_running "$1" && ! try_for 20 is_healthy "$1"; then
    note "$1 runs but does not answer: restarting it"
    stop_component "$1" KILL
  fi
  ensure_component "$1"
  wait_healthy "$1"
}

allow_dns() {
  admin apply --server-side --force-conflicts -f - >/dev/null <<'YAML'
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: "system:coredns"}
rules:
  - {apiGroups: [""], resources: [services, pods, namespaces], verbs: [list, watch]}
  - {apiGroups: [discovery.k8s.io], resources: [endpointslices], verbs: [list, watch]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: "system:coredns"}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: "system:coredns"}
subjects:
  - {apiGroup: rbac.authorization.k8s.io, kind: User, name: "system:coredns"}
YAML
}

# Volumes on the node, for claims that name no class.
provide_storage() {
  admin apply --server-side --force-conflicts -f - >/dev/null <<YAML
apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata:
  name: $STORAGE_CLASS
  annotations: {storageclass.kubernetes.io/is-default-class: "true"}
provisioner: $STORAGE_PROVISIONER
reclaimPolicy: Delete
volumeBindingMode: WaitForFirstConsumer
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: "system:volume-provisioner"}
rules:
  - {apiGroups: [""], resources: [nodes], verbs: [get]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: "system:volume-provisioner"}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: "system:volume-provisioner"}
subjects:
  - {apiGroup: rbac.authorization.k8s.io, kind: User, name: "system:volume-provisioner"}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: "system:volume-provisioner-usual"}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: "system:persistent-volume-provisioner"}
subjects:
  - {apiGroup: rbac.authorization.k8s.io, kind: User, name: "system:volume-provisioner"}
YAML
}
