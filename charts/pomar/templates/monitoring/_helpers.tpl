{{/* Whether Google's managed Prometheus collects the metrics: "true" or empty. It can stand beside another mode. */}}
{{- define "pomar.gke" -}}
{{- if or (eq .Values.monitoring.mode "gke") .Values.monitoring.gke.enabled }}true{{ end -}}
{{- end }}

{{/* Prometheus's rule files, by name, as JSON. Production has no files of its own for rules without time windows. */}}
{{- define "pomar.ruleFiles" -}}
{{- $most := ternary 5 75 (eq .Values.monitoring.rules "lab") -}}
{{- if gt (int .Values.termination.scrapeIntervalSeconds) $most -}}
{{- fail (printf "termination.scrapeIntervalSeconds is more than %d: the shortest window of the alerts must hold four scrapes" $most) -}}
{{- end -}}
{{- $files := dict -}}
{{- range $path, $bytes := .Files.Glob "prometheus/rules/*.yaml" -}}
{{- $own := $.Files.Get (printf "prometheus/production/%s" (base $path)) -}}
{{- $_ := set $files (base $path) (ternary (toString $bytes) (default (toString $bytes) $own) (eq $.Values.monitoring.rules "lab")) -}}
{{- end -}}
{{- toJson $files -}}
{{- end }}

{{/* The groups of all rule files, for a Prometheus whose external labels this chart does not set: with the base URLs. */}}
{{- define "pomar.ruleGroups" -}}
{{- $groups := list -}}
{{- with .Values.monitoring.urls -}}
{{- /* Replaced in JSON, because a URL may contain characters that are special in YAML. */ -}}
{{- $runbooks := .runbooks | toJson | trimAll "\"" -}}
{{- $dashboards := .dashboards | toJson | trimAll "\"" -}}
{{- range $name, $text := include "pomar.ruleFiles" $ | fromJson -}}
{{- $text = fromYaml $text | toJson -}}
{{- $text = replace "{{ $externalLabels.runbooks_url }}" $runbooks $text -}}
{{- $text = replace "{{ $externalLabels.dashboards_url }}" $dashboards $text -}}
{{- if contains "$externalLabels" $text -}}
{{- fail (printf "%s uses an external label that the chart does not replace" $name) -}}
{{- end -}}
{{- $groups = concat $groups (fromJson $text).groups -}}
{{- end -}}
{{- end -}}
{{- dict "groups" $groups | toYaml -}}
{{- end }}

{{/* How the targets are found among the containers' ports, and their labels, as Prometheus's relabel_configs. */}}
{{- define "pomar.relabelConfigs" -}}
# Pods with the annotation prometheus.io/scrape.
- source_labels: [__meta_kubernetes_pod_annotation_prometheus_io_scrape]
  regex: "true"
  action: keep
# The annotation prometheus.io/path replaces /metrics.
- source_labels: [__meta_kubernetes_pod_annotation_prometheus_io_path]
  regex: (.+)
  target_label: __metrics_path__
# The annotation prometheus.io/port replaces the port. The first group may also be an IPv6 address in brackets.
- source_labels: [__address__, __meta_kubernetes_pod_annotation_prometheus_io_port]
  regex: (.+?)(?::\d+)?;(\d+)
  replacement: $1:$2
  target_label: __address__
# Only ports named `metrics`. Otherwise Prometheus would also scrape NGINX's ports, and port 80 of each container without
# a port.
- source_labels: [__meta_kubernetes_pod_container_port_name]
  regex: metrics
  action: keep
# Only this release.
- source_labels:
    - __meta_kubernetes_pod_label_app_kubernetes_io_name
    - __meta_kubernetes_pod_label_app_kubernetes_io_instance
  regex: {{ printf "%s;%s" (include "pomar.name" .) .Release.Name | regexQuoteMeta | squote }}
  action: keep
# Not while init containers run, and not once the pod has ended. A pod that is being deleted still counts as running.
- source_labels: [__meta_kubernetes_pod_phase]
  regex: Pending|Succeeded|Failed
  action: drop
# The labels.
- source_labels: [__meta_kubernetes_namespace]
  target_label: namespace
- source_labels: [__meta_kubernetes_pod_name]
  target_label: pod
- source_labels: [__meta_kubernetes_pod_name]
  target_label: instance
# Jobs have the same names as on the other runtimes: the name of the container, for most without -exporter.
- source_labels: [__meta_kubernetes_pod_container_name]
  regex: (.+?)(-exporter)?
  target_label: job
- source_labels: [__meta_kubernetes_pod_container_name]
  regex: app
  replacement: django
  target_label: job
- source_labels: [__meta_kubernetes_pod_container_name]
  regex: access-log-exporter
  replacement: nginx-log
  target_label: job
{{- end }}

{{/* Scrape interval and timeout in seconds. Every mode scrapes at the interval that the pods' termination waits for. */}}
{{- define "pomar.scrapeTimeoutSeconds" -}}
{{ sub .Values.termination.scrapeIntervalSeconds 1 | min 10 | max 1 }}
{{- end }}

{{/* The name of a dashboard's ConfigMap: (list $ PATH). */}}
{{- define "pomar.dashboardName" -}}
{{ include "pomar.fullname" (index . 0) }}-dashboard-{{ trimSuffix ".json" (base (index . 1)) }}
{{- end }}

{{/* All dashboards' text. */}}
{{- define "pomar.dashboards" -}}
{{- range $path, $bytes := .Files.Glob "grafana/dashboards/*.json" -}}{{ toString $bytes }}{{- end -}}
{{- end }}

{{/* What the blackbox exporter visits: the shop's Service under the name that visitors use, as JSON. */}}
{{- define "pomar.probes" -}}
{{- $name := include "pomar.fullname" . -}}
{{- $host := first .Values.hosts -}}
{{- with .Values -}}
{{- $https := dict "module" "shop" "host" $host
  "target" (printf "https://%s:%d%s" $name (int .service.httpsPort) .monitoring.probePath)
  "instance" (include "pomar.url" (list "https" $host .service.httpsPort 443)) -}}
{{- $http := dict "module" "redirect" "host" $host
  "target" (printf "http://%s:%d/" $name (int .service.httpPort))
  "instance" (include "pomar.url" (list "http" $host .service.httpPort 80)) -}}
{{- list $https $http | toJson -}}
{{- end -}}
{{- end }}

{{/* A URL without the path, and without the port if it is the default: (list SCHEME HOST PORT DEFAULT). */}}
{{- define "pomar.url" -}}
{{- $port := index . 2 | int -}}
{{ index . 0 }}://{{ index . 1 }}{{ if ne $port (index . 3 | int) }}:{{ $port }}{{ end }}
{{- end }}
