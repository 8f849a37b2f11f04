# Images come into the cluster from archives; nothing is pulled.
# shellcheck shell=bash

# The container that holds a Pod's namespaces: Kubernetes's own pause.c, from its module.
pause_archive() {
  local archive=$BINARIES_DIR/pause.tar
  [[ -e $archive ]] || pack_program "$BIN_DIR/pause" 65535 "$PAUSE_IMAGE" "$archive"
  echo "$archive"
}

# pack_program PROGRAM USER NAME:TAG ARCHIVE: an image with this static program and nothing else.
pack_program() {
  local name=${1##*/} context
  context=$(mktemp -d)
  cp "$1" "$context/$name"
  printf '%s\n' 'FROM scratch' "COPY $name /$name" "USER $2:$2" "ENTRYPOINT [\"/$name\"]" >"$context/Containerfile"
  "$REPO_DIR/image/pack" "$context/Containerfile" "$context" "$3" "$4"
  rm -rf "$context"
}

# load_program NAME: the image of a tool of ours, or of busybox, in the cluster; prints its name, which says the content.
load_program() {
  local name=$1 program image archive
  if [[ $name == busybox ]]; then
    install_packages /usr/share/doc/busybox-static=busybox-static
    program=$(type -P busybox)
  else
    program=$(provide_tool "$name")
  fi
  image=localhost/$name:$(sha256sum "$program" | head -c 12)
  has_image "$image" || {
    archive=$(mktemp --suffix=.tar)
    pack_program "$program" 65532 "$image" "$archive"
    load_image "$archive" >/dev/null
    rm "$archive"
  }
  echo "$image"
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
