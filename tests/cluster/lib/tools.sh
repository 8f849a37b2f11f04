# Tools that only some tests need. Unlike those beside Kubernetes each is built by itself, when first asked for, so that
# whoever needs one need not build Kubernetes. A directory of tools/ pins each; it may hold the tool's source as well.
# shellcheck shell=bash

# tool_dir NAME: the directory that holds the tool of exactly these sources, made in this way.
tool_dir() {
  local key
  key=$({
    cd "$CLUSTER_DIR/tools/$1" || exit
    cat -- * ../../lib/tools.sh
    uname -m
  } | sha256sum)
  echo "$CACHE_DIR/tool-$1-${key:0:12}"
}

# provide_tool NAME: builds it unless it is there, and prints its path.
provide_tool() {
  local name=$1 dir
  [[ -e $CLUSTER_DIR/tools/$name/go.mod ]] || fail "there is no tool $name in tests/cluster/tools"
  dir=$(tool_dir "$name")
  if [[ ! -d $dir ]]; then
    type -P go >/dev/null || cannot_run_here "Go 1.26 or newer is needed to build $name, and there is none."
    mkdir -p "$CACHE_DIR"
    # One build at a time; whoever waited finds the result.
    exec 8>"$CACHE_DIR/lock"
    flock 8
    [[ -d $dir ]] || make_tool "$name" "$dir"
    exec 8>&-
  fi
  echo "$dir/$name"
}

# The cluster has one.
# shellcheck disable=SC2034
provide_provisioner() { PROVISIONER=$(provide_tool volume-provisioner); }

# What becomes of kwok's nodes and Pods: its authors' quick way, without which it does nothing.
kwok_stages() {
  local stages file
  stages=$(go -C "$CLUSTER_DIR/tools/kwok" list -m -f '{{.Dir}}' sigs.k8s.io/kwok)/kustomize/stage
  for file in node/fast/node-initialize node/heartbeat-with-lease/node-heartbeat-with-lease \
    pod/fast/pod-{ready,complete,delete}; do
    echo ---
    cat "$stages/$file.yaml"
  done
}

# make_tool NAME DIRECTORY
make_tool() {
  local name=$1 partial=$2.partial module=tools/$1 package=tool flags=(-v -trimpath -buildvcs=false '-ldflags=-s -w')
  rm -rf "$partial"
  mkdir -p "$partial"
  step "building $name from its module (once; up to 2 minutes on 2 cores)"
  case $name in
    gateway-api)
      # Definitions, not a program.
      run_go "$partial" "$module" mod download
      mkdir "$partial/$name"
      install -m 644 -t "$partial/$name" "$(go -C "$CLUSTER_DIR/$module" list -m -f '{{.Dir}}' \
        sigs.k8s.io/gateway-api)"/config/crd/standard/gateway.networking.k8s.io_{gatewayclasses,gateways,httproutes}.yaml
      ;;
    *)
      # What else go build is told: one flag a line.
      [[ ! -e $CLUSTER_DIR/$module/flags ]] || mapfile -t -O "${#flags[@]}" flags <"$CLUSTER_DIR/$module/flags"
      [[ ! -e $CLUSTER_DIR/$module/main.go ]] || package=.
      run_go "$partial" "$module" build "${flags[@]}" -o "$partial/" "$package"
      [[ $name != kwok ]] || kwok_stages >"$partial/stages.yaml"
      ;;
  esac
  [[ -e $partial/$name ]] || fail "building tests/cluster/$module gives no $name"
  # Renamed only when whole, so that an interrupted build never counts as done.
  mv "$partial" "$2"
}
