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
{{- toJson (list "controller") -}}
{{- end }}

{{- define "zoom-operator.partName" -}}
{{- $root := first . -}}
{{- eq (last .) "controller" | ternary "" (printf "-%s" (last .)) | printf "%s%s" (include "zoom-operator.fullname" $root) -}}
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

{{- define "zoom-operator.image" -}}
{{- if .Values.image.digest -}}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest -}}
{{- else -}}
{{- printf "%s:%s" .Values.image.repository (.Values.image.tag | default .Chart.AppVersion) -}}
{{- end -}}
{{- end }}

{{- define "zoom-operator.serviceAccountName" -}}
{{- $root := first . -}}
{{- $account := $root.Values.serviceAccount -}}
{{- if $account.create -}}
{{- $account.name | default (include "zoom-operator.partName" .) -}}
{{- else -}}
{{- required "serviceAccount.name is needed when serviceAccount.create is false" $account.name -}}
{{- end -}}
{{- end }}

{{- define "zoom-operator.podMetadata" -}}
{{- $root := first . -}}
{{- $values := $root.Values -}}
labels: {{- merge (include "zoom-operator.labels" . | fromYaml) $values.podLabels | toYaml | nindent 2 }}
annotations:
  kubectl.kubernetes.io/default-container: {{ last . }}
  {{- with $values.podAnnotations }}{{ toYaml . | nindent 2 }}{{ end }}
{{- end }}

{{- /* Identity, hardening and scheduling of a part's Pods. */ -}}
{{- define "zoom-operator.podFields" -}}
{{- $root := first . -}}
{{- $values := $root.Values -}}
serviceAccountName: {{ include "zoom-operator.serviceAccountName" . }}
automountServiceAccountToken: true
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  runAsUser: 65532
  runAsGroup: 65532
  seccompProfile: {type: RuntimeDefault}
{{- with $root.Values.imagePullSecrets }}
imagePullSecrets: {{- toYaml . | nindent 2 }}
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
{{- $values := $root.Values -}}
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
securityContext:
  allowPrivilegeEscalation: false
  privileged: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
resources: {{- toYaml $values.resources | nindent 2 }}
{{- end }}

{{- /* What the controller may do with tenants' objects: one list for the ClusterRole and for the Roles. */ -}}
{{- define "zoom-operator.rules" -}}
# What people declare; the controller never changes a spec.
- apiGroups: [zoom-operator.io]
  resources: [zoomintegrations]
  verbs: [get, list, watch]
# Its answer: phase, conditions, the list of steps left.
- apiGroups: [zoom-operator.io]
  resources: [zoomintegrations/status]
  verbs: [get, patch]
# Where the admission plugin OwnerReferencesPermissionEnforcement is on (OpenShift), setting blockOwnerDeletion on a
# child asks for this permission on its owner. The controller itself sets no finalizer with it.
- apiGroups: [zoom-operator.io]
  resources: [zoomintegrations/finalizers]
  verbs: [update]
# get: the credentials a ZoomIntegration names. list, watch: changes to them, as metadata only, without the data.
# create, patch, delete: the Secret with the access token. RBAC cannot narrow this by label; watchNamespaces can.
- apiGroups: [""]
  resources: [secrets]
  verbs: [get, list, watch, create, patch, delete]
# A receiver's address and its identity, which has no permissions.
- apiGroups: [""]
  resources: [services, serviceaccounts]
  verbs: [get, list, watch, create, patch, delete]
# The receivers themselves.
- apiGroups: [apps]
  resources: [deployments]
  verbs: [get, list, watch, create, patch, delete]
# The link between a receiver's Deployment and its Pods: facts are asked only of Pods that really are ours.
- apiGroups: [apps]
  resources: [replicasets]
  verbs: [get]
# The addresses of a receiver's Pods.
- apiGroups: [""]
  resources: [pods]
  verbs: [get, list]
# Events on ZoomIntegrations; patch raises the count of a repeated one.
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [create, patch]
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
