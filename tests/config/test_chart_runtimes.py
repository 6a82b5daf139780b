"""The Helm chart uses the same files, ports, flags, images and settings as Compose."""

import re
from string import Template

import pytest
import yaml

from lab.paths import ROOT
from lab.runtimes import settings
from lab.runtimes.compose import pod as compose_pod
from tests.config.chart import CHART, container, env, listen_conf, mounted, one, render, shop_pod

COMPOSE = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]
VALUES = yaml.safe_load((CHART / "values.yaml").read_text())


def official(setting: str) -> str:
    return settings.load({})[setting]


def test_the_official_images_are_those_in_the_env_file():
    # prometheus-to-sd exists only on Kubernetes.
    own = {"app", "uwsgiExporter", "accessLogExporter", "prepare", "receiver", "prometheusToSd"}
    images = {name: image for name, image in VALUES["images"].items() if name not in own}

    assert images == {
        "nginx": official("IMAGE_NGINX"),
        "nginxExporter": official("IMAGE_NGINX_EXPORTER"),
        "postgres": official("IMAGE_POSTGRES"),
        "postgresExporter": official("IMAGE_POSTGRES_EXPORTER"),
        "valkey": official("IMAGE_VALKEY"),
        "redisExporter": official("IMAGE_REDIS_EXPORTER"),
        "prometheus": official("IMAGE_PROMETHEUS"),
        "alertmanager": official("IMAGE_ALERTMANAGER"),
        "pushgateway": official("IMAGE_PUSHGATEWAY"),
        "blackboxExporter": official("IMAGE_BLACKBOX_EXPORTER"),
        "grafana": official("IMAGE_GRAFANA"),
    }


def test_containers_run_as_the_users_of_the_official_images():
    facts = yaml.safe_load((ROOT / "images" / "facts.yaml").read_text())

    for name in ("nginx", "postgres", "valkey"):
        user = facts[f"IMAGE_{name.upper()}"]["users"][name]
        assert f"{VALUES[name]['runAsUser']}:{VALUES[name]['runAsGroup']}" == user


def test_the_projects_own_images_have_the_names_that_compose_builds():
    same = {"app": "app", "prepare": "prepare", "receiver": "receiver", "uwsgiExporter": "uwsgi-exporter"}
    for name, service in same.items():
        assert VALUES["images"][name] == COMPOSE[service]["image"]
    assert VALUES["images"]["accessLogExporter"] == COMPOSE["access-log-exporter"]["image"]


def checkout(folder: str) -> dict[str, str]:
    """Return the text of each file in a folder of the checkout."""
    files = (path for path in (ROOT / folder).rglob("*") if path.is_file())
    return {str(path.relative_to(ROOT / folder)): path.read_bytes().decode() for path in files}


def test_nginx_sees_the_files_that_compose_mounts():
    objects = render()
    wanted = checkout("nginx")
    # Rendered to made/listen.conf.
    del wanted["listen.conf.template"]

    assert "./nginx:/srv/nginx/conf:ro,z" in COMPOSE["nginx"]["volumes"]
    assert mounted(objects, shop_pod(objects), "nginx", "/srv/nginx/conf") == wanted


def test_nginx_gets_only_what_the_chart_makes_for_it_in_addition():
    objects = render()

    made = mounted(objects, shop_pod(objects), "nginx", "/srv/nginx/made.template")
    assert made.keys() == {"listen.conf", "draining.conf", "start-in-pod.sh"}


def test_postgresql_sees_the_files_that_compose_mounts():
    objects = render()
    pod = one(objects, "StatefulSet", "pomar-postgres")["spec"]["template"]

    assert "./postgres:/srv/postgres:ro,z" in COMPOSE["postgres"]["volumes"]
    assert mounted(objects, pod, "postgres", "/srv/postgres") == checkout("postgres")


def test_mtail_reads_the_program_that_compose_mounts():
    objects = render()

    files = mounted(objects, shop_pod(objects), "access-log-exporter", "/etc/mtail")
    assert files == {"access_log.mtail": (ROOT / "nginx" / "access_log.mtail").read_text()}


@pytest.mark.parametrize(("preset", "authority_port"), [("", ""), ("lab", ":8443")])
def test_listen_conf_is_rendered_from_the_template_of_all_runtimes(preset, authority_port):
    text = (ROOT / "nginx" / "listen.conf.template").read_text()
    # In a cluster, the name `shop` has no port of its own.
    template = Template(text.replace('    shop ":${SHOP_HTTPS_PORT}";\n', ""))
    assert template.template != text

    assert listen_conf(preset=preset) == template.substitute(
        **compose_pod.PORTS,
        LISTEN_ADDRESS="0.0.0.0",
        HTTP2="; http2 on; include http2.conf",
        VISITOR_SCHEME="$scheme",
        SHOP_HTTPS_AUTHORITY_PORT=authority_port,
        SHOP_HOSTS="localhost 127.0.0.1 pomar pomar.shops pomar.shops.svc",
    )


@pytest.mark.parametrize("name", ["app", "uwsgi-exporter", "nginx-exporter", "access-log-exporter"])
def test_a_container_listens_on_the_same_port_as_in_compose(name):
    setting = {
        "app": "APP_METRICS_PORT",
        "uwsgi-exporter": "EXPORTER_UWSGI_PORT",
        "nginx-exporter": "EXPORTER_NGINX_PORT",
        "access-log-exporter": "EXPORTER_ACCESS_LOG_PORT",
    }[name]

    (port,) = container(shop_pod(render()), name)["ports"]
    assert (port["name"], str(port["containerPort"])) == ("metrics", compose_pod.PORTS[setting])


def flags(arguments: list[str]) -> set[str]:
    """Return a command line's flags in one spelling, without the addresses to listen on and the hosts' names."""
    text = " ".join(arguments)
    text = re.sub(r"--(\S+) (?=[^-\s])", r"--\1=", text)
    text = re.sub(r"--address=\S+", "", text).replace("pomar-", "")
    return set(re.sub(r"(listen-address=)[a-z-]*:", r"\1:", text).split())


@pytest.mark.parametrize("name", ["uwsgi-exporter", "nginx-exporter", "access-log-exporter"])
def test_an_exporter_in_the_pod_has_the_flags_from_compose(name):
    assert flags(container(shop_pod(render()), name)["args"]) == flags(COMPOSE[name]["command"])


@pytest.mark.parametrize("name", ["postgres-exporter", "redis-exporter"])
def test_an_exporter_of_a_database_has_the_flags_from_compose(name):
    pod = one(render(), "Deployment", f"pomar-{name}")["spec"]["template"]

    assert flags(container(pod, name)["args"]) == flags(COMPOSE[name]["command"])


def test_valkey_and_postgresql_are_started_as_in_compose():
    valkey = one(render(), "Deployment", "pomar-valkey")["spec"]["template"]
    postgres = one(render(), "StatefulSet", "pomar-postgres")["spec"]["template"]

    assert container(valkey, "valkey")["command"] == COMPOSE["valkey"]["command"]
    assert container(postgres, "postgres")["command"] == COMPOSE["postgres"]["entrypoint"]
    assert env(container(postgres, "postgres"))["PGDATA"] == COMPOSE["postgres"]["environment"]["PGDATA"]


def test_postgresql_can_write_to_its_volume_and_start_again():
    postgres = one(render({"postgres": {"runAsGroup": 105}}), "StatefulSet", "pomar-postgres")["spec"]["template"]

    security = postgres["spec"]["securityContext"]
    # With the default policy, each start would make the data readable for the group, which PostgreSQL refuses.
    assert (security["fsGroup"], security["fsGroupChangePolicy"]) == (105, "OnRootMismatch")


def test_the_app_has_the_settings_from_compose():
    given = env(container(shop_pod(render(preset="lab")), "app"))
    settings_in_compose = COMPOSE["app"]["environment"].keys() - COMPOSE["valkey"].get("environment", {}).keys()

    assert given.keys() - {"DJANGO_SETTINGS_MODULE"} == settings_in_compose - COMPOSE["nginx"]["environment"].keys()
    for name, setting in (("UWSGI_WORKERS", "4"), ("UWSGI_MAX_REQUESTS", "1000"), ("UWSGI_HARAKIRI", "30")):
        assert given[name] == official(name) == setting
