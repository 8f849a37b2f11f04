# Names and helpers of the demo. Sourced from the top of the repository.
# shellcheck shell=bash

# shellcheck source=tests/environment.sh
source tests/environment.sh

# shellcheck disable=SC2034
RELEASE=zoom-operator NAMESPACE=zoom-operator-system ZOOM=zoom EXAMPLE=quickstart GENERAL=general
# Public address of the consent pages, as in values.yaml.
# shellcheck disable=SC2034
PAGES=http://localhost:8480
# Where `kubectl zoom` is linked.
# shellcheck disable=SC2034
PLUGIN=target/demo/bin
# Marks the namespaces that the demo made, and so may remove.
OURS=zoom-operator.io/demo

# make_namespace NAME: one that holds its Pods to the strictest of the Pod Security Standards.
make_namespace() {
  apply -f - <<YAML
apiVersion: v1
kind: Namespace
metadata:
  name: $1
  labels: {$OURS: "true", pod-security.kubernetes.io/enforce: restricted}
YAML
}

# apply KUBECTL_OPTION...: says only what failed.
apply() { kubectl apply --server-side --force-conflicts --field-manager=zoom-operator-demo "$@" >/dev/null; }

# As a reader of its README would; another field manager leaves our labels on the namespace alone.
apply_example() { kubectl apply --server-side --force-conflicts -f "$1" >/dev/null; }

# offline NAME APP: the manifests of the offline Zoom or of the demo sink, in the namespace NAME.
offline() {
  sed -e "s|localhost/zoom-sim:dev|$SIM_IMAGE|" -e "s|http://zoom-sim\"|http://zoom-sim.$ZOOM.svc\"|" \
    tests/zoom-sim/deploy.yaml | apply -n "$1" -l "app.kubernetes.io/name=$2" -f -
  kubectl rollout status -n "$1" "deployment/$2" --timeout=120s >/dev/null ||
    fail "$2 does not start" "kubectl describe pods -n $1 -l app.kubernetes.io/name=$2"
}

# admin VERB NAMESPACE SERVICE PATH: the admin API of the offline Zoom or the sink, through the API server. Takes the
# body on standard input; VERB is get, create (POST) or replace (PUT).
admin() {
  local path=/api/v1/namespaces/$2/services/http:$3:admin/proxy$4
  if [[ $1 == get ]]; then kubectl get --raw "$path"; else kubectl "$1" --raw "$path" -f -; fi
}

title() { printf '\n=== %s ===\n\n' "$*"; }

# shown COMMAND: the command, and what it says.
shown() {
  printf '$ %s\n' "$1"
  printf '%s\n\n' "$(bash -c "$1")"
}

# alone: waits for end-to-end tests on the same cluster to end, and keeps new ones waiting until this process ends. The
# demo's operator watches all namespaces and would meddle with theirs.
alone() {
  [[ $CLUSTER == local ]] || return 0
  exec 9>.cluster/state/e2e.lock
  # A process of a script that has just ended may hold it for a moment longer.
  flock --timeout 3 9 || {
    step "waiting for end-to-end tests on this cluster to end"
    flock 9
  }
}
