{{/* NGINX's listen.conf, from the template that all runtimes use. Its placeholders are those of Python's Template. */}}
{{- define "pomar.listenConf" -}}
{{- $port := .Values.service.httpsPort | int -}}
{{- $values := dict
  "LISTEN_ADDRESS" "0.0.0.0"
  "HTTP2" "; http2 on; include http2.conf"
  "SHOP_HTTPS_PORT" "8443"
  "SHOP_HTTP_PORT" "8080"
  "SHOP_HTTPS_AUTHORITY_PORT" (ternary "" (printf ":%d" $port) (eq $port 443))
  "APP_PORT" "8000"
  "NGINX_STATUS_PORT" "8081"
  "SHOP_HOSTS" (include "pomar.hosts" . | replace "," " ")
-}}
{{- $text := .Files.Get "nginx/listen.conf.template" -}}
{{- range $name, $value := $values -}}
{{- $text = replace (printf "${%s}" $name) $value $text -}}
{{- end -}}
{{- if contains "${" $text -}}
{{- fail "nginx/listen.conf.template has a variable that the chart does not set" -}}
{{- end -}}
{{- replace "$$" "$" $text -}}
{{- end }}

{{/* NGINX's whole configuration, as two ConfigMaps' data. */}}
{{- define "pomar.nginxConfig" -}}
{{- $files := dict -}}
{{- range $path, $bytes := .Files.Glob "nginx/**" -}}
{{- if ne (ext $path) ".template" -}}
{{- $_ := set $files (base $path) (toString $bytes) -}}
{{- end -}}
{{- end -}}
{{- with .Values.nginx.routes -}}
{{- $_ := set $files "routes.conf" . -}}
{{- end -}}
{{- $made := dict "listen.conf" (include "pomar.listenConf" .) -}}
{{- range $path, $bytes := .Files.Glob "files/*" -}}
{{- $_ := set $made (base $path) (toString $bytes) -}}
{{- end -}}
conf: {{- toYaml $files | nindent 2 }}
made: {{- toYaml $made | nindent 2 }}
{{- end }}
