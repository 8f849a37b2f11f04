# Removing everything that the cluster made on this machine, whatever state it is in.
# shellcheck shell=bash

remove_traces() {
  local name
  # Whoever starts or repairs something goes before it; etcd goes last, because the API server hangs without it.
  stop_component kubelet KILL
  stop_component volume-provisioner KILL
  stop_component containerd KILL
  kill_containers
  for name in kube-proxy coredns kube-scheduler kube-controller-manager kube-apiserver etcd; do
    stop_component $name KILL
  done
  kill_until_none marked_pids
  remove_sockets
  unmount_all
  remove_network
  remove_cgroups
  remove_strays
  rm -rf "$STATE_DIR"
}

marked_pids() { grep -lsz "^$MARK=" /proc/[0-9]*/environ | tr -dc '0-9\n' || true; }

cgroup_pids() { find /sys/fs/cgroup -path "*/$CGROUP/*" -name cgroup.procs -exec cat {} + 2>/dev/null | sort -u; }

# kill_until_none LISTER: repeats, because processes may be started while others are ended.
kill_until_none() {
  local pids
  for _ in {1..50}; do
    mapfile -t pids < <("$1")
    ((${#pids[@]})) || return 0
    kill -s KILL "${pids[@]}" 2>/dev/null || true
    try_for 2 gone "${pids[@]}" || true
  done
  note "these processes cannot be ended: ${pids[*]}"
}

# The shims go before what they watch.
kill_containers() {
  local pids pid
  mapfile -t pids < <(marked_pids | while read -r pid; do
    [[ $(readlink "/proc/$pid/exe") != *containerd-shim* ]] || echo "$pid"
  done)
  ((${#pids[@]} == 0)) || kill -s KILL "${pids[@]}" 2>/dev/null || true
  kill_until_none cgroup_pids
}

# Sockets at places that cannot be configured; one that somebody listens on is not ours any more.
remove_sockets() {
  local file
  for file in /run/containerd/s/* /var/lib/kubelet/device-plugins/kubelet.sock; do
    [[ ! -S $file ]] || grep -qF " $file" /proc/net/unix || rm -f "$file"
  done
  rmdir /run/containerd/s /run/containerd /var/lib/kubelet/device-plugins /var/lib/kubelet 2>/dev/null || true
}

unmount_all() {
  local mounts target
  for _ in {1..5}; do
    mapfile -t mounts < <(awk -v dir="$STATE_DIR/" 'index($5, dir) == 1 { print $5 }' /proc/self/mountinfo | sort -r)
    ((${#mounts[@]})) || return 0
    for target in "${mounts[@]}"; do
      umount "$target" 2>/dev/null || umount --lazy "$target" 2>/dev/null || true
    done
  done
  note "these mounts cannot be removed: ${mounts[*]}"
}

remove_cgroups() {
  local root
  for root in /sys/fs/cgroup/"$CGROUP" /sys/fs/cgroup/*/"$CGROUP"; do
    [[ ! -d $root ]] || try_for 5 remove_cgroup "$root" || note "the cgroup $root cannot be removed"
  done
}

remove_cgroup() {
  find "$1" -depth -type d -exec rmdir {} + 2>/dev/null
  [[ ! -d $1 ]]
}

# What the kubelet and the CNI library write to places that cannot be configured.
remove_strays() {
  local file id
  for file in /var/lib/cni/results/"$NETWORK_NAME"-*-eth0; do
    id=${file#"/var/lib/cni/results/$NETWORK_NAME-"}
    rm -f "$file" "/var/lib/cni/results/cni-loopback-${id%-eth0}-lo"
  done
  rmdir /var/lib/cni/results /var/lib/cni 2>/dev/null || true
  [[ ! -d /var/log/containers ]] || find /var/log/containers -lname "$STATE_DIR/*" -delete
  rmdir /var/log/containers 2>/dev/null || true
}
