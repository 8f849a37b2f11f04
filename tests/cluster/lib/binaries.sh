# Kubernetes, etcd, CoreDNS and the tests' tools, built once from the Go modules that go.mod and go.sum pin.
# shellcheck shell=bash

# Tools in modules of their own: their requirements would otherwise change those of Kubernetes.
TOOL_MODULES=(coredns glua kubeconform)

go_flags() {
  local version=${KUBERNETES_VERSION%.*} package
  printf '%s\n' -v -trimpath -buildvcs=false
  # Without a version the server reports a placeholder, which Helm and other clients refuse.
  printf '%s' '-ldflags=-s -w'
  for package in k8s.io/component-base/version k8s.io/client-go/pkg/version; do
    printf " -X $package.%s" "gitVersion=v$KUBERNETES_VERSION" "gitMajor=${version%.*}" "gitMinor=${version#*.}" \
      gitTreeState=clean
  done
  printf ' -X helm.sh/helm/v4/internal/version.version=%s' "$(sed -n 's|.*helm.sh/helm/v4 \([^ ]*\).*|\1|p' "$CLUSTER_DIR/go.mod")"
}

# The directory that holds the binaries of exactly these sources.
binaries_dir() {
  local key
  key=$({
    cd "$CLUSTER_DIR" || exit
    cat go.mod go.sum
    printf 'tools/%s/go.mod\0' "${TOOL_MODULES[@]}" | xargs -0 cat
    printf 'tools/%s/go.sum\0' "${TOOL_MODULES[@]}" | xargs -0 cat
    go_flags
    uname -m
  } | sha256sum)
  echo "$CACHE_DIR/kubernetes-${key:0:12}"
}

build_binaries() {
  BINARIES_DIR=$(binaries_dir)
  BIN_DIR=$BINARIES_DIR/bin
  if [[ ! -d $BINARIES_DIR ]]; then
    type -P go >/dev/null || cannot_run_here "Go 1.26 or newer is needed to build Kubernetes, and there is none."
    mkdir -p "$CACHE_DIR"
    # One build at a time; whoever waited finds the result.
    exec 8>"$CACHE_DIR/lock"
    flock 8
    [[ -d $BINARIES_DIR ]] || compile_all
    exec 8>&-
  fi
  link_binaries
}

compile_all() {
  local partial=$BINARIES_DIR.partial tool flags
  step "building Kubernetes $KUBERNETES_VERSION from its modules (once; about 10 minutes on 2 cores)"
  rm -rf "$CACHE_DIR"/kubernetes-*.partial
  mkdir -p "$partial/bin"
  mapfile -t flags < <(go_flags)
  note "downloading modules"
  run_go "$partial" . mod download
  note "compiling the API server, controllers, scheduler, kubelet, kube-proxy, kubectl, etcd and Helm"
  run_go "$partial" . build "${flags[@]}" -o "$partial/bin/" tool
  # The etcd module calls its command `server`.
  mv "$partial/bin/server" "$partial/bin/etcd"
  for tool in "${TOOL_MODULES[@]}"; do
    note "compiling $tool"
    run_go "$partial" "tools/$tool" build "${flags[@]}" -o "$partial/bin/" tool
  done
  cc -Os -static -o "$partial/bin/pause" \
    "$(go -C "$CLUSTER_DIR" list -m -f '{{.Dir}}' k8s.io/kubernetes)/build/pause/linux/pause.c"
  # Renamed only when whole, so that an interrupted build never counts as done.
  mv "$partial" "$BINARIES_DIR"
  note "built in $((SECONDS / 60)) min $((SECONDS % 60)) s"
}

# run_go DIRECTORY MODULE ARGUMENTS...: with the log in DIRECTORY
run_go() {
  local log=$1/build.log
  run_with_pulse "$log" env CGO_ENABLED=0 nice -n 5 go -C "$CLUSTER_DIR/$2" "${@:3}" || {
    tail -n 20 "$log" >&2
    fail "go $3 failed in tests/cluster/$2"
  }
}

link_binaries() {
  mkdir -p "$LOCAL_DIR"
  [[ $(readlink "$LOCAL_DIR/bin") == "$BIN_DIR" ]] || ln -sfn "$BIN_DIR" "$LOCAL_DIR/bin"
}
