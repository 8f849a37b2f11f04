# Images come into the cluster from archives; nothing is pulled.
# shellcheck shell=bash

# The container that holds a Pod's namespaces: Kubernetes's own pause.c, from its module.
pause_archive() {
  local archive=$BINARIES_DIR/pause.tar context
  if [[ ! -e $archive ]]; then
    context=$(mktemp -d)
    cp "$BIN_DIR/pause" "$context/"
    printf '%s\n' 'FROM scratch' 'COPY pause /pause' 'USER 65535:65535' 'ENTRYPOINT ["/pause"]' \
      >"$context/Containerfile"
    "$REPO_DIR/image/pack" "$context/Containerfile" "$context" "$PAUSE_IMAGE" "$archive"
    rm -rf "$context"
  fi
  echo "$archive"
}

load_image() {
  local snapshotter
  snapshotter=$(sed -n 's/^snapshotter = "\(.*\)"/\1/p' "$CONFIG_DIR/containerd.toml")
  in_containerd images import --snapshotter "$snapshotter" "$1"
  # The kubelet sees an image only after the runtime's image service has taken note of it.
  try_for 15 images_noted || fail "the image was imported, but the kubelet's runtime does not list it"
}

images_noted() {
  [[ -z $(in_containerd images list -q 'labels."io.cri-containerd.image"!=managed') ]]
}

has_image() { in_containerd images list -q | grep -qxF "$1"; }
