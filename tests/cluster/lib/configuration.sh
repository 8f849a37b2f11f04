# The components' configuration files.
# shellcheck shell=bash

write_configuration() {
  mkdir -p "$CONFIG_DIR/cni" "$LOG_DIR"
  local name
  for name in admin kube-controller-manager kube-scheduler kube-proxy kubelet coredns volume-provisioner; do
    kubeconfig $name "$CONFIG_DIR/$name.kubeconfig"
  done
  audit_policy >"$CONFIG_DIR/audit.yaml"
  containerd_configuration >"$CONFIG_DIR/containerd.toml"
  cni_configuration >"$CONFIG_DIR/cni/10-bridge.conflist"
  kubelet_configuration >"$CONFIG_DIR/kubelet.yaml"
  proxy_configuration >"$CONFIG_DIR/kube-proxy.yaml"
  dns_configuration >"$CONFIG_DIR/Corefile"
  echo "nameserver $NODE_IP" >"$CONFIG_DIR/resolv.conf"
}

# Enough to prove who wrote what, that nothing was written, and what Pods read.
audit_policy() {
  cat <<YAML
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
  - level: Metadata
    verbs: [create, update, patch, delete, deletecollection]
    resources:
      - {group: ""}
      - {group: apps}
      - {group: coordination.k8s.io}
      - {group: events.k8s.io}
      - {group: zoom-operator.io}
  - level: Metadata
    verbs: [get, list, watch]
    userGroups: [system:serviceaccounts]
  - level: None
YAML
}

# Everything, network namespaces and the runtime's state included, lies below the state directory.
# restrict_oom_score_adj: without CAP_SYS_RESOURCE no container would start otherwise.
containerd_configuration() {
  cat <<TOML
version = 2
root = "$STATE_DIR/containerd/root"
state = "$STATE_DIR/containerd/state"

[grpc]
address = "$CONTAINERD_SOCKET"

[plugins."io.containerd.internal.v1.opt"]
path = "$STATE_DIR/containerd/opt"

[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "$PAUSE_IMAGE"
restrict_oom_score_adj = true
netns_mounts_under_state_dir = true

[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "$(cni_plugins)"
conf_dir = "$CONFIG_DIR/cni"

[plugins."io.containerd.grpc.v1.cri".containerd]
snapshotter = "$(snapshotter)"

[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"

[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
Root = "$STATE_DIR/containerd/runc"
SystemdCgroup = false
TOML
}

cni_plugins() {
  local directory
  for directory in /usr/lib/cni /opt/cni/bin; do
    [[ ! -x $directory/bridge ]] || break
  done
  echo $directory
}

# Overlay does not lie on overlay, as in a container that runs the tests.
snapshotter() {
  local probe=$STATE_DIR/overlay-probe
  mkdir -p "$probe"/{lower,upper,work,merged}
  if mount -t overlay overlay -o "lowerdir=$probe/lower,upperdir=$probe/upper,workdir=$probe/work" "$probe/merged" \
    2>/dev/null; then
    umount "$probe/merged"
    echo overlayfs
  else
    echo native
  fi
  rm -rf "$probe"
}

cni_configuration() {
  cat <<JSON
{
  "cniVersion": "0.4.0",
  "name": "$NETWORK_NAME",
  "plugins": [{
    "type": "bridge",
    "bridge": "$BRIDGE",
    "isGateway": true,
    "hairpinMode": true,
    "ipam": {
      "type": "host-local",
      "dataDir": "$STATE_DIR/cni",
      "ranges": [[{"subnet": "$POD_CIDR", "rangeStart": "${NODE_IP%.*}.10", "gateway": "$NODE_IP"}]],
      "routes": [{"dst": "0.0.0.0/0"}]
    }
  }]
}
JSON
}

# Images come from archives and could not be pulled again, so they are not collected as garbage. The limits on free
# space are absolute so that a developer's fairly full disk still carries a node.
kubelet_configuration() {
  cat <<YAML
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
address: $NODE_IP
port: $KUBELET_PORT
healthzPort: $KUBELET_HEALTH_PORT
authentication:
  anonymous: {enabled: false}
  webhook: {enabled: true}
  x509: {clientCAFile: $PKI_DIR/ca.crt}
authorization: {mode: Webhook}
tlsCertFile: $PKI_DIR/kubelet.crt
tlsPrivateKeyFile: $PKI_DIR/kubelet.key
containerRuntimeEndpoint: unix://$CONTAINERD_SOCKET
cgroupDriver: cgroupfs
cgroupRoot: /$CGROUP
failCgroupV1: false
failSwapOn: false
makeIPTablesUtilChains: false
oomScoreAdj: 0
maxPods: 250
clusterDNS: [$NODE_IP]
clusterDomain: cluster.local
resolvConf: $CONFIG_DIR/resolv.conf
podLogsDir: $STATE_DIR/pod-logs
volumePluginDir: $STATE_DIR/volume-plugins
imageGCHighThresholdPercent: 100
serializeImagePulls: false
evictionHard: {memory.available: 100Mi, nodefs.available: 500Mi, imagefs.available: 500Mi, nodefs.inodesFree: 1%}
YAML
}

# Zeros leave the machine's connection tracking as it is.
proxy_configuration() {
  cat <<YAML
apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
mode: iptables
clusterCIDR: $POD_CIDR
hostnameOverride: $NODE_NAME
clientConnection: {kubeconfig: $CONFIG_DIR/kube-proxy.kubeconfig}
healthzBindAddress: 127.0.0.1:$PROXY_HEALTH_PORT
metricsBindAddress: 127.0.0.1:$PROXY_METRICS_PORT
oomScoreAdj: 0
iptables: {localhostNodePorts: false, minSyncPeriod: 100ms}
conntrack: {maxPerCore: 0, min: 0, tcpEstablishedTimeout: 0s, tcpCloseWaitTimeout: 0s}
YAML
}

dns_configuration() {
  cat <<CORE
.:53 {
    bind $NODE_IP
    errors
    health 127.0.0.1:$DNS_HEALTH_PORT
    kubernetes cluster.local in-addr.arpa ip6.arpa {
        kubeconfig $CONFIG_DIR/coredns.kubeconfig
        pods insecure
        ttl 5
    }
$(! grep -q '^nameserver' /etc/resolv.conf 2>/dev/null || echo '    forward . /etc/resolv.conf')
    cache 5
}
CORE
}
