{{/* The sidecar of 2018 that sends the metrics to Stackdriver. Kept for history: see `stackdriver` in values.yaml. */}}
{{- define "pomar.stackdriver" -}}
# Kept for history. It sends the metrics to Stackdriver, one --source for each exporter of the pod.
- name: prometheus-to-sd
  {{- include "pomar.container" (list . "prometheusToSd" "prometheusToSd" 65534 65534) | nindent 2 }}
  command:
    - /monitor
    - --source=:http://localhost:9117/metrics # uwsgi
    - --source=:http://localhost:9113/metrics # nginx
    - --source=:http://localhost:3903/metrics # nginx-log
    # Port 8080 in 2018. It is NGINX's now, and a separate process serves the metrics.
    - --source=:http://localhost:8001/metrics # django
    - --stackdriver-prefix=custom.googleapis.com
    - --pod-id=$(POD_ID)
    - --namespace-id=$(POD_NAMESPACE)
  env:
    - name: POD_ID
      valueFrom:
        fieldRef:
          apiVersion: v1
          fieldPath: metadata.name
    - name: POD_NAMESPACE
      valueFrom:
        fieldRef:
          fieldPath: metadata.namespace
  # Not named `metrics`: its own metrics are of no interest.
  ports:
    - {name: debug, containerPort: 6061, protocol: TCP}
  livenessProbe:
    httpGet: {path: /metrics, port: debug}
    periodSeconds: 20
    timeoutSeconds: 5
    failureThreshold: 3
{{- end }}
