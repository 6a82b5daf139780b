{{/* Values that cannot work together. The schema checks each value by itself. */}}
{{- define "pomar.validate" -}}
{{- $name := include "pomar.fullname" . -}}
{{- if not (regexMatch "^[a-z][-a-z0-9]*$" $name) -}}
{{- fail (printf "%s cannot be the name of a Service: set fullnameOverride to lowercase letters, digits and dashes that begin with a letter" $name) -}}
{{- end -}}
{{- with .Values -}}
{{- range concat (values .images) .app.previousImages -}}
{{- if hasSuffix ":latest" . -}}
{{- fail (printf "the image %s can change at any time: set an exact version or a digest" .) -}}
{{- end -}}
{{- end -}}
{{- if not (or .postgres.enabled .database.existingSecret) -}}
{{- fail "there is no database: set database.existingSecret to a Secret with its URL, or postgres.enabled to true" -}}
{{- end -}}
{{- if and .postgres.enabled .database.existingSecret -}}
{{- fail "there are two databases: set postgres.enabled to false, or leave database.existingSecret empty" -}}
{{- end -}}
{{- if and .valkey.enabled .cache.existingSecret -}}
{{- fail "there are two caches: set valkey.enabled to false, or leave cache.existingSecret empty" -}}
{{- end -}}
{{- if and .proxy.enabled (not .proxy.realIpFrom) -}}
{{- fail "proxy.enabled needs proxy.realIpFrom, the networks of the proxy that terminates TLS: for example [10.0.0.0/8]" -}}
{{- end -}}
{{- $ports := list (int .service.httpsPort) (int .service.httpPort) (ternary 8082 0 .proxy.enabled) -}}
{{- if ne (len (uniq $ports)) 3 -}}
{{- fail "service.httpsPort and service.httpPort must differ, and neither may be 8082 if proxy.enabled is true" -}}
{{- end -}}
{{- if and (lt (int .termination.drainSeconds) (int .app.harakiriSeconds)) (not .lab.enabled) -}}
{{- fail "termination.drainSeconds is less than app.harakiriSeconds: a stopping pod would abort slow requests" -}}
{{- end -}}
{{- if and .autoscaling.enabled (gt (int .autoscaling.minReplicas) (int .autoscaling.maxReplicas)) -}}
{{- fail "autoscaling.minReplicas is greater than autoscaling.maxReplicas" -}}
{{- end -}}
{{- range .topologySpreadConstraints -}}
{{- if hasKey . "labelSelector" -}}
{{- fail "topologySpreadConstraints must have no labelSelector: the chart adds it" -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end }}
