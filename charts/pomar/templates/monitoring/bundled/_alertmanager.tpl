{{/* alertmanager/alertmanager.yml with the receiver's URL, and with the times for production from the file's comments. */}}
{{- define "pomar.alertmanagerConfig" -}}
{{- $url := printf "http://%s-receiver:8095/" (include "pomar.fullname" .) -}}
{{- $changes := list (list "url: http://receiver:8095/\n" (printf "url: %s\n" $url)) -}}
{{- if eq .Values.monitoring.rules "production" -}}
{{- $changes = concat $changes (list
  (list "  group_wait: 5s\n" "  group_wait: 30s\n")
  (list "  group_interval: 10s\n" "  group_interval: 5m\n")
  (list "  repeat_interval: 1h\n" "  repeat_interval: 4h\n")
  (list "severity=\"ticket\"']\n\n" "severity=\"ticket\"']\n      group_wait: 5m\n      repeat_interval: 1d\n\n")
) -}}
{{- end -}}
{{- $text := .Files.Get "alertmanager/alertmanager.yml" -}}
{{- range $changes -}}
{{- if ne (splitList (index . 0) $text | len) 2 -}}
{{- fail (printf "alertmanager/alertmanager.yml must contain this once: %s" (index . 0)) -}}
{{- end -}}
{{- $text = replace (index . 0) (index . 1) $text -}}
{{- end -}}
{{- $text -}}
{{- end }}
