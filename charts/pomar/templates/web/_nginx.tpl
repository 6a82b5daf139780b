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
  "VISITOR_SCHEME" (ternary "$proxied_scheme" "$scheme" .Values.proxy.enabled)
  "SHOP_HOSTS" (include "pomar.hosts" . | replace "," " ")
-}}
{{- $text := .Files.Get "nginx/listen.conf.template" -}}
{{- /* In a cluster, the name `shop` has no other port than all other names. */ -}}
{{- $text = replace "    shop \":${SHOP_HTTPS_PORT}\";\n" "" $text -}}
{{- range $name, $value := $values -}}
{{- $text = replace (printf "${%s}" $name) $value $text -}}
{{- end -}}
{{- if contains "${" $text -}}
{{- fail "nginx/listen.conf.template has a variable that the chart does not set" -}}
{{- end -}}
{{- replace "$$" "$" $text -}}
{{- if .Values.proxy.enabled }}
{{ include "pomar.proxyConf" . }}
{{- else if .Values.proxy.realIpFrom }}
{{ include "pomar.realIp" . }}
{{- end }}
{{- end }}

{{/* The listener for a proxy that terminates TLS. */}}
{{- define "pomar.proxyConf" -}}
{{ include "pomar.realIp" . }}
geo $realip_remote_addr $from_proxy {
    default 0;
    {{- range .Values.proxy.realIpFrom }}
    {{ . }} 1;
    {{- end }}
}
map "$from_proxy $http_x_forwarded_proto" $proxied_scheme {
    "1 https" https;
    default $scheme;
}

server {
    listen 0.0.0.0:8082;
    server_name {{ include "pomar.hosts" . | replace "," " " }};
    include shop.conf;
}

server {
    listen 0.0.0.0:8082 default_server;
    include refuse.conf;
}
{{ end }}

{{- define "pomar.realIp" -}}
# Proxies whose X-Forwarded-For and X-Forwarded-Proto are trusted.
{{- range .Values.proxy.realIpFrom }}
set_real_ip_from {{ . }};
{{- end }}
real_ip_header X-Forwarded-For;
real_ip_recursive on;
{{ end }}

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
{{- range $path, $bytes := .Files.Glob "files/nginx/*" -}}
{{- $_ := set $made (base $path) (toString $bytes) -}}
{{- end -}}
conf: {{- toYaml $files | nindent 2 }}
made: {{- toYaml $made | nindent 2 }}
{{- end }}
