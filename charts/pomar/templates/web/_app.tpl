{{/* Environment of every container that runs the Django project. Its secrets are files in /run/secrets/app. */}}
{{- define "pomar.appEnv" -}}
- {name: DJANGO_SETTINGS_MODULE, value: {{ .Values.app.settingsModule | quote }}}
- {name: SHOP_HOSTS, value: {{ include "pomar.hosts" . | quote }}}
- {name: SECRET_KEY_FILE, value: /run/secrets/app/secret-key}
- {name: DATABASE_URL_FILE, value: /run/secrets/app/database-url}
- {name: HSTS_SECONDS, value: {{ .Values.app.hstsSeconds | int64 | quote }}}
{{- with .Values.app.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* The app's secrets. Its database role may only change rows. */}}
{{- define "pomar.appSecrets" -}}
- name: app-secrets
  projected:
    sources:
      - secret:
          name: {{ include "pomar.secret" . | quote }}
          items:
            - {key: app-secret-key, path: secret-key}
            {{- if .Values.lab.enabled }}
            - {key: app-lab-token, path: lab-token}
            {{- end }}
      - {{- include "pomar.databaseItem" (list . "app-database-url" .Values.database.key) | nindent 8 }}
      {{- with include "pomar.cacheSecret" . }}
      - secret:
          name: {{ . | quote }}
          items: [{key: {{ ternary "app-cache-url" $.Values.cache.key $.Values.valkey.enabled | quote }}, path: cache-url}]
      {{- end }}
{{- end }}

{{/* The database Secret's item: (list $ KEY KEY-OF-AN-EXISTING-DATABASE). */}}
{{- define "pomar.databaseItem" -}}
{{- $ := index . 0 -}}
secret:
  name: {{ include "pomar.databaseSecret" $ | quote }}
  items: [{key: {{ ternary (index . 1) (index . 2) $.Values.postgres.enabled | quote }}, path: database-url}]
{{- end }}

{{/* Copies the static files of one image: (list $ NAME IMAGE). */}}
{{- define "pomar.static" -}}
{{- $ := index . 0 -}}
- name: {{ index . 1 }}
  image: {{ index . 2 | quote }}
  imagePullPolicy: {{ $.Values.imagePullPolicy }}
  {{- include "pomar.limits" (list $ "migrate" $.Values.app.runAsUser $.Values.app.runAsGroup) | nindent 2 }}
  command: [cp, -R, {{ printf "%s/." $.Values.app.staticRoot | quote }}, /srv/published]
  volumeMounts:
    - {name: static, mountPath: /srv/published}
{{- end }}
