# One authority for the cluster, a certificate and a kubeconfig for each component.
# shellcheck shell=bash

make_certificates() {
  [[ ! -d $PKI_DIR ]] || return 0
  local new=$PKI_DIR.new
  rm -rf "$new"
  mkdir -m 700 "$new"
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650 -subj /CN=zoom-operator-cluster \
    -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign,cRLSign \
    -keyout "$new/ca.key" -out "$new/ca.crt" 2>/dev/null
  certificate apiserver /CN=kube-apiserver "IP:127.0.0.1,IP:$NODE_IP,IP:$API_SERVICE_IP,DNS:localhost,DNS:kubernetes,\
DNS:kubernetes.default,DNS:kubernetes.default.svc,DNS:kubernetes.default.svc.cluster.local"
  certificate apiserver-kubelet-client /O=system:masters/CN=kube-apiserver-kubelet-client
  certificate etcd /CN=etcd IP:127.0.0.1
  certificate front-proxy /CN=front-proxy-client
  certificate admin /O=system:masters/CN=admin
  certificate kube-controller-manager /CN=system:kube-controller-manager
  certificate kube-scheduler /CN=system:kube-scheduler
  certificate kube-proxy /CN=system:kube-proxy
  certificate coredns /CN=system:coredns
  certificate volume-provisioner /CN=system:volume-provisioner
  certificate kubelet "/O=system:nodes/CN=system:node:$NODE_NAME" "IP:$NODE_IP,DNS:$NODE_NAME"
  openssl genrsa -out "$new/service-account.key" 2048 2>/dev/null
  openssl rsa -in "$new/service-account.key" -pubout -out "$new/service-account.pub" 2>/dev/null
  mv "$new" "$PKI_DIR"
}

# certificate NAME SUBJECT [SUBJECT_ALTERNATIVE_NAMES]
certificate() {
  local base=$PKI_DIR.new/$1
  openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "$2" -keyout "$base.key" -out "$base.csr" \
    2>/dev/null
  openssl x509 -req -in "$base.csr" -CA "$PKI_DIR.new/ca.crt" -CAkey "$PKI_DIR.new/ca.key" -CAcreateserial -days 3650 \
    -out "$base.crt" -extfile <(
      printf '%s\n' keyUsage=critical,digitalSignature extendedKeyUsage=serverAuth,clientAuth
      [[ -z ${3-} ]] || printf 'subjectAltName=%s\n' "$3"
    ) 2>/dev/null
  rm "$base.csr"
}

# kubeconfig NAME FILE: the credentials of component NAME, readable by their owner only
kubeconfig() {
  local ca crt key
  ca=$(base64 -w0 <"$PKI_DIR/ca.crt")
  crt=$(base64 -w0 <"$PKI_DIR/$1.crt")
  key=$(base64 -w0 <"$PKI_DIR/$1.key")
  (
    umask 077
    cat >"$2.new" <<YAML
apiVersion: v1
kind: Config
current-context: zoom-operator
clusters:
  - name: zoom-operator
    cluster: {server: "https://127.0.0.1:$API_PORT", certificate-authority-data: $ca}
users:
  - name: $1
    user: {client-certificate-data: $crt, client-key-data: $key}
contexts:
  - name: zoom-operator
    context: {cluster: zoom-operator, user: $1}
YAML
  )
  mv "$2.new" "$2"
}
