"""The Helm chart as a whole: its package, its names, and one clear sentence for values that cannot work."""

import re
import tarfile

import pytest
import yaml

from lab.paths import ROOT, version
from tests.config.chart import CHART, EVERYTHING, PRESETS, ChartError, helm, one, render

VALUES = yaml.safe_load((CHART / "values.yaml").read_text())


@pytest.mark.parametrize("preset", ["", *PRESETS])
def test_helm_finds_nothing_to_criticize(preset):
    options = [f"--values={CHART / 'presets' / f'{preset}.yaml'}"] if preset else []

    assert "0 chart(s) failed" in helm("lint", "--strict", CHART, *options)


def test_a_package_contains_the_files_behind_the_symbolic_links(tmp_path):
    helm("package", CHART, f"--destination={tmp_path}")

    with tarfile.open(tmp_path / f"pomar-{version()}.tgz") as package:
        names = package.getnames()
        assert package.extractfile("pomar/nginx/nginx.conf").read() == (ROOT / "nginx" / "nginx.conf").read_bytes()
    assert "pomar/postgres/start.sh" in names
    assert not [name for name in names if name.startswith("pomar/presets")]


def test_the_packaged_chart_renders_the_same_objects(tmp_path):
    helm("package", CHART, f"--destination={tmp_path}")

    assert render(chart=tmp_path / f"pomar-{version()}.tgz") == render()


def test_the_chart_has_the_projects_version():
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())

    assert (chart["version"], chart["appVersion"]) == (version(), version())


def test_the_chart_uses_neither_lookup_nor_hooks_nor_beta_apis():
    templates = {path.name: path.read_text() for path in (CHART / "templates").rglob("*") if path.is_file()}

    assert len(templates) > 10
    assert [name for name, text in templates.items() if re.search(r"\blookup\b(?!`)", text)] == []
    for each in render(EVERYTHING):
        assert re.fullmatch(r"([a-z.0-9]+/)?v\d+", each["apiVersion"]), each["apiVersion"]
        hook = each["metadata"].get("annotations", {}).get("helm.sh/hook")
        assert hook == ("test" if each["metadata"]["name"] == "pomar-visit" else None)


def paths(values: dict, above: str = "") -> set[str]:
    """Return the path of each value that the chart defines."""
    found = set()
    for key, value in values.items():
        found |= {f"{above}{key}"} | (paths(value, f"{above}{key}.") if isinstance(value, dict) else set())
    return found


def test_the_schema_names_exactly_the_values_in_the_file():
    schema = yaml.safe_load((CHART / "values.schema.json").read_text())

    def of(node: dict, above: str = "") -> set[str]:
        node = schema["$defs"][node["$ref"].rpartition("/")[2]] if "$ref" in node else node
        found = set()
        for key, value in node.get("properties", {}).items():
            found |= {f"{above}{key}"} | of(value, f"{above}{key}.")
        return found

    free = ("app.livenessProbe.", "strategy.")
    assert of(schema) - {"global"} == {path for path in paths(VALUES) if not path.startswith(free)}


def test_every_group_of_values_starts_with_a_comment():
    for paragraph in (CHART / "values.yaml").read_text().split("\n\n"):
        assert paragraph.startswith("#"), paragraph


BAD = {
    "an unknown value": ({"replica": 2}, "additional properties 'replica' not allowed"),
    "an unknown value in a group": ({"app": {"worker": 2}}, "at '/app': additional properties 'worker' not allowed"),
    "no version": ({"images": {"nginx": "nginx"}}, "at '/images/nginx': 'nginx' does not match pattern"),
    "latest": ({"images": {"nginx": "nginx:latest"}}, "nginx:latest changes without notice: name an exact version"),
    "an earlier image that is latest": ({"app": {"previousImages": ["a/b:latest"]}}, "a/b:latest changes without"),
    "no worker": ({"app": {"workers": 0}}, "at '/app/workers': minimum: got 0, want 1"),
    "too many workers": ({"app": {"workers": 65}}, "at '/app/workers': maximum: got 65, want 64"),
    "a worker that is killed too late": ({"app": {"harakiriSeconds": 60}}, "at '/app/harakiriSeconds': maximum"),
    "root": ({"app": {"runAsUser": 0}}, "at '/app/runAsUser': minimum: got 0, want 1"),
    "no host": ({"hosts": []}, "at '/hosts': minItems: got 0, want 1"),
    "a host in upper case": ({"hosts": ["Shop.example"]}, "at '/hosts/0': 'Shop.example' does not match pattern"),
    "a host with a port": ({"hosts": ["shop:80"]}, "at '/hosts/0': 'shop:80' does not match pattern"),
    "a number as text": ({"replicas": "2"}, "at '/replicas': got string, want integer"),
    "an unknown policy": ({"imagePullPolicy": "Sometimes"}, "at '/imagePullPolicy': value must be one of 'Always'"),
    "no limit": ({"resources": {"app": {"limits": None}}}, "at '/resources/app': missing property 'limits'"),
    "no unit": ({"resources": {"app": {"limits": {"memory": "512"}}}}, "at '/resources/app/limits/memory': '512'"),
    "an impatient probe": ({"readiness": {"timeoutSeconds": 1}}, "at '/readiness/timeoutSeconds': minimum: got 1"),
    "monitoring of an unknown kind": ({"monitoring": {"mode": "x"}}, "at '/monitoring/mode': value must be"),
    "a name that starts with a digit": ({"fullnameOverride": "1a"}, "1a cannot be the name of a Service: set fullname"),
    "no database": ({"postgres": {"enabled": False}}, "there is no database: set database.existingSecret to a Secret"),
    "two databases": ({"database": {"existingSecret": "a"}}, "there are two databases: set postgres.enabled to false"),
    "two caches": ({"cache": {"existingSecret": "a"}}, "there are two caches: set valkey.enabled to false, or"),
    "an unknown proxy": ({"proxy": {"enabled": True}}, "proxy.enabled needs proxy.realIpFrom, the networks of the"),
    "a proxy by name": ({"proxy": {"realIpFrom": ["proxy"]}}, "at '/proxy/realIpFrom/0': 'proxy' does not match"),
    "the same port twice": ({"service": {"httpPort": 443}}, "two ports of the Service are the same: change service."),
    "a drain that is too short": ({"termination": {"drainSeconds": 5}}, "drainSeconds is less than app.harakiri"),
    "more pods at least than at most": (
        {"autoscaling": {"enabled": True, "minReplicas": 9}},
        "autoscaling.minReplicas is more than autoscaling.maxReplicas",
    ),
    "a label selector": (
        {
            "topologySpreadConstraints": [
                {"maxSkew": 1, "topologyKey": "a", "whenUnsatisfiable": "b", "labelSelector": {}}
            ]
        },
        "topologySpreadConstraints must have no labelSelector: the chart adds it",
    ),
}


@pytest.mark.parametrize(("values", "sentence"), BAD.values(), ids=BAD)
def test_a_wrong_value_is_refused_with_its_place_and_the_reason(values, sentence):
    with pytest.raises(ChartError) as refusal:
        render(values)

    assert sentence in str(refusal.value)


@pytest.mark.parametrize(
    ("release", "values", "name"),
    [
        ("pomar", {}, "pomar"),
        ("my-pomar", {}, "my-pomar"),
        ("shop", {}, "shop-pomar"),
        ("shop", {"nameOverride": "shop"}, "shop"),
        ("shop", {"fullnameOverride": "web"}, "web"),
        ("a" * 53, {}, "a" * 40),
        ("shop", {"nameOverride": "b" * 70}, f"shop-{'b' * 35}"),
    ],
)
def test_objects_are_named_after_the_release(release, values, name):
    objects = render(values, release=release)

    assert one(objects, "Deployment", name)
    for each in objects:
        assert max(map(len, (each["metadata"]["name"], *each["metadata"]["labels"].values()))) <= 63
    assert all(each["metadata"]["name"].startswith((name, "pomar-only-release")) for each in objects)


def test_every_object_has_the_same_labels():
    for each in render(EVERYTHING):
        labels = each["metadata"]["labels"]
        assert labels.pop("app.kubernetes.io/component")
        assert labels == {
            "app.kubernetes.io/name": "pomar",
            "app.kubernetes.io/instance": "pomar",
            "app.kubernetes.io/part-of": "pomar",
            "app.kubernetes.io/version": version(),
            "app.kubernetes.io/managed-by": "Helm",
        }


def test_a_second_release_in_a_namespace_has_an_object_of_the_same_name():
    def identities(release: str) -> set[tuple[str, str]]:
        return {(each["kind"], each["metadata"]["name"]) for each in render(release=release)}

    # Helm refuses to take over an object of another release.
    assert identities("pomar") & identities("shop") == {("ConfigMap", "pomar-only-release")}
