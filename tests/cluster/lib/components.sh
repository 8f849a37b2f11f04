# Starting, finding, checking and ending the cluster's processes.
# shellcheck shell=bash disable=SC2034

# In the order in which they start.
COMPONENTS=(etcd containerd kube-apiserver kube-controller-manager kube-scheduler coredns kube-proxy kubelet
  volume-provisioner)

# Prints the process ids of component NAME itself, not of what it started (shims carry the mark as well).
component_pids() {
  local file pid
  grep -lsz "^$MARK=$1$" /proc/[0-9]*/environ | while read -r file; do
    pid=${file//[^0-9]/}
    [[ $(readlink "/proc/$pid/exe") != */"$1"?( \(deleted\)) ]] || echo "$pid"
  done || true
}

is_running() { [[ -n $(component_pids "$1") ]]; }

ensure_component() {
  is_running "$1" || start_component "$1"
}

start_component() {
  local name=$1 arguments
  mapfile -t arguments < <(component_arguments "$name")
  [[ $name != kubelet ]] || make_cgroup
  # Not the terminal's, not the locks' (3 is that of a caller's flock, which would stay taken as long as the cluster runs),
  # and not the user's proxy settings: the cluster is on this machine.
  env -u HTTP_PROXY -u HTTPS_PROXY -u http_proxy -u https_proxy -u NOTIFY_SOCKET \
    "$MARK=$name" PATH="$PATH:/usr/sbin:/sbin" setsid "$(program "$name")" "${arguments[@]}" \
    </dev/null >>"$LOG_DIR/$name.log" 2>&1 3>&- 8>&- 9>&- &
  disown
}

# Kubernetes's own, one of the tools, or Debian's.
program() { type -P "$BIN_DIR/$1" || type -P "$STATE_DIR/tools/$1" || type -P "$1"; }

component_arguments() {
  case $1 in
    etcd) printf '%s\n' --name=etcd --data-dir="$STATE_DIR/etcd" --unsafe-no-fsync --log-level=warn \
      --listen-client-urls="https://127.0.0.1:$ETCD_PORT" --advertise-client-urls="https://127.0.0.1:$ETCD_PORT" \
      --listen-peer-urls="http://127.0.0.1:$ETCD_PEER_PORT" \
      --initial-advertise-peer-urls="http://127.0.0.1:$ETCD_PEER_PORT" \
      --initial-cluster="etcd=http://127.0.0.1:$ETCD_PEER_PORT" \
      --listen-metrics-urls="http://127.0.0.1:$ETCD_HEALTH_PORT" --quota-backend-bytes=4294967296 \
      --auto-compaction-mode=periodic --auto-compaction-retention=30m --client-cert-auth \
      --trusted-ca-file="$PKI_DIR/ca.crt" --cert-file="$PKI_DIR/etcd.crt" --key-file="$PKI_DIR/etcd.key" ;;
    containerd) printf '%s\n' --config="$CONFIG_DIR/containerd.toml" --log-level=warn ;;
    kube-apiserver) printf '%s\n' --bind-address=0.0.0.0 --secure-port="$API_PORT" --advertise-address="$NODE_IP" \
      --etcd-servers="https://127.0.0.1:$ETCD_PORT" --etcd-cafile="$PKI_DIR/ca.crt" \
      --etcd-certfile="$PKI_DIR/etcd.crt" --etcd-keyfile="$PKI_DIR/etcd.key" \
      --tls-cert-file="$PKI_DIR/apiserver.crt" --tls-private-key-file="$PKI_DIR/apiserver.key" \
      --client-ca-file="$PKI_DIR/ca.crt" --authorization-mode=Node,RBAC --enable-admission-plugins=NodeRestriction \
      --kubelet-certificate-authority="$PKI_DIR/ca.crt" --kubelet-preferred-address-types=InternalIP \
      --kubelet-client-certificate="$PKI_DIR/apiserver-kubelet-client.crt" \
      --kubelet-client-key="$PKI_DIR/apiserver-kubelet-client.key" \
      --requestheader-client-ca-file="$PKI_DIR/ca.crt" --requestheader-allowed-names=front-proxy-client \
      --requestheader-username-headers=X-Remote-User --requestheader-group-headers=X-Remote-Group \
      --requestheader-extra-headers-prefix=X-Remote-Extra- \
      --proxy-client-cert-file="$PKI_DIR/front-proxy.crt" --proxy-client-key-file="$PKI_DIR/front-proxy.key" \
      --service-account-issuer=https://kubernetes.default.svc.cluster.local \
      --service-account-key-file="$PKI_DIR/service-account.pub" \
      --service-account-signing-key-file="$PKI_DIR/service-account.key" --service-cluster-ip-range="$SERVICE_CIDR" \
      --allow-privileged --audit-policy-file="$CONFIG_DIR/audit.yaml" --audit-log-path="$STATE_DIR/audit.log" \
      --audit-log-maxsize=50 --audit-log-maxbackup="${AUDIT_LOG_BACKUPS:-2}" ;;
    kube-controller-manager) printf '%s\n' --kubeconfig="$CONFIG_DIR/$1.kubeconfig" --leader-elect=false \
      --bind-address=127.0.0.1 --secure-port="$CONTROLLER_MANAGER_PORT" --use-service-account-credentials \
      --service-account-private-key-file="$PKI_DIR/service-account.key" --root-ca-file="$PKI_DIR/ca.crt" \
      --cluster-signing-cert-file="$PKI_DIR/ca.crt" --cluster-signing-key-file="$PKI_DIR/ca.key" \
      --cluster-cidr="$POD_CIDR" --allocate-node-cidrs=false \
      --flex-volume-plugin-dir="$STATE_DIR/volume-plugins" --kube-api-qps=200 --kube-api-burst=400 ;;
    kube-scheduler) printf '%s\n' --kubeconfig="$CONFIG_DIR/$1.kubeconfig" --leader-elect=false \
      --bind-address=127.0.0.1 --secure-port="$SCHEDULER_PORT" ;;
    coredns) printf '%s\n' -conf "$CONFIG_DIR/Corefile" ;;
    kube-proxy) printf '%s\n' --config="$CONFIG_DIR/kube-proxy.yaml" ;;
    kubelet) printf '%s\n' --config="$CONFIG_DIR/kubelet.yaml" --kubeconfig="$CONFIG_DIR/kubelet.kubeconfig" \
      --hostname-override="$NODE_NAME" --node-ip="$NODE_IP" --root-dir="$STATE_DIR/kubelet" ;;
    volume-provisioner) printf '%s\n' --kubeconfig="$CONFIG_DIR/$1.kubeconfig" --name="$STORAGE_PROVISIONER" \
      --root="$STATE_DIR/volumes" --node="$NODE_NAME" --health="127.0.0.1:$PROVISIONER_PORT" ;;
  esac
}

is_healthy() {
  is_running "$1" || return 1
  case $1 in
    etcd) http_ok 127.0.0.1 "$ETCD_HEALTH_PORT" /health ;;
    containerd) in_containerd version ;;
    kube-apiserver) admin get --raw /readyz ;;
    kube-controller-manager) https_ok "$CONTROLLER_MANAGER_PORT" ;;
    kube-scheduler) https_ok "$SCHEDULER_PORT" ;;
    coredns) http_ok 127.0.0.1 "$DNS_HEALTH_PORT" /health && dns_answers ;;
    kube-proxy) http_ok 127.0.0.1 "$PROXY_HEALTH_PORT" /healthz ;;
    kubelet) http_ok 127.0.0.1 "$KUBELET_HEALTH_PORT" /healthz ;;
    volume-provisioner) http_ok 127.0.0.1 "$PROVISIONER_PORT" / ;;
    *) return 1 ;;
  esac
}

# wait_healthy NAME [SECONDS]
wait_healthy() {
  try_for "${2:-60}" is_healthy "$1" && return
  note "$1 does not become healthy; the end of $LOG_DIR/$1.log:"
  tail -n 20 "$LOG_DIR/$1.log" >&2 || true
  return 1
}

# stop_component NAME [SIGNAL]: ends it and waits until it is gone.
stop_component() {
  local pids
  mapfile -t pids < <(component_pids "$1")
  ((${#pids[@]})) || return 0
  kill -s "${2:-TERM}" "${pids[@]}" 2>/dev/null || true
  # A stopped process would never see the signal.
  kill -s CONT "${pids[@]}" 2>/dev/null || true
  # An API server would wait a minute for its watches.
  try_for 5 gone "${pids[@]}" || kill -s KILL "${pids[@]}" 2>/dev/null || true
  try_for 15 gone "${pids[@]}"
}

# A process has its ports until its last thread is gone, also when its first one is a zombie already.
gone() {
  local pid threads
  for pid; do
    threads=("/proc/$pid/task"/*)
    [[ ! -e /proc/$pid ]] ||
      [[ $(awk '{print $3}' "/proc/$pid/stat" 2>/dev/null) == Z && ${#threads[@]} -le 1 ]] || return 1
  done
}

admin() { "$BIN_DIR/kubectl" --kubeconfig="$CONFIG_DIR/admin.kubeconfig" --request-timeout=5s "$@"; }

in_containerd() { timeout 60 ctr --address "$CONTAINERD_SOCKET" --namespace k8s.io "$@"; }

https_ok() {
  "$BIN_DIR/kubectl" --server="https://127.0.0.1:$1" --insecure-skip-tls-verify --request-timeout=5s \
    --client-certificate="$PKI_DIR/admin.crt" --client-key="$PKI_DIR/admin.key" get --raw /healthz
}

# http_ok HOST PORT PATH
http_ok() {
  # shellcheck disable=SC2016
  timeout 5 bash -c '
    exec 3<>"/dev/tcp/$0/$1" && printf "GET %s HTTP/1.0\r\n\r\n" "$2" >&3 && read -r _ code _ <&3 && [[ $code == 200 ]]
  ' "$@" 2>/dev/null
}

# Asks for kubernetes.default.svc.cluster.local and wants its address at the end of the answer.
dns_answers() {
  local question='\0\1\1\0\0\1\0\0\0\0\0\0\12kubernetes\7default\3svc\7cluster\5local\0\0\1\0\1' answer
  # shellcheck disable=SC2016
  answer=$(timeout 2 bash -c '
    exec 3<>"/dev/udp/$0/53"
    # dd makes it one datagram; printf alone would cut it at the byte that is also a line feed.
    printf "$1" | dd bs=512 iflag=fullblock status=none >&3
    dd bs=512 count=1 status=none <&3 | od -An -v -tu1 | tr -s " \n" " "
  ' "$NODE_IP" "$question" 2>/dev/null)
  [[ $answer == *" ${API_SERVICE_IP//./ }"* ]]
}

node_ready() {
  [[ $(admin get node "$NODE_NAME" -o 'jsonpath={.status.conditions[?(@.type=="Ready")].status}' 2>/dev/null) == True ]]
}

# The Pods' cgroup is ours alone, beside any other cluster's.
make_cgroup() {
  local root=/sys/fs/cgroup directory
  if [[ -e $root/cgroup.controllers ]]; then
    mkdir -p "$root/$CGROUP"
  else
    for directory in "$root"/*/; do
      mkdir -p "$directory$CGROUP" 2>/dev/null || true
    done
  fi
}
