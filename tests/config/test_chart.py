"""The Helm chart as a whole: its package, its names, and one clear sentence for values that cannot work."""

import re
import tarfile

import pytest
import yaml

from lab.paths import ROOT, version
from lab.runtimes.kubernetes import programs
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
        node = schema["definitions"][node["$ref"].rpartition("/")[2]] if "$ref" in node else node
        found = set()
        for key, value in node.get("properties", {}).items():
            found |= {f"{above}{key}"} | of(value, f"{above}{key}.")
        return found

    free = ("app.livenessProbe.", "strategy.")
    assert of(schema) - {"global"} == {path for path in paths(VALUES) if not path.startswith(free)}


def test_every_group_of_values_starts_with_a_comment():
    for paragraph in (CHART / "values.yaml").read_text().split("\n\n"):
        assert paragraph.startswith("#"), paragraph


#: Values that the schema does not allow, and the place that Helm names.
NOT_ALLOWED = {
    "an unknown value": ({"replica": 2}, "replica"),
    "an unknown value in a group": ({"app": {"worker": 2}}, "app worker"),
    "no version": ({"images": {"nginx": "nginx"}}, "images.nginx"),
    "no worker": ({"app": {"workers": 0}}, "app.workers"),
    "too many workers": ({"app": {"workers": 65}}, "app.workers"),
    "a worker that is killed too late": ({"app": {"harakiriSeconds": 60}}, "app.harakiriSeconds"),
    "root": ({"app": {"runAsUser": 0}}, "app.runAsUser"),
    "no host": ({"hosts": []}, "hosts"),
    "a host in upper case": ({"hosts": ["Shop.example"]}, "hosts.0"),
    "a host with a port": ({"hosts": ["shop:80"]}, "hosts.0"),
    "a number as text": ({"replicas": "2"}, "replicas integer"),
    "an unknown pull policy": ({"imagePullPolicy": "Sometimes"}, "imagePullPolicy"),
    "no limits": ({"resources": {"app": {"limits": None}}}, "resources.app limits"),
    "a size without a unit": ({"resources": {"app": {"limits": {"memory": "512"}}}}, "resources.app.limits.memory"),
    "an impatient probe": ({"readiness": {"timeoutSeconds": 1}}, "readiness.timeoutSeconds"),
    "an unknown kind of monitoring": ({"monitoring": {"mode": "x"}}, "monitoring.mode"),
    "a proxy by name": ({"proxy": {"realIpFrom": ["proxy"]}}, "proxy.realIpFrom.0"),
    "a label with a space": (
        {"monitoring": {"operator": {"labels": {"release": "a b"}}}},
        "monitoring.operator.labels.release",
    ),
    "a label that is a number": (
        {"monitoring": {"operator": {"labels": {"release": 1}}}},
        "monitoring.operator.labels.release",
    ),
    "a label that is too long": (
        {"monitoring": {"dashboards": {"labels": {"grafana_dashboard": "a" * 64}}}},
        "monitoring.dashboards.labels.grafana_dashboard",
    ),
    "another label of the dashboards": (
        {"monitoring": {"dashboards": {"labels": {"team": "-shop"}}}},
        "monitoring.dashboards.labels.team",
    ),
    "the name of a label": ({"monitoring": {"operator": {"labels": {"my label": "a"}}}}, "my label"),
    "the name of a label of the dashboards": ({"monitoring": {"dashboards": {"labels": {"a/b/c": "a"}}}}, "a.b.c"),
    "a label of the nodes": ({"nodeSelector": {"zone": "a b"}}, "nodeSelector.zone"),
    "an annotation that is not text": ({"podAnnotations": {"team": True}}, "podAnnotations.team"),
    "the name of an annotation": ({"podAnnotations": {"my team": "a"}}, "my team"),
    "an annotation of the Ingress": ({"ingress": {"annotations": {"a": 1}}}, "ingress.annotations.a"),
}
CONSTRAINT = {"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule"}
#: Values that cannot work together or with Kubernetes, and the chart's sentence.
IMPOSSIBLE = {
    "latest": ({"images": {"nginx": "nginx:latest"}}, "the image nginx:latest can change at any time: set"),
    "an earlier image that is latest": ({"app": {"previousImages": ["a/b:latest"]}}, "a/b:latest can change at any"),
    "a name that starts with a digit": ({"fullnameOverride": "1a"}, "1a cannot be the name of a Service: set fullname"),
    "no database": ({"postgres": {"enabled": False}}, "there is no database: set database.existingSecret to a Secret"),
    "two databases": ({"database": {"existingSecret": "a"}}, "there are two databases: set postgres.enabled to false"),
    "two caches": ({"cache": {"existingSecret": "a"}}, "there are two caches: set valkey.enabled to false, or"),
    "an unknown proxy": ({"proxy": {"enabled": True}}, "proxy.enabled needs proxy.realIpFrom, the networks of the"),
    "the same port twice": ({"service": {"httpPort": 443}}, "service.httpsPort and service.httpPort must differ"),
    "a drain that is too short": ({"termination": {"drainSeconds": 5}}, "drainSeconds is less than app.harakiri"),
    "a minimum above the maximum": (
        {"autoscaling": {"enabled": True, "minReplicas": 9}},
        "autoscaling.minReplicas is greater than autoscaling.maxReplicas",
    ),
    "a label selector": (
        {"topologySpreadConstraints": [{**CONSTRAINT, "labelSelector": {}}]},
        "topologySpreadConstraints must have no labelSelector: the chart adds it",
    ),
}


@pytest.mark.parametrize(("values", "place"), NOT_ALLOWED.values(), ids=NOT_ALLOWED)
def test_a_wrong_value_is_refused_with_its_place(values, place):
    with pytest.raises(ChartError, match="values don't meet the specifications of the schema") as refusal:
        render(values)

    # Helm 3 writes app.workers, and Helm 4 '/app/workers'.
    last = str(refusal.value).splitlines()[-1].replace("'/", "").replace("/", ".")
    assert [word for word in place.split() if word not in last] == []


@pytest.mark.parametrize(("values", "sentence"), IMPOSSIBLE.values(), ids=IMPOSSIBLE)
def test_values_that_cannot_work_are_refused_in_one_sentence(values, sentence):
    with pytest.raises(ChartError, match=re.escape(sentence)):
        render(values)


def test_the_notes_name_the_commands_for_this_release():
    if programs.helm_version(programs.find("helm")) < (4, 0):
        pytest.skip("Helm 3 needs a cluster for this")
    text = helm("install", "shop", CHART, "--namespace=shops", "--dry-run=client", values={"lab": {"enabled": True}})

    notes = text.partition("NOTES:")[2]
    assert "rollout status deployment/shop-pomar\n" in notes
    assert "port-forward service/shop-pomar 8443:443\n" in notes
    assert "get secret shop-pomar-tls " in notes
    assert "delete persistentvolumeclaims,secrets --selector kept-for-release=shop\n" in notes
    assert "This is a lab" in notes


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
