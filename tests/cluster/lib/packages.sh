# Debian packages, those of a node and others'.
# shellcheck shell=bash

# command or file = package
# shellcheck disable=SC2034
NODE_PACKAGES=(containerd=containerd containerd-shim-runc-v2=containerd ctr=containerd runc=runc iptables=iptables
  conntrack=conntrack ip=iproute2 ss=iproute2 buildah=buildah openssl=openssl setpriv=util-linux cc=gcc
  /usr/include/stdlib.h=libc6-dev /usr/lib/cni/bridge=containernetworking-plugins)

# missing_packages ENTRY...: packages whose command or file is not there.
missing_packages() {
  local entry
  for entry; do
    [[ -e ${entry%=*} ]] || type -P "${entry%=*}" >/dev/null || echo "${entry#*=}"
  done | sort -u
}

# install_packages ENTRY...: those of them that are missing.
install_packages() {
  local packages log
  mapfile -t packages < <(missing_packages "$@")
  if ((${#packages[@]} == 0)); then return; fi
  type -P apt-get >/dev/null || cannot_run_here "there is no apt-get here to install ${packages[*]}."
  step "installing ${packages[*]}"
  log=$(mktemp)
  without_services apt_install "$log" "${packages[@]}" || {
    tail -n 20 "$log" >&2
    fail "apt-get could not install ${packages[*]}"
  }
  rm -f "$log"
}

apt_install() {
  export DEBIAN_FRONTEND=noninteractive
  run_with_pulse "$1" apt-get update &&
    run_with_pulse "$1" apt-get install -y --no-install-recommends "${@:2}"
}

# Packages start their services when installed; the cluster runs a containerd of its own.
without_services() (
  policy=/usr/sbin/policy-rc.d
  if [[ ! -e $policy ]]; then
    trap 'rm -f "$policy"' EXIT
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
  fi
  "$@"
)
