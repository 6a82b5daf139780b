"""Who can reach the pods of the Helm chart, and how many there are."""

from tests.config.chart import EVERYTHING, one, pods, render, shop_pod


def test_the_service_reaches_only_the_shops_public_ports():
    objects = render(EVERYTHING)
    service = one(objects, "Service", "pomar")["spec"]
    labels = shop_pod(objects)["metadata"]["labels"]

    assert {port["port"]: port["targetPort"] for port in service["ports"]} == {443: 8443, 80: 8080, 8082: 8082}
    assert service["selector"].items() <= labels.items()


def reachable(objects: list[dict]) -> set[tuple[str, str, int]]:
    """Return who may connect to which component on which port; `everyone` if a policy names nobody."""
    found = set()
    for policy in (each["spec"] for each in objects if each["kind"] == "NetworkPolicy"):
        assert policy["policyTypes"] == ["Ingress"]
        target = policy["podSelector"]["matchLabels"].get("app.kubernetes.io/component")
        for rule in policy.get("ingress", []):
            sources = [
                each["podSelector"]["matchLabels"]["app.kubernetes.io/component"] if "podSelector" in each else "given"
                for each in rule.get("from", [])
            ]
            found |= {(source, target, port["port"]) for source in sources or ["everyone"] for port in rule["ports"]}
    return found


def test_only_the_listed_connections_are_allowed():
    assert reachable(render()) == {
        *(("everyone", "web", port) for port in (8443, 8080)),
        *(("prometheus", "web", port) for port in (8001, 9113, 9117, 3903)),
        *((source, "postgres", 5432) for source in ("web", "migrate", "postgres-exporter")),
        *((source, "valkey", 6379) for source in ("web", "redis-exporter")),
        ("prometheus", "postgres-exporter", 9187),
        ("prometheus", "redis-exporter", 9121),
    }


def test_every_pod_is_covered_by_a_network_policy():
    objects = render()
    policies = [each["spec"]["podSelector"] for each in objects if each["kind"] == "NetworkPolicy"]

    def covers(selector: dict, labels: dict) -> bool:
        wanted = selector.get("matchExpressions", [])
        return selector["matchLabels"].items() <= labels.items() and all(
            labels[each["key"]] in each["values"] for each in wanted
        )

    for name, pod in pods(objects):
        if name != "Pod/pomar-visit":
            assert any(covers(selector, pod["metadata"]["labels"]) for selector in policies), name


def test_given_sources_are_added_to_the_network_policies():
    allowed = reachable(render(EVERYTHING))

    assert {source for source, target, port in allowed if (target, port) == ("web", 8443)} == {"given", "visit"}
    assert {source for source, target, port in allowed if port == 8001} == {"given", "prometheus"}


def test_an_ingress_uses_https_or_the_proxy_listener_for_all_names():
    for values, port in (({"ingress": {"enabled": True}}, "https"), (EVERYTHING, "proxy")):
        objects = render(values)
        spec = one(objects, "Ingress", "pomar")["spec"]

        names = [host for host in values.get("hosts", ["localhost"]) if host != "192.0.2.1"]
        assert [rule["host"] for rule in spec["rules"]] == spec["tls"][0]["hosts"] == names
        for rule in spec["rules"]:
            (path,) = rule["http"]["paths"]
            assert path["backend"]["service"] == {"name": "pomar", "port": {"name": port}}


def test_the_autoscaler_decides_the_number_of_pods():
    assert "replicas" not in one(render(EVERYTHING), "Deployment", "pomar")["spec"]
    assert one(render({"replicas": 3}), "Deployment", "pomar")["spec"]["replicas"] == 3
    assert not [each for each in render() if each["kind"] == "HorizontalPodAutoscaler"]


def test_a_topology_constraint_selects_the_shops_own_pods():
    spec = shop_pod(render(preset="production"))["spec"]

    selector = one(render(preset="production"), "Deployment", "pomar")["spec"]["selector"]
    assert [each["labelSelector"] for each in spec["topologySpreadConstraints"]] == [selector]
