# shellcheck shell=bash disable=SC2154
# A ServerToServer integration on a cluster, and what the outside clients say to the token in its Secret.

cluster_part() {
  local namespace=${PEERS_NAMESPACE:-} name=${PEERS_SECRET:-} secret sim sim_namespace zoom app=()
  PATH=$PATH:$repo/.cluster/bin
  if [[ -z ${KUBECONFIG:-} ]]; then
    result "skip cluster: KUBECONFIG is not set"
    return
  fi
  kubectl version --request-timeout=20s >/dev/null || fail "the cluster of KUBECONFIG does not answer"
  python_peers
  if [[ -z $namespace || -z $name ]]; then
    namespace=peers-$(python3 -c 'import secrets; print(secrets.token_hex(4))')
    name=peers-zoom-token
    if ! connect "$namespace"; then
      kubectl get pods,zint -n "$namespace" -o wide >&2 || true
      result "FAIL cluster/an-integration-becomes-ready: see above"
      return
    fi
    result "ok cluster/an-integration-becomes-ready"
    app=(--app "$namespace")
  fi

  secret=$(kubectl get secret "$name" -n "$namespace" -o json)
  # The Service is where the Secret says.
  IFS=. read -r sim sim_namespace _ <<<"$(python3 -c 'import base64, json, sys, urllib.parse
url = base64.b64decode(json.load(sys.stdin)["data"]["api-url"]).decode()
print(urllib.parse.urlsplit(url).hostname)' <<<"$secret")"
  kubectl port-forward "service/$sim" -n "${sim_namespace:-$namespace}" --address 127.0.0.1 :80 :8081 \
    >"$work/forward.log" 2>&1 &
  pids+=($!)
  zoom=$(word_of "${pids[-1]}" "$work/forward.log" 'from ([0-9.:]+) -> 80(80)?$')
  if [[ -n ${app[*]} ]]; then
    app+=(--admin "http://$(word_of "${pids[-1]}" "$work/forward.log" 'from ([0-9.:]+) -> 8081$')")
  fi
  step "judging the token"
  judge cluster/tokens "$venv/bin/python" "$here/tokens.py" --prefix cluster --dial "$zoom" "${app[@]}" <<<"$secret"
}

# Makes the namespace with everything that the integration needs, and waits until it is connected.
connect() {
  local namespace=$1 zoom_namespace=$1 client_secret proxy
  client_secret=$(python3 -c 'import secrets; print(secrets.token_urlsafe(24))')
  step "namespace $namespace"
  undo+=("step 'removing namespace $namespace'; kubectl delete namespace $namespace --timeout=${limit}s")
  kubectl create namespace "$namespace" >&2 || return
  if cluster_wide_operator; then
    step "using the operator in zoom-operator-system and the offline Zoom in zoom"
    zoom_namespace=zoom
  else
    install "$namespace" || return
  fi

  # The app, told to the offline Zoom through the API server.
  proxy=/api/v1/namespaces/$zoom_namespace/services/http:zoom-sim:admin/proxy/apps/$namespace
  kubectl replace --raw "$proxy" -f - >/dev/null <<END || return
{"kind": "ServerToServer", "client_secret": "$client_secret", "account_id": "peers-account",
 "scopes": ["user:read:list_users:admin", "meeting:read:list_meetings:admin"]}
END
  undo+=("kubectl delete --raw $proxy")
  undo+=("kubectl delete zint --all -n $namespace --timeout=${limit}s")
  kubectl apply -n "$namespace" -f - >&2 <<END || return
apiVersion: v1
kind: Secret
metadata: {name: peers}
stringData:
  client-id: $namespace
  client-secret: $client_secret
  account-id: peers-account
---
apiVersion: zoom-operator.io/v1alpha1
kind: ZoomIntegration
metadata: {name: peers}
spec:
  app: {kind: ServerToServer}
  credentials: {secretRef: {name: peers}}
  scopes: {required: ["user:read:list_users:admin", "meeting:read:list_meetings:admin"]}
END
  step "waiting for the integration"
  kubectl wait zint/peers -n "$namespace" --for=condition=Ready --timeout="${limit}s" >&2
}

# Whether the demo's operator serves every namespace: a second one would fight with it.
cluster_wide_operator() {
  kubectl get deployments -n zoom-operator-system -o json | python3 -c 'import json, sys
pods = [deployment["spec"]["template"]["spec"] for deployment in json.load(sys.stdin)["items"]]
words = [word for pod in pods for container in pod["containers"] for word in container.get("args", [])]
sys.exit("controller" not in words or any(word.startswith("--watch-namespaces") for word in words))'
}

# An operator for this namespace only, and the offline Zoom.
install() {
  local namespace=$1 crds=true
  local image=${IMAGE:-localhost/zoom-operator:${IMAGE_TAG:-dev}} sim=${SIM_IMAGE:-localhost/zoom-sim:${IMAGE_TAG:-dev}}
  local picked="image.repository=${image%:*},image.tag=${image##*:}"
  [[ $image != *@* ]] || picked="image.repository=${image%@*},image.digest=${image#*@}"
  [[ -z ${RECEIVER_IMAGE-} ]] || picked+=",receiver.image=$RECEIVER_IMAGE"
  step "installing the operator and the offline Zoom"
  sed "s|localhost/zoom-sim:dev|$sim|
       s|http://zoom-sim\"|http://zoom-sim.$namespace.svc\"|" tests/zoom-sim/deploy.yaml |
    kubectl apply -n "$namespace" -f - >&2 || return
  ! kubectl get crd zoomintegrations.zoom-operator.io >/dev/null 2>&1 || crds=false
  undo+=("helm uninstall peers -n $namespace --wait --timeout ${limit}s")
  # Network policies judge the Pod's port, not the Service's: 8080 is the offline Zoom's.
  local zoom=http://zoom-sim.$namespace.svc
  helm install peers charts/zoom-operator -n "$namespace" --hide-notes --wait --timeout "${limit}s" \
    --set "$picked,watchNamespaces={$namespace},replicas=1,networkPolicy.extraEgressPorts={8080},receiver.reachability.enabled=false" \
    --set "crds.enabled=$crds,crds.keep=false,zoom.oauthUrl=$zoom,zoom.apiUrl=$zoom" >/dev/null || return
  kubectl rollout status deployment/zoom-sim -n "$namespace" --timeout="${limit}s" >&2
}
