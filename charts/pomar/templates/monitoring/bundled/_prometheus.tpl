{{/* prometheus.yml. */}}
{{- define "pomar.prometheusConfig" -}}
{{- $name := include "pomar.fullname" . -}}
{{- with .Values -}}
global:
  scrape_interval: {{ .termination.scrapeIntervalSeconds }}s
  scrape_timeout: {{ include "pomar.scrapeTimeoutSeconds" $ }}s
  evaluation_interval: {{ .termination.scrapeIntervalSeconds }}s
  # The base URLs for the links in each alert.
  external_labels:
    runbooks_url: {{ .monitoring.urls.runbooks | quote }}
    dashboards_url: {{ .monitoring.urls.dashboards | quote }}

rule_files:
  - rules/*.yaml
  {{- if .lab.enabled }}
  # Normally empty. A drill may put a rule here and remove it again.
  - /srv/drill/*.yaml
  {{- end }}

scrape_configs:
  - job_name: kubernetes-pods-containers
    kubernetes_sd_configs:
      - role: pod
        namespaces: {names: [{{ $.Release.Namespace | quote }}]}
    relabel_configs: {{- include "pomar.relabelConfigs" $ | nindent 6 }}

  # Probes the shop through its Service, under the name that visitors use.
  - job_name: blackbox
    metrics_path: /probe
    static_configs:
      {{- range include "pomar.probes" $ | fromJsonArray }}
      - targets: ["{{ $name }}-blackbox-exporter:9115"]
        labels:
          namespace: {{ $.Release.Namespace | quote }}
          instance: {{ .instance | quote }}
          __param_module: {{ .module }}
          __param_target: {{ .target | quote }}
          __param_hostname: {{ .host | quote }}
      {{- end }}

  # With honor_labels, pushed metrics keep the job and instance labels that they were pushed with.
  - job_name: pushgateway
    honor_labels: true
    static_configs:
      - targets: ["{{ $name }}-pushgateway:9091"]
        labels: {namespace: {{ $.Release.Namespace | quote }}, instance: pushgateway}

alerting:
  # These two labels are only for use in the rules. Alerts are sent without them.
  alert_relabel_configs:
    - regex: runbooks_url|dashboards_url
      action: labeldrop
  alertmanagers:
    - static_configs:
        - targets: ["{{ $name }}-alertmanager:9093"]
{{- end }}
{{- end }}

{{/* The volume `data` of a StatefulSet if nothing is to be stored: (the value `storage`). */}}
{{- define "pomar.dataVolume" -}}
{{- if not .enabled }}
- name: data
  emptyDir: {sizeLimit: {{ .size | quote }}}
{{- end }}
{{- end }}

{{/* The claim to the volume `data` of a StatefulSet: (list $ COMPONENT STORAGE). Kubernetes keeps the volume when the
     release is uninstalled. */}}
{{- define "pomar.dataClaim" -}}
{{- $ := index . 0 -}}
{{- $component := index . 1 -}}
{{- with index . 2 -}}
{{- if .enabled -}}
volumeClaimTemplates:
  - apiVersion: v1
    kind: PersistentVolumeClaim
    metadata:
      name: data
      labels: {{- include "pomar.kept" (list $ $component) | nindent 8 }}
    spec:
      accessModes: [ReadWriteOnce]
      {{- with .storageClassName }}
      storageClassName: {{ . | quote }}
      {{- end }}
      resources:
        requests: {storage: {{ .size | quote }}}
{{- end }}
{{- end }}
{{- end }}
