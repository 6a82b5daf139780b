{{/* The names of the chart and of the release's objects. */}}
{{- define "pomar.name" -}}
{{ default .Chart.Name .Values.nameOverride | trunc 40 | trimSuffix "-" }}
{{- end }}

{{- define "pomar.fullname" -}}
{{- $name := include "pomar.name" . -}}
{{- $default := ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name) -}}
{{ default $default .Values.fullnameOverride | trunc 40 | trimSuffix "-" }}
{{- end }}

{{/* Labels: (list $ COMPONENT). Selectors must never change, so they have no version. */}}
{{- define "pomar.selector" -}}
{{- $ := index . 0 -}}
app.kubernetes.io/name: {{ include "pomar.name" $ | quote }}
app.kubernetes.io/instance: {{ $.Release.Name | quote }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end }}

{{- define "pomar.labels" -}}
{{- $ := index . 0 -}}
{{ include "pomar.selector" . }}
app.kubernetes.io/part-of: {{ include "pomar.name" $ | quote }}
app.kubernetes.io/version: {{ $.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ $.Release.Service }}
{{- end }}

{{/* Labels of what stays when the release is uninstalled: (list $ COMPONENT). Without `instance`, by which Argo CD finds
     objects that it may delete. */}}
{{- define "pomar.kept" -}}
{{- $ := index . 0 -}}
app.kubernetes.io/name: {{ include "pomar.name" $ | quote }}
app.kubernetes.io/component: {{ index . 1 }}
kept-for-release: {{ $.Release.Name | quote }}
{{- end }}

{{/* Every name that NGINX, Django and the certificate accept, separated by commas. */}}
{{- define "pomar.hosts" -}}
{{- $name := include "pomar.fullname" . -}}
{{- $service := list $name (printf "%s.%s" $name .Release.Namespace) (printf "%s.%s.svc" $name .Release.Namespace) -}}
{{ concat .Values.hosts (list "localhost" "127.0.0.1") $service | uniq | join "," }}
{{- end }}

{{/* The Secrets and who creates them. */}}
{{- define "pomar.secret" -}}
{{ default (printf "%s-secrets" (include "pomar.fullname" .)) .Values.secrets.existingSecret }}
{{- end }}

{{- define "pomar.tlsSecret" -}}
{{ default (printf "%s-tls" (include "pomar.fullname" .)) .Values.tls.existingSecret }}
{{- end }}

{{- define "pomar.databaseSecret" -}}
{{ ternary (include "pomar.secret" .) .Values.database.existingSecret .Values.postgres.enabled }}
{{- end }}

{{/* The name of the Secret with the cache's URL; empty if there is no cache. */}}
{{- define "pomar.cacheSecret" -}}
{{ ternary (include "pomar.secret" .) .Values.cache.existingSecret .Values.valkey.enabled }}
{{- end }}

{{/* What every pod has that does not use the Kubernetes API. */}}
{{- define "pomar.pod" -}}
automountServiceAccountToken: false
{{ include "pomar.anyPod" . }}
{{- end }}

{{/* What every pod has. The security context comes last, so that a pod can add to it. */}}
{{- define "pomar.anyPod" -}}
# Otherwise a Service named "app" would set APP_PORT, which uWSGI reads.
enableServiceLinks: false
{{- with .Values.imagePullSecrets }}
imagePullSecrets: {{ toJson . }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector: {{ toJson . }}
{{- end }}
{{- with .Values.affinity }}
affinity: {{ toJson . }}
{{- end }}
{{- with .Values.tolerations }}
tolerations: {{ toJson . }}
{{- end }}
securityContext:
  runAsNonRoot: true
  seccompProfile: {type: RuntimeDefault}
{{- end }}

{{/* What every container has: (list $ IMAGE RESOURCES USER GROUP). */}}
{{- define "pomar.container" -}}
{{- $ := index . 0 -}}
image: {{ index $.Values.images (index . 1) | quote }}
imagePullPolicy: {{ $.Values.imagePullPolicy }}
{{ include "pomar.limits" (list $ (index . 2) (index . 3) (index . 4)) }}
{{- end }}

{{/* (list $ RESOURCES USER GROUP) */}}
{{- define "pomar.limits" -}}
{{- $ := index . 0 -}}
securityContext:
  runAsUser: {{ index . 2 | int64 }}
  runAsGroup: {{ index . 3 | int64 }}
  runAsNonRoot: true
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
  seccompProfile: {type: RuntimeDefault}
resources: {{ toJson (index $.Values.resources (index . 1)) }}
{{- end }}

{{/* Seconds that a pod stays after the kubelet has begun to stop it. */}}
{{- define "pomar.staySeconds" -}}
{{- with .Values.termination -}}
{{ add .leaveSeconds .drainSeconds (mul 2 .scrapeIntervalSeconds) }}
{{- end }}
{{- end }}

{{/* Keeps a container running until Prometheus has read its final counts. */}}
{{- define "pomar.stay" -}}
lifecycle:
  preStop:
    {{- if .Values.termination.sleepAction }}
    sleep: {seconds: {{ include "pomar.staySeconds" . }}}
    {{- else }}
    exec: {command: [sleep, {{ include "pomar.staySeconds" . | quote }}]}
    {{- end }}
{{- end }}

{{/* Repeats a shell command until it succeeds: (list COMMAND). Exits at once when it is stopped. */}}
{{- define "pomar.until" -}}
command:
  - sh
  - -c
  - trap "exit 143" TERM; until sh -ec "$1"; do sleep 3 & wait $!; done
  - until
  - {{ . | quote }}
{{- end }}

{{/* Liveness of an exporter, which responds whether or not its service is up: (list $ PATH). */}}
{{- define "pomar.exporterProbe" -}}
httpGet: {path: {{ index . 1 }}, port: metrics}
periodSeconds: 20
timeoutSeconds: 5
failureThreshold: 3
{{ include "pomar.restart" (index . 0) }}
{{- end }}

{{/* Part of a liveness probe: a stuck container is restarted at once, instead of after its preStop hook. */}}
{{- define "pomar.restart" -}}
{{- if .Values.termination.sleepAction -}}
terminationGracePeriodSeconds: 5
{{- end -}}
{{- end }}
