{{/* The files of grafana/provisioning, by name, as JSON: with Prometheus's URL and scrape interval in the datasource. */}}
{{- define "pomar.grafanaProvisioning" -}}
{{- $prometheus := printf "url: http://%s-prometheus:9090\n" (include "pomar.fullname" .) -}}
{{- $interval := printf "timeInterval: %ds\n" (int .Values.termination.scrapeIntervalSeconds) -}}
{{- $files := dict -}}
{{- range $path, $bytes := .Files.Glob "grafana/provisioning/**" -}}
{{- $text := toString $bytes | replace "url: http://prometheus:9090\n" $prometheus | replace "timeInterval: 5s\n" $interval -}}
{{- $_ := set $files (base $path) $text -}}
{{- end -}}
{{- range list $prometheus $interval -}}
{{- if not (contains . (get $files "prometheus.yaml")) -}}
{{- fail (printf "grafana/provisioning/datasources/prometheus.yaml has no line to replace with %s" .) -}}
{{- end -}}
{{- end -}}
{{- toJson $files -}}
{{- end }}
