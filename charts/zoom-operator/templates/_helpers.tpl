{{- define "zoom-operator.name" -}}
{{- .Values.nameOverride | default .Chart.Name | trunc 48 | trimSuffix "-" -}}
{{- end }}

{{- /* Short enough that every suffix used with it still makes a valid Service and Lease name. */ -}}
{{- define "zoom-operator.fullname" -}}
{{- $name := include "zoom-operator.name" . -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride -}}
{{- else if contains $name .Release.Name -}}
{{- .Release.Name | trunc 48 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 48 | trimSuffix "-" -}}
{{- end -}}
{{- end }}

{{- /* The parts of the release, each with Pods of its own: the controller, and connect if it has an address.
       What follows takes one part: (list $root "controller"). */ -}}
{{- define "zoom-operator.parts" -}}
{{- include "zoom-operator.connectUrl" . | empty | ternary (list "controller") (list "controller" "connect") | toJson -}}
{{- end }}

{{- define "zoom-operator.partName" -}}
{{- $root := first . -}}
{{- eq (last .) "controller" | ternary "" (printf "-%s" (last .)) | printf "%s%s" (include "zoom-operator.fullname" $root) -}}
{{- end }}

{{- /* The headless Service over a part's admin ports; connect's plain name is that of its pages. */ -}}
{{- define "zoom-operator.adminService" -}}
{{- include "zoom-operator.partName" . -}}{{- eq (last .) "connect" | ternary "-admin" "" -}}
{{- end }}

{{- define "zoom-operator.selectorLabels" -}}
{{- $root := first . -}}
app.kubernetes.io/name: {{ include "zoom-operator.name" $root }}
app.kubernetes.io/instance: {{ $root.Release.Name }}
app.kubernetes.io/component: {{ last . }}
{{- end }}

{{- define "zoom-operator.labels" -}}
{{- $root := first . -}}
{{- $own := include "zoom-operator.selectorLabels" . | fromYaml -}}
{{- $_ := set $own "helm.sh/chart" (printf "%s-%s" $root.Chart.Name $root.Chart.Version | replace "+" "_" | trunc 63) -}}
{{- $_ := set $own "app.kubernetes.io/version" ($root.Chart.AppVersion | replace "+" "_" | trunc 63) -}}
{{- $_ := set $own "app.kubernetes.io/managed-by" $root.Release.Service -}}
{{- $_ := set $own "app.kubernetes.io/part-of" "zoom-operator" -}}
{{- toYaml (merge $own $root.Values.commonLabels) -}}
{{- end }}

{{- /* Which objects the release serves, as arguments. */ -}}
{{- define "zoom-operator.scope" -}}
{{- $args := list -}}
{{- with .Values.watchNamespaces -}}
{{- $args = append $args (printf "--watch-namespaces=%s" (join "," .)) -}}
{{- end -}}
{{- with .Values.watchNamespaceSelector -}}
{{- if $.Values.watchNamespaces -}}
{{- fail "watchNamespaces and watchNamespaceSelector are both set: choose one" -}}
{{- end -}}
{{- $args = append $args (printf "--watch-namespace-selector=%s" (toJson .)) -}}
{{- end -}}
{{- with .Values.operatorClass -}}
{{- $args = append $args (printf "--operator-class=%s" .) -}}
{{- end -}}
{{- with $args -}}
{{- toYaml . -}}
{{- end -}}
{{- end }}

{{/* The image of the tenants' receivers. */}}
{{- define "zoom-operator.receiverImage" -}}
{{- with .Values.receiver.image -}}
{{- if eq (regexReplaceAll "(:[A-Za-z0-9_][A-Za-z0-9._-]*)?(@.*)?$" . "") $.Values.image.repository -}}
{{- fail (printf "receiver.image is %s, the operator's own image, which no longer contains the receiver: remove receiver.image, or name an image built from the target zoom-receiver, such as %s-receiver:%s" . $.Values.image.repository ($.Values.image.tag | default $.Chart.AppVersion)) -}}
{{- end -}}
{{- . -}}
{{- else -}}
{{- if .Values.image.digest -}}
{{- fail "image.digest is set, so receiver.image is required: name the receivers' image too, for example REPOSITORY-receiver@sha256:..." -}}
{{- else -}}
{{- printf "%s-receiver:%s" .Values.image.repository (.Values.image.tag | default .Chart.AppVersion) -}}
{{- end -}}
{{- end -}}
{{- end }}

{{- define "zoom-operator.image" -}}
{{- if .Values.image.digest -}}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest -}}
{{- else -}}
{{- printf "%s:%s" .Values.image.repository (.Values.image.tag | default .Chart.AppVersion) -}}
{{- end -}}
{{- end }}

{{- define "zoom-operator.serviceAccountName" -}}
{{- $root := first . -}}
{{- $connect := eq (last .) "connect" -}}
{{- $account := (ternary $root.Values.connect $root.Values $connect).serviceAccount -}}
{{- $name := $account.name -}}
{{- if $account.create -}}
{{- $name = $name | default (include "zoom-operator.partName" .) -}}
{{- else if not $name -}}
{{- fail (printf "%sserviceAccount.name is needed when %[1]sserviceAccount.create is false" ($connect | ternary "connect." "")) -}}
{{- end -}}
{{- if and $connect (eq $name (include "zoom-operator.serviceAccountName" (list $root "controller"))) -}}
{{- fail (printf "connect.serviceAccount.name is %s, the controller's: the pages must not run with the controller's permissions" $name) -}}
{{- end -}}
{{- $name -}}
{{- end }}

{{- define "zoom-operator.podMetadata" -}}
{{- $root := first . -}}
{{- $values := eq (last .) "connect" | ternary $root.Values.connect $root.Values -}}
labels: {{- merge (include "zoom-operator.labels" . | fromYaml) $values.podLabels | toYaml | nindent 2 }}
annotations:
  kubectl.kubernetes.io/default-container: {{ last . }}
  {{- if and (eq (last .) "controller") $root.Values.caBundle }}
  # The certificates are read at the start: other ones mean other Pods.
  zoom-operator.io/ca-bundle: {{ sha256sum $root.Values.caBundle | trunc 16 | quote }}
  {{- end }}
  {{- with $values.podAnnotations }}{{ toYaml . | nindent 2 }}{{ end }}
{{- end }}

{{- /* A security context for a part: its own or that of the release, without the fields that are null, and on OpenShift
       without the release's ids.
       Takes (list $root part "podSecurityContext"). */ -}}
{{- define "zoom-operator.securityContext" -}}
{{- $root := first . -}}
{{- $part := index . 1 -}}
{{- $all := index $root.Values (last .) | default dict -}}
{{- if $root.Values.openshift -}}
{{- $all = omit $all "runAsUser" "runAsGroup" "fsGroup" -}}
{{- end -}}
{{- $own := dict -}}
{{- if ne $part "controller" -}}
{{- $own = index (index $root.Values $part) (last .) -}}
{{- end -}}
{{- $fields := dict -}}
{{- range $name, $value := $own | default $all -}}
{{- if not (kindIs "invalid" $value) -}}
{{- $_ := set $fields $name $value -}}
{{- end -}}
{{- end -}}
{{- toJson $fields -}}
{{- end }}

{{- /* Families of a Service, from the values beside it. */ -}}
{{- define "zoom-operator.ipFamilies" -}}
{{- with .ipFamilyPolicy }}
ipFamilyPolicy: {{ . }}
{{- end }}
{{- with .ipFamilies }}
ipFamilies: {{ toJson . }}
{{- end }}
{{- end }}

{{- /* Identity, hardening and scheduling of a part's Pods. */ -}}
{{- define "zoom-operator.podFields" -}}
{{- $root := first . -}}
{{- $values := eq (last .) "connect" | ternary $root.Values.connect $root.Values -}}
serviceAccountName: {{ include "zoom-operator.serviceAccountName" . }}
automountServiceAccountToken: true
enableServiceLinks: false
securityContext: {{- include "zoom-operator.securityContext" (list $root (last .) "podSecurityContext") | fromJson | toYaml | nindent 2 }}
{{- with $root.Values.imagePullSecrets }}
imagePullSecrets: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.hostAliases }}
hostAliases: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.dnsPolicy }}
dnsPolicy: {{ . }}
{{- end }}
{{- with $values.dnsConfig }}
dnsConfig: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with $values.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.topologySpreadConstraints }}
topologySpreadConstraints: {{- toYaml . | nindent 2 }}
{{- end }}
affinity:
  {{- with $values.affinity }}{{ toYaml . | nindent 2 }}{{ else }}
  podAntiAffinity:
    preferredDuringSchedulingIgnoredDuringExecution:
    - weight: 100
      podAffinityTerm:
        topologyKey: kubernetes.io/hostname
        labelSelector:
          matchLabels: {{- include "zoom-operator.selectorLabels" . | nindent 12 }}
  {{- end }}
{{- end }}

{{- /* Image, probes and hardening of a part's container. The admin port is called admin in all of them. */ -}}
{{- define "zoom-operator.containerFields" -}}
{{- $root := first . -}}
{{- $values := eq (last .) "connect" | ternary $root.Values.connect $root.Values -}}
image: {{ include "zoom-operator.image" $root }}
imagePullPolicy: {{ $root.Values.image.pullPolicy }}
livenessProbe:
  httpGet: {path: /live, port: admin}
  periodSeconds: 10
  timeoutSeconds: 3
  failureThreshold: 3
readinessProbe:
  httpGet: {path: /ready, port: admin}
  periodSeconds: 5
  timeoutSeconds: 3
  failureThreshold: 3
securityContext: {{- include "zoom-operator.securityContext" (list $root (last .) "containerSecurityContext") | fromJson | toYaml | nindent 2 }}
resources: {{- toYaml $values.resources | nindent 2 }}
{{- end }}

{{- /* What all receivers have besides, as the controller's flag takes it. */ -}}
{{- define "zoom-operator.receiverDefaults" -}}
{{- $r := .Values.receiver -}}
{{- $result := dict
  "podSecurityContext" (include "zoom-operator.securityContext" (list . "receiver" "podSecurityContext") | fromJson)
  "containerSecurityContext" (include "zoom-operator.securityContext" (list . "receiver" "containerSecurityContext") | fromJson) -}}
{{- range $key := list "commonLabels" "podLabels" "podAnnotations" "resources" "nodeSelector" "tolerations" "affinity" "topologySpreadConstraints" "priorityClassName" -}}
{{- with index $r $key }}{{ $_ := set $result $key . }}{{ end -}}
{{- end -}}
{{- /* OpenShift makes no Route of an Ingress with an exact path. */ -}}
{{- if .Values.openshift }}{{ $_ := set $result "ingressPathType" "Prefix" }}{{ end -}}
{{- $service := include "zoom-operator.ipFamilies" $r.service | fromYaml | default dict -}}
{{- with $r.service.annotations }}{{ $_ := set $service "annotations" . }}{{ end -}}
{{- if ne $r.service.type "ClusterIP" }}{{ $_ := set $service "type" $r.service.type }}{{ end -}}
{{- with $service }}{{ $_ := set $result "service" . }}{{ end -}}
{{- /* Kubernetes would expand $(NAME) in an argument. */ -}}
{{- toJson $result | replace "$(" "$$(" -}}
{{- end }}

{{- /* TCP port of a URL, also when it is not written. */ -}}
{{- define "zoom-operator.port" -}}
{{- $url := urlParse . -}}
{{- if regexMatch ":[0-9]+$" $url.host -}}
{{- regexFind "[0-9]+$" $url.host -}}
{{- else -}}
{{- eq $url.scheme "http" | ternary "80" "443" -}}
{{- end -}}
{{- end }}

{{- /* What a part has of extraArgs, extraEnv, extraVolumes and extraVolumeMounts: (list $root part "extraArgs"). */ -}}
{{- define "zoom-operator.extra" -}}
{{- $root := first . -}}
{{- $values := eq (index . 1) "connect" | ternary $root.Values.connect $root.Values -}}
{{- with index $values (last .) }}{{ toYaml . }}{{ end -}}
{{- end }}

{{- /* ConfigMap with the authorities that are trusted for Zoom's hosts; empty: there are none. */ -}}
{{- define "zoom-operator.caBundleConfigMap" -}}
{{- if and .Values.caBundle .Values.caBundleConfigMap.name -}}
{{- fail "caBundle and caBundleConfigMap.name are both set: choose one" -}}
{{- end -}}
{{- if .Values.caBundle -}}
{{- include "zoom-operator.fullname" . -}}-ca-bundle
{{- else -}}
{{- .Values.caBundleConfigMap.name -}}
{{- end -}}
{{- end }}

{{- /* Public address of the consent pages, without a slash at its end; empty: there are none. */ -}}
{{- define "zoom-operator.connectUrl" -}}
{{- $url := .Values.connect.url | trimSuffix "/" -}}
{{- if and (hasPrefix "http://" $url) (not (regexMatch "^http://(localhost|127\\.0\\.0\\.1)(:|/|$)" $url)) -}}
{{- fail (printf "connect.url is %s: consent pages need https; http is for localhost only" $url) -}}
{{- end -}}
{{- $url -}}
{{- end }}

{{- /* The Secret with the keys that sign the pages' cookies: the controller writes it, connect has it as files. */ -}}
{{- define "zoom-operator.connectKeys" -}}
{{- include "zoom-operator.fullname" . -}}-connect-keys
{{- end }}

{{- /* Host of connect.url as a rule for an Ingress or a route: only names are matched there. */ -}}
{{- define "zoom-operator.connectHost" -}}
{{- $url := include "zoom-operator.connectUrl" (first .) | required (printf "%s needs connect.url: host and path come from there" (last .)) -}}
{{- $host := regexReplaceAll ":[0-9]+$" (urlParse $url).host "" -}}
{{- if regexMatch "^[0-9.]+$" $host -}}
{{- fail (printf "%s needs a name in connect.url, not the address %s" (last .) $host) -}}
{{- end -}}
{{- $host -}}
{{- end }}

{{- define "zoom-operator.connectPath" -}}
{{- (include "zoom-operator.connectUrl" . | urlParse).path | default "/" -}}
{{- end }}

{{- /* Whether variables.host is one of [{namespace, pattern}] in the request's namespace, or empty, in CEL. */ -}}
{{- define "zoom-operator.hostRule" -}}
{{- $rules := list -}}
{{- range . -}}
{{- $where := eq .namespace "*" | ternary "" (printf "request.namespace == %s && " (toJson .namespace)) -}}
{{- $what := hasPrefix "*." .pattern | ternary (printf "variables.host.endsWith(%s)" (trimPrefix "*" .pattern | toJson)) (printf "variables.host == %s" (toJson .pattern)) -}}
{{- $rules = append $rules (printf "(%s%s)" $where $what) -}}
{{- end -}}
{{- prepend $rules "variables.host == ''" | join " || " -}}
{{- end }}

{{- /* Rules that the NetworkPolicies have in common. */ -}}
{{- define "zoom-operator.adminIngress" -}}
# Probes and metrics, on the admin port.
- ports:
  - {port: admin, protocol: TCP}
  {{- with .Values.networkPolicy.ingressFrom }}
  from: {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end }}

{{- define "zoom-operator.dnsEgress" -}}
# DNS.
- ports:
  {{- range concat .Values.networkPolicy.dnsPorts (.Values.openshift | default false | ternary (list 5353) list) | uniq }}
  - {port: {{ . }}, protocol: UDP}
  - {port: {{ . }}, protocol: TCP}
  {{- end }}
{{- end }}
