"""The committed files in ``k8s/``: up to date, without a password, and installable with the commands at their top."""

import re

import pytest
import yaml

from tests.config.chart import pods
from tests.config.policy import violations
from tests.config.test_chart_runtimes import checkout
from tests.config.test_chart_secrets import secret_keys
from tools import manifests

NAMES = tuple(manifests.FILES)


def text_of(name: str) -> str:
    """Return a file's text."""
    return (manifests.FOLDER / f"{name}.yaml").read_text()


def objects_of(name: str) -> list[dict]:
    """Return a file's objects."""
    return [each for each in yaml.load_all(text_of(name), yaml.CSafeLoader) if each]


def head_of(name: str) -> str:
    """Return the comment at the top of a file, with one command a line."""
    lines = text_of(name).partition("\n---\n")[0].splitlines()
    return re.sub(r" \\\n\s*", " ", "\n".join(line.removeprefix("#") for line in lines))


def test_the_files_are_up_to_date():
    files = sorted(manifests.FOLDER.iterdir())

    assert {file: file.read_text() for file in files} == manifests.files(), "run `make generate`"


@pytest.mark.parametrize("name", NAMES)
def test_a_file_contains_neither_a_secret_nor_a_hook_nor_a_password(name):
    objects = objects_of(name)

    assert len(objects) > 8
    assert {each["kind"] for each in objects}.isdisjoint({"Secret", "Pod"})
    values = [
        variable
        for _, pod in pods(objects)
        for each in pod["spec"]["containers"]
        for variable in each.get("env", [])
        if re.search("PASS|SECRET|TOKEN|_URL$", variable["name"]) and "value" in variable
    ]
    # The value is at most the path of a file.
    assert [each for each in values if not each["value"].startswith(("/run/secrets/", "http://localhost:"))] == []


@pytest.mark.parametrize("name", NAMES)
def test_the_commands_create_every_secret_and_key(name):
    created = {
        secret: set(re.findall(r"--from-(?:literal|file)=([\w.-]+)=", options))
        for secret, options in re.findall(r"create secret generic (\S+)(.*)", head_of(name))
    }

    assert created == secret_keys(objects_of(name))


@pytest.mark.parametrize("name", NAMES)
def test_the_commands_use_the_namespace_that_the_objects_name(name):
    commands = re.findall(r"kubectl (?!create namespace)(.*)", head_of(name))

    assert len(commands) >= 5
    assert all(each.startswith("--namespace pomar ") for each in commands)
    assert f"apply --server-side --filename k8s/{name}.yaml" in commands[-1]
    subjects = [each for object_ in objects_of(name) for each in object_.get("subjects", [])]
    assert all(each["namespace"] == "pomar" for each in subjects)


def test_the_commands_create_the_dashboards_that_grafana_mounts():
    (pod,) = (pod for name, pod in pods(objects_of("bundled")) if name == "Deployment/pomar-grafana")
    (volume,) = (each for each in pod["spec"]["volumes"] if each["name"] == "dashboards")
    stems = [name.removesuffix(".json") for name in checkout("grafana/dashboards")]

    mounted = {each["configMap"]["name"] for each in volume["projected"]["sources"]}
    assert mounted == {f"pomar-dashboard-{stem}" for stem in stems}
    for name in ("bundled", "operator"):
        assert 'create configmap "pomar-dashboard-$(basename "$file" .json)" --from-file="$file"' in head_of(name)
    assert "grafana_dashboard=1" in head_of("operator")


@pytest.mark.parametrize("name", NAMES)
def test_every_pod_follows_the_policy(name):
    assert violations(objects_of(name)) == []


def test_each_file_shows_its_own_way_of_monitoring():
    kinds = {name: {each["kind"] for each in objects_of(name)} for name in NAMES}

    assert {name for name in NAMES if "PodMonitor" in kinds[name]} == {"operator"}
    assert {name for name in NAMES if "PodMonitoring" in kinds[name]} == {"gke"}
    assert {name for name in NAMES if "StatefulSet" in kinds[name]} == {"bundled"}
    assert {name for name in NAMES if "/monitor\n" in text_of(name)} == {"stackdriver"}


@pytest.mark.parametrize("name", NAMES)
def test_the_commands_fit_on_a_page(name):
    assert max(len(line) for line in text_of(name).partition("\n---\n")[0].splitlines()) <= 120
