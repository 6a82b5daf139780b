"""Prometheus's scrape configuration as operators make it from the chart's objects.

It contains what these objects use: the sources are ``promcfg.go`` in prometheus-operator/prometheus-operator and
``pkg/operator/apis/monitoring/v1/pod_config.go`` in GoogleCloudPlatform/prometheus-engine.
"""

POD = "__meta_kubernetes_pod"


def _job(name: str, endpoint: dict, namespace: str, rules: list[dict]) -> dict:
    return {
        "job_name": name,
        "scrape_interval": endpoint["interval"],
        "scrape_timeout": endpoint.get("scrapeTimeout") or endpoint["timeout"],
        "kubernetes_sd_configs": [{"role": "pod", "namespaces": {"names": [namespace]}}],
        "relabel_configs": [
            {"source_labels": [f"{POD}_phase"], "regex": "Failed|Succeeded", "action": "drop"},
            *rules,
        ],
    }


def _selected(spec: dict) -> list[dict]:
    """Return the rules for a selector with matchLabels alone."""
    assert spec["selector"].keys() == {"matchLabels"}
    return [
        {
            "source_labels": [f"{POD}_label_{name.translate(str.maketrans('./-', '___'))}"],
            "regex": value,
            "action": "keep",
        }
        for name, value in spec["selector"]["matchLabels"].items()
    ]


def of_pod_monitor(monitor: dict, namespace: str, name: str) -> dict:
    """Return the job that the Prometheus Operator makes from a PodMonitor with one endpoint."""
    (endpoint,) = monitor["spec"]["podMetricsEndpoints"]
    in_prometheus = {"sourceLabels": "source_labels", "targetLabel": "target_label"}
    labels = {
        "namespace": "__meta_kubernetes_namespace",
        "container": f"{POD}_container_name",
        "pod": f"{POD}_name",
    }
    rules = [
        *_selected(monitor["spec"]),
        {"source_labels": [f"{POD}_container_port_name"], "regex": endpoint["port"], "action": "keep"},
        *({"source_labels": [source], "target_label": label} for label, source in labels.items()),
        {"target_label": "job", "replacement": f"{namespace}/{monitor['metadata']['name']}"},
        {"target_label": "endpoint", "replacement": endpoint["port"]},
        *({in_prometheus.get(key, key): value for key, value in rule.items()} for rule in endpoint["relabelings"]),
    ]
    return _job(name, endpoint, namespace, rules)


def of_pod_monitoring(monitoring: dict, namespace: str) -> dict:
    """Return the job that Google's operator makes from a PodMonitoring with one endpoint that has a numeric port."""
    (endpoint,) = monitoring["spec"]["endpoints"]
    port, name = endpoint["port"], monitoring["metadata"]["name"]
    assert isinstance(port, int)
    assert monitoring["spec"]["targetLabels"] == {"metadata": ["pod"]}
    rules = [
        *_selected(monitoring["spec"]),
        {"source_labels": ["__meta_kubernetes_namespace"], "target_label": "namespace"},
        {"source_labels": [f"{POD}_name"], "target_label": "pod"},
        {"target_label": "job", "replacement": name},
        {"source_labels": [f"{POD}_name"], "replacement": f"$1:{port}", "target_label": "instance"},
        # Every port of the pod becomes the same target, and Prometheus scrapes it once.
        {"source_labels": [f"{POD}_ip"], "replacement": f"$1:{port}", "target_label": "__address__"},
    ]
    return _job(name, endpoint, namespace, rules)
