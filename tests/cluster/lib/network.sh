# The bridge that carries the Pods, and what the kernel must do for them.
# shellcheck shell=bash

# The kubelet and we change these; `down` puts the old values back.
SYSCTLS=(net/ipv4/ip_forward net/bridge/bridge-nf-call-iptables net/bridge/bridge-nf-call-ip6tables
  vm/overcommit_memory vm/panic_on_oom kernel/panic kernel/panic_on_oops kernel/keys/root_maxkeys
  kernel/keys/root_maxbytes)

make_network() {
  local name
  if [[ ! -e $SYSCTL_FILE ]]; then
    for name in "${SYSCTLS[@]}"; do
      [[ ! -e /proc/sys/$name ]] || echo "$name $(<"/proc/sys/$name")"
    done >"$SYSCTL_FILE.new"
    mv "$SYSCTL_FILE.new" "$SYSCTL_FILE"
  fi
  echo 1 >/proc/sys/net/ipv4/ip_forward
  # Pods reach each other through Service addresses although they share a bridge.
  echo 1 >/proc/sys/net/bridge/bridge-nf-call-iptables
  ip link show "$BRIDGE" >/dev/null 2>&1 || ip link add "$BRIDGE" type bridge
  ip address replace "$NODE_IP/16" dev "$BRIDGE"
  ip link set "$BRIDGE" up
  # Other software (Docker, a firewall) may drop what is forwarded by default.
  own_rule filter FORWARD -i "$BRIDGE" -j ACCEPT
  own_rule filter FORWARD -o "$BRIDGE" -j ACCEPT
  # An address of a Service that kube-proxy has no rule for, as for a moment after a change, must not be looked for
  # outside: whatever answers there would be taken for the Service.
  own_rule filter OUTPUT -d "$SERVICE_CIDR" -p tcp -j REJECT --reject-with tcp-reset
  own_rule filter FORWARD -d "$SERVICE_CIDR" -p tcp -j REJECT --reject-with tcp-reset
  own_rule nat POSTROUTING -s "$POD_CIDR" ! -d "$POD_CIDR" -j MASQUERADE
}

# own_rule TABLE CHAIN RULE...: a rule that names us, so that it can be removed.
own_rule() {
  local rule=("${@:3}" -m comment --comment "$NETWORK_NAME")
  iptables -w -t "$1" -C "$2" "${rule[@]}" 2>/dev/null || iptables -w -t "$1" -I "$2" "${rule[@]}"
}

remove_network() {
  local links name value
  ip link show "$BRIDGE" >/dev/null 2>&1 && {
    mapfile -t links < <(ip -o link show master "$BRIDGE" | sed -E 's/^[0-9]+: ([^@:]+).*/\1/')
    for name in "${links[@]}" "$BRIDGE"; do ip link delete "$name" 2>/dev/null || true; done
  }
  remove_rules iptables
  remove_rules ip6tables
  [[ ! -e $SYSCTL_FILE ]] || while read -r name value; do
    # A value that may not be written was not changed either.
    echo "$value" 2>/dev/null >"/proc/sys/$name" || true
  done <"$SYSCTL_FILE"
  rm -f "$SYSCTL_FILE"
}

# Removes the chains of kube-proxy, the rules that lead to them, and ours; nothing else is touched.
remove_rules() {
  local table script
  type -P "$1-save" >/dev/null || return 0
  for table in filter nat mangle raw; do
    script=$("$1-save" -t $table 2>/dev/null | awk -v own="$NETWORK_NAME" '
      /^:KUBE-/ { chains[$1] = substr($1, 2) }
      /^-A KUBE-/ { next }
      / -j KUBE-/ || index($0, "--comment " own " ") || index($0, "--comment \"" own "\"") { sub(/^-A/, "-D"); print }
      END {
        for (declared in chains) print declared " - [0:0]"
        for (declared in chains) print "-X " chains[declared]
      }') || continue
    [[ -z $script ]] || printf '*%s\n%s\nCOMMIT\n' $table "$script" | "$1-restore" --noflush --wait
  done
}
