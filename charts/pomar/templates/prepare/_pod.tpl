{{/* Whether secrets or a certificate must be created: "true" or empty. */}}
{{- define "pomar.prepares" -}}
{{- if not (and .Values.secrets.existingSecret .Values.tls.existingSecret) }}true{{ end -}}
{{- end }}

{{/* Creates the Secrets that do not exist yet, and renews the certificate when it is due. */}}
{{- define "pomar.prepare" -}}
metadata:
  labels: {{- include "pomar.labels" (list . "prepare") | nindent 4 }}
spec:
  {{- include "pomar.anyPod" . | nindent 2 }}
  serviceAccountName: {{ include "pomar.fullname" . }}-prepare
  restartPolicy: OnFailure
  containers:
    - name: prepare
      {{- include "pomar.container" (list . "prepare" "prepare" 10001 10001) | nindent 6 }}
      command: [python, -m, lab.runtimes.kubernetes.prepare]
      env:
        - {name: NAMESPACE, valueFrom: {fieldRef: {fieldPath: metadata.namespace}}}
        {{- if not .Values.secrets.existingSecret }}
        - {name: SECRET, value: {{ include "pomar.secret" . | quote }}}
        {{- end }}
        {{- if not .Values.tls.existingSecret }}
        - {name: TLS_SECRET, value: {{ include "pomar.tlsSecret" . | quote }}}
        - {name: AUTHORITY_SECRET, value: {{ include "pomar.fullname" . }}-authority}
        {{- end }}
        - {name: SECRET_LABELS, value: {{ include "pomar.kept" (list . "secrets") | fromYaml | toJson | quote }}}
        - {name: SHOP_HOSTS, value: {{ include "pomar.hosts" . | quote }}}
        - {name: POSTGRES_HOST, value: {{ include "pomar.fullname" . }}-postgres}
        - {name: VALKEY_HOST, value: {{ include "pomar.fullname" . }}-valkey}
      volumeMounts:
        - {name: tmp, mountPath: /tmp}
  volumes:
    # The authority's key is here while a certificate is issued.
    - name: tmp
      emptyDir: {medium: Memory, sizeLimit: 1Mi}
{{- end }}
