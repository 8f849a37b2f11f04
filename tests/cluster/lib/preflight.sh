# Whether this machine can carry the cluster; whatever is missing is named.
# shellcheck shell=bash

require_root() {
  ((EUID == 0)) || cannot_run_here "a node needs root: run this with sudo."
}

check_machine() {
  check_kernel
  check_foreign_node
  check_routes "$POD_CIDR" Pods
  check_routes "$SERVICE_CIDR" Services
}

check_kernel() {
  local controller probe=zoom-op-probe
  modprobe -qa br_netfilter overlay 2>/dev/null || true
  unshare --mount true 2>/dev/null || cannot_run_here "mounting is not permitted here (CAP_SYS_ADMIN)."
  unshare --net true 2>/dev/null || cannot_run_here "network namespaces are not permitted here."
  unshare --mount mount -t tmpfs tmpfs /mnt 2>/dev/null || cannot_run_here "tmpfs cannot be mounted here."
  ip link delete $probe 2>/dev/null || true
  ip link add $probe type bridge 2>/dev/null ||
    cannot_run_here "the kernel makes no bridges here (CAP_NET_ADMIN, CONFIG_BRIDGE)."
  ip link delete $probe
  [[ -e /proc/sys/net/bridge/bridge-nf-call-iptables ]] ||
    cannot_run_here "the kernel does not filter bridges (module br_netfilter)."
  iptables -w -t nat -S >/dev/null 2>&1 || cannot_run_here "iptables cannot read the nat table here."
  [[ -w /proc/sys/net/ipv4/ip_forward ]] || cannot_run_here "/proc/sys is read-only here."
  for controller in cpu memory pids; do
    [[ -w /sys/fs/cgroup/$controller ]] || grep -qsw $controller /sys/fs/cgroup/cgroup.controllers ||
      cannot_run_here "the cgroup controller '$controller' is missing."
  done
}

# Two kubelets or two kube-proxies in one network namespace undo each other's work.
check_foreign_node() {
  local file pid name
  for file in /proc/[0-9]*/comm; do
    read -r name 2>/dev/null <"$file" || continue
    case $name in kubelet | kube-proxy | k3s | k3s-server) ;; *) continue ;; esac
    pid=${file//[^0-9]/}
    [[ $(readlink "/proc/$pid/ns/net") == $(readlink /proc/self/ns/net) ]] || continue
    grep -qsz "^$MARK=" "/proc/$pid/environ" ||
      cannot_run_here "another Kubernetes node runs on this machine: $name, process $pid."
  done
}

# check_routes CIDR WHAT
check_routes() {
  local route
  route=$(ip -4 route show root "$1" | grep -v " dev $BRIDGE " | head -n 1) || true
  [[ -z $route ]] || cannot_run_here "$1 (the cluster's $2) is routed elsewhere already: $route"
}

ports_of() {
  case $1 in
    etcd) echo "$ETCD_PORT" "$ETCD_PEER_PORT" "$ETCD_HEALTH_PORT" ;;
    kube-apiserver) echo "$API_PORT" ;;
    kube-controller-manager) echo "$CONTROLLER_MANAGER_PORT" ;;
    kube-scheduler) echo "$SCHEDULER_PORT" ;;
    coredns) echo 53 "$DNS_HEALTH_PORT" ;;
    volume-provisioner) echo "$PROVISIONER_PORT" ;;
    kube-proxy) echo "$PROXY_HEALTH_PORT" "$PROXY_METRICS_PORT" ;;
    kubelet) echo "$KUBELET_PORT" "$KUBELET_HEALTH_PORT" ;;
  esac
}

# The ports of the components that do not run yet must be free.
check_ports() {
  local name port address taken
  for name in "${COMPONENTS[@]}"; do
    ! is_running "$name" || continue
    for port in $(ports_of "$name"); do
      taken=$(ss -Hlntup | while read -r _ _ _ _ address _ process; do
        case $address in
          "0.0.0.0:$port" | "*:$port" | "[::]:$port" | "127.0.0.1:$port" | "$NODE_IP:$port") echo "$address $process" ;;
        esac
      done | head -n 1)
      [[ -z $taken ]] || cannot_run_here "port $port, which $name needs, is taken: $taken"
    done
  done
}
