{{- /* Every permission of the release, with its reason. */ -}}

{{- /* What the controller may do with tenants' objects: one list for the ClusterRole and for the Roles. */ -}}
{{- define "zoom-operator.rules" -}}
# What people declare; the controller never changes the spec of what it did not make. patch: the operator's own finalizer,
# and only while a receiver has a buffer, whose events are delivered before the ZoomIntegration goes.
- apiGroups: [zoom-operator.io]
  resources: [zoomintegrations]
  verbs: [get, list, watch, patch]
# create: self-service, where a person who authorizes gets a ZoomConnection. patch: the operator's own finalizer, and
# only with deletionPolicy Revoke.
- apiGroups: [zoom-operator.io]
  resources: [zoomconnections]
  verbs: [get, list, watch, create, patch]
# Its answer: phase, conditions, the list of steps left, the link that a person follows.
- apiGroups: [zoom-operator.io]
  resources: [zoomintegrations/status, zoomconnections/status]
  verbs: [get, patch]
# Where the admission plugin OwnerReferencesPermissionEnforcement is on (OpenShift), setting blockOwnerDeletion on a
# child asks for this permission on its owner. The controller itself sets no finalizer with it.
- apiGroups: [zoom-operator.io]
  resources: [zoomintegrations/finalizers, zoomconnections/finalizers]
  verbs: [update]
# get: the credentials a ZoomIntegration names. list, watch: changes to them, as metadata only, without the data.
# create, patch, delete: the Secret with the access token, and the one with the token of a receiver's control port. update: the one with a grant, whose every write is on the
# condition that nobody wrote it meanwhile. RBAC cannot narrow this by label; watchNamespaces can.
- apiGroups: [""]
  resources: [secrets]
  verbs: [get, list, watch, create, update, patch, delete]
# The namespace's UID is stored with a grant, so that a copy of the Secret elsewhere is refused; and in a namespace that is
# being deleted nobody waits for events. Reading a namespace is authorized within it, so a Role is enough.
{{- if not .Values.watchNamespaces }}
# list, watch: the labels by which a ZoomIntegration allows namespaces (allowedNamespaces), and those of
# watchNamespaceSelector, as metadata only.
{{- end }}
- apiGroups: [""]
  resources: [namespaces]
  verbs: [get{{ if not .Values.watchNamespaces }}, list, watch{{ end }}]
# A receiver's address and its identity, which has no permissions.
- apiGroups: [""]
  resources: [services, serviceaccounts]
  verbs: [get, list, watch, create, patch, delete]
# The receivers themselves: those with a buffer on a volume are StatefulSets, whose volume claims Kubernetes makes.
- apiGroups: [apps]
  resources: [deployments, statefulsets]
  verbs: [get, list, watch, create, patch, delete]
{{- if .Values.restartWorkloads }}
# The consumers of a token (token.restart), whose Pods get an annotation.
- apiGroups: [apps]
  resources: [deployments, statefulsets, daemonsets]
  verbs: [patch]
{{- end }}
# The volume claims that Kubernetes made for a StatefulSet, by name: a larger webhook.buffer.size expands them.
- apiGroups: [""]
  resources: [persistentvolumeclaims]
  verbs: [get, patch]
# From two Pods of a receiver on: one at a time when nodes are emptied.
- apiGroups: [policy]
  resources: [poddisruptionbudgets]
  verbs: [get, list, watch, create, patch, delete]
# The way in to a receiver (webhook.endpoint.ingress), and who may talk to it (receiver.networkPolicy).
- apiGroups: [networking.k8s.io]
  resources: [ingresses, networkpolicies]
  verbs: [get, list, watch, create, patch, delete]
# The same by the Gateway API (webhook.endpoint.gateway), which need not be defined.
- apiGroups: [gateway.networking.k8s.io]
  resources: [httproutes]
  verbs: [get, list, watch, create, patch, delete]
# The link between a receiver's Deployment and its Pods: facts are asked only of Pods that really are ours.
- apiGroups: [apps]
  resources: [replicasets]
  verbs: [get]
# The addresses of a receiver's Pods.
- apiGroups: [""]
  resources: [pods]
  verbs: [get, list, watch]
# Events on ZoomIntegrations and ZoomConnections; patch raises the count of a repeated one. list: why a receiver's
# StatefulSet has no Pod or no volume, which Kubernetes says nowhere else.
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [create, patch, list]
{{- end }}

{{- /* What the controller may do everywhere, also where its Role is gone: see what is being deleted, take its finalizers
away, and say in the status what is missing. */ -}}
{{- define "zoom-operator.finalizerRules" -}}
- apiGroups: [zoom-operator.io]
  resources: [zoomintegrations, zoomconnections]
  verbs: [get, list, watch, patch]
- apiGroups: [zoom-operator.io]
  resources: [zoomintegrations/status, zoomconnections/status]
  verbs: [patch]
# Whether the namespace is being deleted.
- apiGroups: [""]
  resources: [namespaces]
  verbs: [get]
{{- end }}

{{- /* What the controller may do in the release's own namespace. */ -}}
{{- define "zoom-operator.leaseRules" -}}
# An object that does not exist yet has no name to RBAC, so creation cannot be narrowed.
- apiGroups: [coordination.k8s.io]
  resources: [leases]
  verbs: [create]
# Take, renew and give back this release's own Lease.
- apiGroups: [coordination.k8s.io]
  resources: [leases]
  resourceNames: [{{ include "zoom-operator.fullname" . }}]
  verbs: [get, update, patch]
{{- end }}

{{- define "zoom-operator.consentRules" -}}
# Whether the replica that left a refresh unfinished is gone.
- apiGroups: [""]
  resources: [pods]
  verbs: [get]
{{- if include "zoom-operator.connectUrl" . }}
# The authorization codes that connect hands over: read once, deleted. The keys of its cookies: made and replaced.
- apiGroups: [""]
  resources: [secrets]
  verbs: [get, list, watch, create, update, patch, delete]
{{- end }}
{{- end }}

{{- /* What connect may do with tenants' objects: learn by name what a link is about. It reads no Secret at all. */ -}}
{{- define "zoom-operator.connectRules" -}}
- apiGroups: [zoom-operator.io]
  resources: [zoomintegrations, zoomconnections]
  verbs: [get]
{{- end }}

{{- /* What connect may do in the release's own namespace: leave an authorization code for the controller. */ -}}
{{- define "zoom-operator.handoffRules" -}}
- apiGroups: [""]
  resources: [secrets]
  verbs: [create]
{{- end }}

{{- /* These rules for a part's ServiceAccount: in one namespace, or without one in the whole cluster. */ -}}
{{- define "zoom-operator.grant" }}
{{- $root := first .part }}
{{- $kind := .namespace | empty | ternary "ClusterRole" "Role" }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: {{ $kind }}
metadata:
  name: {{ .name }}
  {{- with .namespace }}
  namespace: {{ . }}
  {{- end }}
  labels: {{- include "zoom-operator.labels" .part | nindent 4 }}
rules:
{{ .rules }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: {{ $kind }}Binding
metadata:
  name: {{ .name }}
  {{- with .namespace }}
  namespace: {{ . }}
  {{- end }}
  labels: {{- include "zoom-operator.labels" .part | nindent 4 }}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: {{ $kind }}
  name: {{ .name }}
subjects:
- kind: ServiceAccount
  name: {{ include "zoom-operator.serviceAccountName" .part }}
  namespace: {{ $root.Release.Namespace }}
{{- end }}
