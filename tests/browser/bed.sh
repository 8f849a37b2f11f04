# shellcheck shell=bash disable=SC2154
# Where the walk takes place: a namespace with the offline Zoom and an operator by the chart.

SYSTEM="zoom-operator-system"
REPLICAS="zoom-operator.io/e2e-replicas"

# End-to-end tests that need the cluster to themselves are waited for, and wait for us.
wait_for_turn() {
  [[ -d .cluster/state ]] || return 0
  exec 6>>.cluster/state/e2e.lock 7>>.cluster/state/e2e-turn.lock
  flock --shared 6
  flock --shared --nonblock 7 || {
    step "waiting for end-to-end tests that need the cluster to themselves"
    flock --shared 7
  }
}

make_bed() {
  local image=${E2E_IMAGE:-localhost/zoom-operator:dev} sim=${E2E_SIM_IMAGE:-localhost/zoom-sim:dev}
  local zoom=http://zoom-sim.$namespace.svc
  local picked="image.repository=${image%:*},image.tag=${image##*:}"
  [[ $image != *@* ]] || picked="image.repository=${image%@*},image.digest=${image#*@}"
  [[ -z ${E2E_RECEIVER_IMAGE-} ]] || picked+=",receiver.image=$E2E_RECEIVER_IMAGE"
  define
  silence
  step "namespace $namespace"
  kubectl create namespace "$namespace" >/dev/null
  kubectl create namespace "$customers" >/dev/null
  if [[ ${BROWSER_KEEP:-} ]]; then
    undo+=("step 'kept for you: namespaces $namespace and $customers'")
  else
    undo+=("kubectl delete namespace $namespace $customers --wait=false >/dev/null")
    # The controller's last deed: connections may have a finalizer.
    undo+=("kubectl delete zconn,zint --all -n $namespace --timeout=30s >/dev/null")
    undo+=("kubectl delete zconn --all -n $customers --timeout=30s >/dev/null")
  fi
  sed "s|localhost/zoom-sim:dev|$sim|
       s|http://zoom-sim\"|$zoom\"|" tests/zoom-sim/deploy.yaml | kubectl apply -n "$namespace" -f - >/dev/null
  # Network policies judge the Pod's port, not the Service's: 8080 is the offline Zoom's.
  helm install zoom-operator charts/zoom-operator -n "$namespace" --hide-notes \
    --set "$picked,watchNamespaces={$namespace,$customers},replicas=1,leaderElection.leaseDuration=45,crds.enabled=false" \
    --set "networkPolicy.extraEgressPorts={8080},receiver.reachability.enabled=false,zoom.oauthUrl=$zoom,zoom.apiUrl=$zoom" \
    --set "connect.acceptConnections[0].namespace=$customers,connect.acceptConnections[0].from=$namespace" \
    --set "connect.url=https://connect.test,logging.level=info\\,zoom_operator=debug" >/dev/null 2>"$work/helm" ||
    fail "the operator cannot be installed" "$(<"$work/helm")"
  step "waiting for the operator, the pages and the offline Zoom"
  # The kubelet looks again after a minute or two for a Secret that was missing when a Pod began, so the pages' begin
  # again once there are keys.
  try_for 120 kubectl get secret zoom-operator-connect-keys -n "$namespace" ||
    fail "the controller makes no keys for the pages" "kubectl get pods -n $namespace"
  kubectl delete pods -n "$namespace" -l app.kubernetes.io/component=connect --wait=false >/dev/null
  for deployment in zoom-sim zoom-operator zoom-operator-connect; do
    kubectl rollout status "deployment/$deployment" -n "$namespace" --timeout=120s >/dev/null
  done
}

# The definitions of this checkout. Their fields are given up again: a release may own them.
define() {
  local manager=zoom-operator-browser
  kubectl apply --server-side --force-conflicts --field-manager=$manager -f crds >/dev/null
  kubectl wait --for=condition=Established --timeout=60s -f crds >/dev/null
  for name in zoomintegrations zoomconnections; do
    kubectl get "crd/$name.zoom-operator.io" --show-managed-fields -o json | node -e '
      const { metadata } = JSON.parse(require("fs").readFileSync(0));
      const managedFields = metadata.managedFields.filter(({ manager }) => manager !== process.argv[1]);
      console.log(JSON.stringify({ metadata: { managedFields } }));' $manager >"$work/fields"
    kubectl patch "crd/$name.zoom-operator.io" --type=merge --patch-file "$work/fields" >/dev/null
  done
}

# An operator for the whole cluster would fight over our objects: it rests for the time being. The last run on this
# machine wakes it, ours or the end-to-end tests', which note down in the same place how many replicas it had.
silence() {
  local name replicas patch
  undo+=(wake)
  while read -r name replicas; do
    ((replicas > 0)) || continue
    step "stopping $name in $SYSTEM for the time of the tests"
    patch="{\"metadata\":{\"annotations\":{\"$REPLICAS\":\"$replicas\"}},\"spec\":{\"replicas\":0}}"
    kubectl patch "deployment/$name" -n $SYSTEM --type=merge --patch="$patch" >/dev/null
    kubectl wait pods -n $SYSTEM -l app.kubernetes.io/component=controller --for=delete --timeout=60s >/dev/null
  done < <(controllers .spec.replicas)
}

wake() {
  local name replicas patch
  if [[ -d .cluster/state ]]; then
    flock --unlock 6
    flock --exclusive --nonblock 6 || return 0
  fi
  while read -r name replicas; do
    [[ $replicas =~ ^[0-9]+$ ]] || continue
    patch="{\"metadata\":{\"annotations\":{\"$REPLICAS\":null}},\"spec\":{\"replicas\":$replicas}}"
    kubectl patch "deployment/$name" -n $SYSTEM --type=merge --patch="$patch" >/dev/null
  done < <(controllers ".metadata.annotations.${REPLICAS//./\\.}")
}

# controllers FIELD: name and field of each controller for the whole cluster.
controllers() {
  kubectl get deployments -n $SYSTEM -l app.kubernetes.io/component=controller --no-headers \
    -o "custom-columns=:metadata.name,:$1" 2>/dev/null
}
