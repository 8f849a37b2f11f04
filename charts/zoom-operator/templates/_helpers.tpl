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

{{- define "zoom-operator.selectorLabels" -}}
app.kubernetes.io/name: {{ include "zoom-operator.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: controller
{{- end }}

{{- define "zoom-operator.labels" -}}
{{- $own := include "zoom-operator.selectorLabels" . | fromYaml -}}
{{- $_ := set $own "helm.sh/chart" (printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63) -}}
{{- $_ := set $own "app.kubernetes.io/version" (.Chart.AppVersion | replace "+" "_" | trunc 63) -}}
{{- $_ := set $own "app.kubernetes.io/managed-by" .Release.Service -}}
{{- $_ := set $own "app.kubernetes.io/part-of" "zoom-operator" -}}
{{- toYaml (merge $own .Values.commonLabels) -}}
{{- end }}

{{- define "zoom-operator.image" -}}
{{- if .Values.image.digest -}}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest -}}
{{- else -}}
{{- printf "%s:%s" .Values.image.repository (.Values.image.tag | default .Chart.AppVersion) -}}
{{- end -}}
{{- end }}

{{- define "zoom-operator.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- .Values.serviceAccount.name | default (include "zoom-operator.fullname" .) -}}
{{- else -}}
{{- required "serviceAccount.name is needed when serviceAccount.create is false" .Values.serviceAccount.name -}}
{{- end -}}
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
