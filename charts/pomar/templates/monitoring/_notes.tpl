{{/* What NOTES.txt says about monitoring. */}}
{{- define "pomar.monitoringNotes" -}}
{{- $kubectl := printf "kubectl --namespace %s" .Release.Namespace -}}
{{- $name := include "pomar.fullname" . -}}
{{- if eq .Values.monitoring.mode "bundled" }}

To open Prometheus, Alertmanager, the notifications and Grafana, forward their ports. They are then at
http://localhost:9090, 9093, 8095 and 3000:
  {{ $kubectl }} port-forward service/{{ $name }}-prometheus 9090
  {{ $kubectl }} port-forward service/{{ $name }}-alertmanager 9093
  {{ $kubectl }} port-forward service/{{ $name }}-receiver 8095
{{- if .Values.monitoring.grafana.enabled }}
  {{ $kubectl }} port-forward service/{{ $name }}-grafana 3000
{{- if not .Values.monitoring.grafana.anonymous }}
Grafana's user is admin, and this is its password:
  {{ $kubectl }} get secret {{ include "pomar.secret" . }} --output jsonpath='{.data.grafana-admin-password}' | base64 --decode
{{- end }}
{{- end }}
{{- if not .Values.monitoring.alertmanager.existingSecret }}
Alertmanager only notifies the lab's receiver. To notify people, set monitoring.alertmanager.existingSecret.
{{- end }}
{{- else if eq .Values.monitoring.mode "none" }}

Nothing collects the metrics yet: set monitoring.mode.
{{- end }}
{{- end }}
