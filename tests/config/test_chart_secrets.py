"""The Helm chart renders no password. Each pod gets only its own keys of a Secret that exists or that a Job creates."""

import json
import re

import pytest

from lab.paths import ROOT
from lab.runtimes.kubernetes import prepare
from tests.config.chart import CHART, EVERYTHING, container, containers, env, one, pods, render, shop_pod


def job(objects: list[dict], component: str) -> dict:
    (found,) = (each for each in objects if each["kind"] == "Job" and f"-{component}-" in each["metadata"]["name"])
    return found


@pytest.mark.parametrize(
    "values",
    [
        {"images": {"app": "registry.example/shop:2"}},
        {"app": {"settingsModule": "shop.settings"}},
        {"app": {"migrate": "python manage.py migrate"}},
        {"app": {"extraEnv": [{"name": "A", "value": "b"}]}},
    ],
    ids=["image", "settings module", "command", "environment"],
)
def test_another_image_or_setting_is_another_migration_job(values):
    assert job(render(values), "migrate")["metadata"]["name"] != job(render(), "migrate")["metadata"]["name"]


def test_a_change_elsewhere_keeps_the_migration_job():
    values = {"replicas": 5, "app": {"workers": 8}, "images": {"nginx": "nginx:1.31.0-alpine"}}

    assert job(render(values), "migrate") == job(render(), "migrate")


def test_migrations_have_a_role_of_their_own():
    items = {
        name: {
            item["path"]: item["key"] for source in volume["projected"]["sources"] for item in source["secret"]["items"]
        }
        for name, pod in pods(render())
        for volume in pod["spec"].get("volumes", [])
        if volume["name"] in ("app-secrets", "migrate-secrets")
    }

    assert items["Deployment/pomar"]["database-url"] == "app-database-url"
    (of_job,) = (keys for name, keys in items.items() if name.startswith("Job/pomar-migrate-"))
    assert of_job == {"secret-key": "migrate-secret-key", "database-url": "migrate-database-url"}


def secret_keys(objects: list[dict]) -> dict[str, set[str]]:
    """Return the keys that all pods use of each Secret."""
    used: dict[str, set[str]] = {}
    for _, pod in pods(objects):
        for volume in pod["spec"].get("volumes", []):
            for source in volume.get("projected", {}).get("sources", [volume]):
                if secret := source.get("secret"):
                    name = secret.get("secretName") or secret["name"]
                    used.setdefault(name, set()).update(item["key"] for item in secret["items"])
    return used


def test_the_job_creates_every_key_that_a_pod_uses():
    used = secret_keys(render(EVERYTHING))

    made = prepare.all_credentials("postgres", "valkey").keys()
    assert used.keys() == {"pomar-secrets", "pomar-tls"}
    assert used["pomar-tls"] == set(prepare.IN_TLS.values())
    assert used["pomar-secrets"] <= made
    # For the load test, and for monitoring.
    assert made - used["pomar-secrets"] == {"loadtest-lab-token", "grafana-admin-password"}


def secret_files(pod: dict, container: dict) -> set[str]:
    """Return the path of each file that a container sees from a Secret."""
    volumes = {volume["name"]: volume for volume in pod["spec"]["volumes"]}
    return {
        f"{mount['mountPath']}/{item['path']}"
        for mount in container.get("volumeMounts", [])
        for source in volumes.get(mount["name"], {})
        .get("projected", {})
        .get("sources", [volumes.get(mount["name"], {})])
        for item in source.get("secret", {}).get("items", [])
    }


def test_every_secret_file_that_a_container_is_told_to_read_exists():
    scripts = "".join(path.read_text() for path in (ROOT / "postgres").glob("*.sh"))
    named = set()
    for _, pod in pods(render(EVERYTHING)):
        for each in containers(pod):
            told = [each.get("command"), each.get("args"), env(each), each["name"] == "postgres" and scripts]
            files = set(re.findall(r"/run/secrets/[\w./-]+", str(told)))
            assert files <= secret_files(pod, each), each["name"]
            named |= files

    assert len(named) == 11


def test_no_password_is_rendered():
    assert [each["metadata"]["name"] for each in render(EVERYTHING) if each["kind"] == "Secret"] == []


def test_only_the_job_can_use_the_kubernetes_api_and_only_for_its_secrets():
    objects = render()

    with_account = {name for name, pod in pods(objects) if pod["spec"].get("automountServiceAccountToken") is not False}
    assert {name.rpartition("-")[0] if "Job/" in name else name for name in with_account} == {
        "Job/pomar-prepare",
        "CronJob/pomar",
    }
    given = env(job(objects, "prepare")["spec"]["template"]["spec"]["containers"][0])
    assert one(objects, "Role", "pomar-prepare")["rules"] == [
        {"apiGroups": [""], "resources": ["secrets"], "verbs": ["create"]},
        {
            "apiGroups": [""],
            "resources": ["secrets"],
            "resourceNames": [given["TLS_SECRET"], given["AUTHORITY_SECRET"]],
            "verbs": ["get", "update"],
        },
    ]


def test_what_is_kept_has_one_label_in_common_and_none_of_the_release():
    objects = render({"monitoring": {"mode": "bundled"}})
    claims = [claim for each in objects for claim in each.get("spec", {}).get("volumeClaimTemplates", [])]
    assert len(claims) == 3
    of_secrets = env(job(objects, "prepare")["spec"]["template"]["spec"]["containers"][0])["SECRET_LABELS"]

    for labels in (*(claim["metadata"]["labels"] for claim in claims), json.loads(of_secrets)):
        assert labels["kept-for-release"] == "pomar"
        # Argo CD deletes objects with this label that are not in the chart.
        assert "app.kubernetes.io/instance" not in labels


def test_existing_secrets_are_used_and_none_is_created():
    objects = render(preset="production")

    assert secret_keys(objects) == {
        "shop-secrets": {"app-secret-key"},
        "shop-database": {"app-database-url", "migrate-database-url"},
        "shop-cache": {"app-cache-url"},
        "shop-tls": {"tls.crt", "tls.key", "ca.crt"},
    }
    assert not any("prepare" in each["metadata"]["name"] for each in objects)


def test_the_documented_keys_are_those_of_an_existing_secret():
    values = (CHART / "values.yaml").read_text()
    comment = re.search(r"# An existing Secret. Its keys:(.*?)existingSecret", values, re.DOTALL)[1]

    everything = {"lab": {"enabled": True}, "monitoring": {"mode": "bundled"}}
    used = secret_keys(render({"secrets": {"existingSecret": "mine"}, **everything}))["mine"]
    assert set(re.findall(r"[a-z]+(?:-[a-z]+)+(?:\.[a-z]+)?", comment)) == used


def test_an_existing_certificate_leaves_only_the_passwords_to_the_job():
    objects = render({"tls": {"existingSecret": "shop-tls"}})

    assert "TLS_SECRET" not in env(job(objects, "prepare")["spec"]["template"]["spec"]["containers"][0])
    assert len(one(objects, "Role", "pomar-prepare")["rules"]) == 1
    assert not [each for each in objects if each["kind"] == "CronJob"]


def test_without_a_cache_the_app_gets_no_cache_url():
    app = container(shop_pod(render({"valkey": {"enabled": False}})), "app")

    assert "CACHE_URL_FILE" not in env(app)
