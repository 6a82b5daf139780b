"""Test compose.yaml and compose.debian.yaml: image versions, hardening, limits, dependencies, mounts and ports."""

import configparser
import json
import re
import shutil
from pathlib import Path

import pytest
import yaml

from lab.paths import ROOT
from lab.runtimes import services, settings
from lab.runtimes.compose.engine import Compose
from lab.runtimes.compose.pod import FIXED
from lab.runtimes.compose.runtime import ONE_SHOTS

#: Services whose images have no shell and so cannot run health checks. `make up` and Prometheus check them instead.
WITHOUT_A_SHELL = {"shop", "nginx-exporter", "redis-exporter"}
#: The project's own images, built from pinned base images.
OWN = {f"localhost/pomar/{name}:official" for name in ("app", "loadtest", "uwsgi-exporter", "access-log-exporter")}
ENDING = {*ONE_SHOTS, "loadtest"}


class Loader(yaml.SafeLoader):
    """Load Compose files. Values tagged `!reset` become None."""


Loader.add_constructor("!reset", lambda loader, node: None)


def read(name: str) -> dict:
    """Parse a Compose file. Merge keys are resolved, variables are not."""
    return yaml.load((ROOT / name).read_text(), Loader)


COMPOSE = read("compose.yaml")
SERVICES = COMPOSE["services"]
DEBIAN = read("compose.debian.yaml")["services"]


@pytest.fixture(params=sorted(SERVICES))
def service(request: pytest.FixtureRequest) -> dict:
    """Each service's configuration in turn, with its name added."""
    return {"name": request.param, **SERVICES[request.param]}


def test_every_image_is_pinned_to_an_exact_version(service):
    image = service["image"]

    if image in OWN:
        # Never pull it: anyone could publish an image with this name in a registry. Only one service builds it, because
        # parallel builds cannot use the same image name.
        assert service["pull_policy"] == "never"
        assert len([each for each in SERVICES.values() if each["image"] == image and "build" in each]) == 1
    else:
        variable = re.fullmatch(r"\$\{(IMAGE_[A-Z_]+)\}", image)
        version = settings.load({})[variable[1]].rpartition(":")[2]
        assert re.fullmatch(r"v?\d+\.\d+(\.\d+)?(-[a-z0-9.-]+)?", version)


def test_every_pinned_image_is_used():
    used = set(re.findall(r"\$\{(IMAGE_[A-Z_]+)[}:]", (ROOT / "compose.yaml").read_text()))

    assert used == set(settings.OFFICIAL_IMAGES)


def test_every_variable_is_a_setting():
    for name in ("compose.yaml", "compose.debian.yaml", "images/lookalike/compose.yaml"):
        variables = set(re.findall(r"\$\{([A-Z_]+)", (ROOT / name).read_text()))
        assert variables - settings.CHECKS.keys() <= {"BUILD_CA_FILE"}


def test_every_container_is_hardened(service):
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "cap_add" not in service
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["logging"]["options"] == {"max-size": "2m", "max-file": "2"}
    assert not service.get("privileged")
    assert service.get("network_mode") != "host"
    assert "pid" not in service


def test_no_container_runs_as_root(service):
    """For the project's own images, the user is set in the Dockerfile. The live tests check the running containers."""
    folder = re.sub(r"localhost/pomar/(.*):official", r"\1", service["image"])
    user = (
        service.get("user") or re.findall(r"^USER (\S+)$", (ROOT / folder / "Dockerfile").read_text(), re.MULTILINE)[-1]
    )

    assert user.partition(":")[0] not in ("", "root", "0")


def test_every_container_has_resource_limits(service):
    assert re.fullmatch(r"\d+m|\$\{APP_MEMORY\}", service["mem_limit"])
    assert service["cpus"] == "${APP_CPUS}" or 0 < float(service["cpus"]) <= 1
    assert 0 < service["pids_limit"] <= (200 if service["name"] == "grafana" else 130)


def test_no_container_inherits_its_limits_from_the_machine(service):
    """With 64 CPUs, Go programs would use too much memory. With a limit of 10⁹ open files, uWSGI would, too."""
    assert service["environment"]["GOMAXPROCS"] == "1"
    assert service["ulimits"] == {"nofile": 16384}


def test_every_long_running_container_is_checked_and_restarted(service):
    if service["name"] in ENDING:
        assert service["restart"] == "no"
        return
    assert service["restart"] == "unless-stopped"
    assert ("healthcheck" in service) != (service["name"] in WITHOUT_A_SHELL)


def test_every_container_waits_for_its_dependencies(service):
    for name, wait in service.get("depends_on", {}).items():
        if name == "shop" or name in WITHOUT_A_SHELL:
            assert wait == {"condition": "service_started", "restart": True}
        elif name in ENDING:
            assert wait == {"condition": "service_completed_successfully"}
        else:
            assert wait == {"condition": "service_healthy"}


def test_ports_are_published_only_on_localhost(service):
    for published in service.get("ports", []):
        assert re.fullmatch(r"127\.0\.0\.1:\$\{[A-Z_]+_PORT\}:\d+", published)


def test_host_paths_are_mounted_only_from_the_checkout_and_read_only(service):
    for volume in service.get("volumes", []):
        source, _, mode = volume.partition(":")[0], None, volume.rpartition(":")[2]
        if source.startswith((".", "/")):
            assert source.startswith("./")
            assert (ROOT / source).exists()
            # With `z`, SELinux allows every container to read these files. Without SELinux, `z` has no effect.
            assert mode == "ro,z"
        else:
            assert source in COMPOSE["volumes"]


def test_a_secret_is_written_by_one_service_and_read_by_one():
    of = {name: name.removesuffix("-secrets") for name in COMPOSE["volumes"] if name.endswith("-secrets")}
    # This volume contains the shop's private key.
    of["nginx-made"] = "nginx"
    for volume, reader in of.items():
        users = {
            name: mount.endswith(":ro")
            for name, service in SERVICES.items()
            for mount in service.get("volumes", [])
            if mount.startswith(f"{volume}:")
        }
        assert users == {"prepare": False, reader: True}


def test_only_the_prepare_service_can_read_the_ca_key():
    users = [
        name for name, service in SERVICES.items() for mount in service.get("volumes", []) if "authority:" in mount
    ]

    assert users == ["prepare"]
    assert SERVICES["prepare"]["network_mode"] == "none"


def test_only_services_that_use_the_databases_are_on_the_data_network():
    on_data = {name for name, service in SERVICES.items() if "data" in service.get("networks", [])}

    assert on_data == {"shop", "postgres", "valkey", "migrate", "postgres-exporter", "redis-exporter"}
    assert COMPOSE["networks"]["data"] == {"internal": True}


def test_both_runtimes_have_the_same_services_except_those_with_needs():
    stay = {name for name in SERVICES if name not in ENDING}
    programs = configparser.RawConfigParser(inline_comment_prefixes=";")
    programs.read(ROOT / "host" / "supervisord.conf")
    host = {section.partition(":")[2] for section in programs.sections() if section.startswith("program:")}

    assert stay == {service.name for service in services.with_provided({"containers", "postgres", "redis", "grafana"})}
    assert host == {service.name for service in services.with_provided({"processes"})}
    assert stay ^ host == {service.name for service in services.SERVICES if service.needs}


def test_the_debian_kind_has_every_service_except_grafana():
    assert {name for name, service in DEBIAN.items() if service is None} == {"grafana"}
    assert DEBIAN.keys() == SERVICES.keys()


def test_the_debian_kind_replaces_images_and_adapts_only_two_services():
    changed = {key for service in DEBIAN.values() if service for key in service}

    # There is no Grafana: Prometheus mounts no target file for it, and the receiver serves the dashboards.
    assert changed == {"image", "pull_policy", "build", "volumes", "command"}
    for service in filter(None, DEBIAN.values()):
        assert re.fullmatch(r"localhost/pomar/[a-z-]+:\$\{DEBIAN_SUITE\}", service["image"])
        assert service["pull_policy"] == "never"
    assert [name for name, service in DEBIAN.items() if service and "volumes" in service] == ["prometheus"]
    assert [name for name, service in DEBIAN.items() if service and "command" in service] == ["receiver"]


def test_every_debian_image_has_a_build_target():
    targets = set(re.findall(r"^FROM \S+ AS (\S+)$", (ROOT / "images" / "Dockerfile").read_text(), re.MULTILINE))
    builds = [service.get("build", {}) for service in DEBIAN.values() if service]
    wanted = {build["target"] for build in builds if "target" in build}

    # These two are built for both kinds of images.
    wanted |= {SERVICES[name]["build"]["target"] for name in ("uwsgi-exporter", "access-log-exporter")}
    assert targets - {"base", "own-uwsgi-exporter"} == wanted


@pytest.mark.skipif(not shutil.which("docker"), reason="no docker command")
@pytest.mark.parametrize(
    ("kind", "setting", "base"),
    [
        ("official", "", "own-uwsgi-exporter"),
        ("official", "timonwong/uwsgi-exporter:v1.3.0", "timonwong/uwsgi-exporter:v1.3.0"),
        ("debian", "", "own-uwsgi-exporter"),
        ("debian", "timonwong/uwsgi-exporter:v1.3.0", "own-uwsgi-exporter"),
    ],
)
def test_only_the_official_kind_can_replace_the_uwsgi_exporter_image(kind, setting, base):
    wanted = settings.load({"IMAGE_UWSGI_EXPORTER": setting})

    read = json.loads(Compose(wanted, kind).must("config", "--format", "json"))["services"]["uwsgi-exporter"]

    # The replacement is only the base image of a build. The built image has one of the project's names, and is never
    # pulled.
    assert read["build"]["target"] == "uwsgi-exporter"
    assert read["build"]["args"]["UWSGI_EXPORTER"] == base
    assert read["image"].startswith("localhost/pomar/uwsgi-exporter:")
    assert (ROOT / "images" / "Dockerfile").read_text().count("FROM ${UWSGI_EXPORTER} AS uwsgi-exporter\n") == 1


def test_settings_fixed_in_containers_match_the_host_defaults():
    defaults = settings.load({})

    assert {name: defaults[name] for name in FIXED} == FIXED


@pytest.mark.parametrize("script", ["nginx/start.sh", "nginx/rotate-logs.sh", "postgres/start.sh", "postgres/roles.sh"])
def test_a_container_script_does_not_need_to_be_executable(script):
    """A checkout may lose file modes, so each script is either passed to a shell or sourced."""
    assert (ROOT / script).read_text().startswith("#!/bin/sh\n")
    assert b"\r" not in (ROOT / script).read_bytes()


def test_line_endings_are_the_same_on_every_system():
    assert "* text=auto eol=lf" in Path(ROOT / ".gitattributes").read_text().splitlines()
