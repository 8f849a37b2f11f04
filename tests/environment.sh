# Which cluster and which images. Sourced by what needs them, from the top of the repository.
# shellcheck shell=bash
#
#   CLUSTER=local      (default) the cluster of tests/cluster, started if need be
#   CLUSTER=current    the cluster that KUBECONFIG points at; its nodes get the images by one of
#     LOAD=COMMAND                    builds the images and calls COMMAND ARCHIVE for each of the three
#     IMAGE=REF SIM_IMAGE=REF         builds nothing: the nodes can pull these; RECEIVER_IMAGE is IMAGE with -receiver
#                                     before its tag unless it is set
#   PROFILE=release    cargo's profile for the images; quick unless set

CLUSTER=${CLUSTER:-local}
export CLUSTER

# shellcheck source=tests/cluster/lib/report.sh
source tests/cluster/lib/report.sh

# Demo and tests share their binaries, and these their dependencies: one profile, and one set of features for all three.
export PROFILE=${PROFILE:-quick} PACKAGES="zoom-operator zoom-receiver zoom-sim"

# use_cluster TOOL...: a cluster that answers, and these tools on PATH.
use_cluster() {
  case $CLUSTER in
    local)
      tests/cluster/up
      point_at_cluster
      ;;
    current)
      build_missing_tools "$@"
      kubectl version >/dev/null || fail "the cluster of CLUSTER=current does not answer" "KUBECONFIG=${KUBECONFIG-}"
      step "using the cluster $(kubectl config current-context)"
      ;;
    *) fail "CLUSTER is local or current, not $CLUSTER" ;;
  esac
}

# The same without starting anything.
point_at_cluster() {
  [[ $CLUSTER == local ]] || return 0
  export KUBECONFIG=$PWD/.cluster/kubeconfig PATH=$PWD/.cluster/bin:$PATH
}

build_missing_tools() {
  local tool bin
  for tool; do
    ! type -P "$tool" >/dev/null || continue
    note "$tool is not on PATH: it is built from its module, together with Kubernetes"
    bin=$(tests/cluster/build)
    PATH+=:$bin
    return
  done
}

# The tests that need no cluster talk to a real NATS: NATS_SERVER, else the one that is built here, else that of PATH.
provide_nats_server() {
  [[ -n ${NATS_SERVER-} ]] || NATS_SERVER=$(tests/cluster/build nats-server) || NATS_SERVER=$(type -P nats-server)
  export NATS_SERVER
}

# provide_images DIRECTORY TAG: the images in the cluster; IMAGE, RECEIVER_IMAGE and SIM_IMAGE are their names. Without a TAG the name
# says the content, so that another content means other Pods.
provide_images() {
  [[ $CLUSTER != local ]] || LOAD=${LOAD:-tests/cluster/load-image}
  if [[ -z ${LOAD-} ]]; then
    [[ -n ${IMAGE-} && -n ${SIM_IMAGE-} ]] || fail "CLUSTER=current needs the images:" \
      "LOAD='kind load image-archive'     builds them and calls this command with each archive, or" \
      "IMAGE=... SIM_IMAGE=...            names images that the cluster can pull (see docs/development.md)"
    RECEIVER_IMAGE=${RECEIVER_IMAGE:-${IMAGE%:*}-receiver:${IMAGE##*:}}
  else
    IMAGE=$(provide_image zoom-operator "$1" "${IMAGE:-localhost/zoom-operator${2:+:$2}}")
    RECEIVER_IMAGE=$(provide_image zoom-receiver "$1" "${RECEIVER_IMAGE:-localhost/zoom-operator-receiver${2:+:$2}}")
    SIM_IMAGE=$(provide_image zoom-sim "$1" "${SIM_IMAGE:-localhost/zoom-sim${2:+:$2}}")
  fi
  export IMAGE RECEIVER_IMAGE SIM_IMAGE
}

# provide_image BINARY DIRECTORY NAME[:TAG]: prints the image's full name.
provide_image() {
  local archive=$2/$1.tar name
  step "building the image of $1 (profile $PROFILE)"
  name=$(image/build "$3" "$1" "$archive")
  step "loading $name"
  bash -c "$LOAD \"\$0\"" "$archive" >&2
  echo "$name"
}
