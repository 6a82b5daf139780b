"""Test which runtime is selected, and which error is printed if it cannot be used."""

import json
import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

import pytest

from lab.errors import LabError
from lab.runtimes import choose, settings
from lab.runtimes.compose import engine, images
from lab.runtimes.host.runtime import HostRuntime

NOWHERE = "unix:///nowhere/docker.sock"
needs_docker = pytest.mark.skipif(not shutil.which("docker"), reason="no docker command")


@pytest.fixture(autouse=True)
def no_lab_runs(monkeypatch):
    """Hide the lab of this checkout, in case it is running."""
    monkeypatch.setattr(HostRuntime, "is_running", lambda self: False)


def script_in(path: Path, text: str) -> None:
    """Write an executable shell script."""
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


@pytest.fixture
def compose_plugin(monkeypatch, tmp_path) -> Callable[[str], None]:
    """Use Docker with a fake Compose plugin and no user configuration. Return a function that sets the version."""
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    monkeypatch.delenv("DOCKER_CONTEXT", raising=False)
    (tmp_path / "cli-plugins").mkdir()
    metadata = '{"SchemaVersion": "0.1.0", "Vendor": "Docker Inc.", "Version": "1", "ShortDescription": "Compose"}'

    def make(version: str) -> None:
        says = f"""if [ "$1" = docker-cli-plugin-metadata ]; then echo '{metadata}'; else echo {version}; fi"""
        script_in(tmp_path / "cli-plugins" / "docker-compose", says)

    make("2.26.1")
    return make


@pytest.fixture
def no_docker(monkeypatch, tmp_path):
    """A machine without a docker command."""
    monkeypatch.setenv("PATH", str(tmp_path))


def test_without_docker_the_lab_runs_on_the_host_and_says_why(no_docker):
    chosen, why = choose.choose({})

    assert chosen.name == "host"
    assert why == "there is no docker command; to use containers, install Docker with its Compose plugin"


def test_compose_is_refused_if_it_is_requested_but_not_available(no_docker):
    with pytest.raises(LabError, match="RUNTIME is compose, but there is no docker command: install Docker"):
        choose.choose({"RUNTIME": "compose"})


@pytest.mark.skipif(engine.why_not() != ("", ""), reason=f"Compose cannot be used here: {engine.why_not()[0]}")
def test_with_an_engine_the_lab_runs_in_containers():
    chosen, why = choose.choose({})

    assert (chosen.name, why.partition(";")[0]) == ("compose", "a Docker engine is running")


@needs_docker
def test_an_engine_that_does_not_respond_is_reported(monkeypatch, compose_plugin):
    monkeypatch.setenv("DOCKER_HOST", NOWHERE)

    problem, fix = engine.why_not()

    assert problem.startswith("no Docker engine is responding (")
    assert fix == "start a Docker engine"
    assert engine.containers() == {}
    chosen, why = choose.choose({})
    assert (chosen.name, why) == ("host", f"{problem}; to use containers, {fix}")


@needs_docker
@pytest.mark.parametrize("address", ["tcp://192.0.2.1:2375", "ssh://someone@192.0.2.1"])
@pytest.mark.parametrize("by", ["variable", "context"])
def test_an_engine_on_another_machine_is_refused(monkeypatch, compose_plugin, address, by):
    """Ports would be published on that machine, and it does not have this checkout's files."""
    if by == "variable":
        monkeypatch.setenv("DOCKER_HOST", address)
    else:
        made = ["docker", "context", "create", "other", "--docker", f"host={address}"]
        subprocess.run(made, check=True, capture_output=True)
        subprocess.run(["docker", "context", "use", "other"], check=True, capture_output=True)

    with pytest.raises(LabError, match=f"the Docker engine is on another machine .{address}.*: use an engine"):
        choose.choose({"RUNTIME": "compose"})
    chosen, why = choose.choose({})
    assert chosen.name == "host"
    assert f"on another machine ({address})" in why


@needs_docker
@pytest.mark.parametrize("socket", ["/run/user/1000/docker.sock", "/home/someone/.docker/desktop/docker.sock"])
def test_a_unix_socket_at_any_path_is_a_local_engine(monkeypatch, compose_plugin, socket):
    monkeypatch.setenv("DOCKER_HOST", f"unix://{socket}")

    assert engine.why_not()[0].startswith("no Docker engine is responding (")


@needs_docker
@pytest.mark.parametrize(
    ("version", "accepted"), [("2.17.3", False), ("v2.18.0", True), ("2.40.3-3", True), ("dev", True)]
)
def test_a_compose_plugin_that_is_too_old_is_reported(monkeypatch, compose_plugin, version, accepted):
    monkeypatch.setenv("DOCKER_HOST", NOWHERE)
    compose_plugin(version)

    problem, fix = engine.why_not()

    if accepted:
        assert problem.startswith("no Docker engine is responding (")
    else:
        assert (problem, fix) == (f"the Compose plugin is version {version}", "install Compose 2.18 or newer")


@needs_docker
@pytest.mark.parametrize("has_buildx", [False, True], ids=["without", "with"])
def test_compose_5_needs_the_buildx_plugin(monkeypatch, compose_plugin, tmp_path, has_buildx):
    monkeypatch.setenv("DOCKER_HOST", NOWHERE)
    compose_plugin("5.6.1")
    # This plugin takes precedence over any other buildx on this machine.
    metadata = '{"SchemaVersion": "0.1.0", "Vendor": "Docker Inc.", "Version": "1", "ShortDescription": "Buildx"}'
    script_in(tmp_path / "cli-plugins" / "docker-buildx", f"echo '{metadata}'" if has_buildx else "exit 1")

    problem, fix = engine.why_not()

    if has_buildx:
        assert problem.startswith("no Docker engine is responding (")
    else:
        assert problem == "Compose 5.6.1 cannot build images without Docker's buildx plugin, which is missing"
        assert fix.startswith("install the package docker-buildx")


@needs_docker
@pytest.mark.parametrize(("version", "accepted"), [("19.03.15", False), ("20.10.24+dfsg1", True), ("dev", True)])
def test_an_engine_that_is_too_old_is_reported(monkeypatch, compose_plugin, tmp_path, version, accepted):
    server = json.dumps({"Version": version, "Components": []})
    real = shutil.which("docker")
    (tmp_path / "bin").mkdir()
    script_in(tmp_path / "bin" / "docker", f"""case "$*" in *Server*) echo '{server}' ;; *) exec {real} "$@" ;; esac""")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"), prepend=os.pathsep)

    problem = "" if accepted else f"the Docker engine is version {version}"
    assert engine.why_not() == (problem, "" if accepted else "install Docker Engine 20.10 or newer")


@needs_docker
@pytest.mark.skipif(os.getuid() != 0, reason="only root can act as another user")
def test_a_user_without_access_to_the_engine_is_pointed_to_its_group(monkeypatch, compose_plugin):
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(folder / "docker.sock"))
        server.listen()
        (folder / "docker.sock").chmod(0o600)
        monkeypatch.setenv("DOCKER_HOST", f"unix://{folder}/docker.sock")
        shutil.copytree(os.environ["DOCKER_CONFIG"], folder / "config")
        (folder / "config").chmod(0o755)
        monkeypatch.setenv("DOCKER_CONFIG", str(folder / "config"))
        os.seteuid(65534)
        try:
            problem, fix = engine.why_not()
        finally:
            os.seteuid(0)
            shutil.rmtree(folder)

    assert problem == "this user may not use the Docker engine"
    assert fix.startswith("add the user to the group docker")


@pytest.mark.parametrize(
    ("script", "problem"),
    [
        ("sleep 60", "`docker --version` timed out after 1 s"),
        ("echo podman version 5.4.0", "the docker command is Podman"),
        (
            "echo The command docker could not be found in this WSL 2 distro.; exit 1",
            "no Docker engine is responding (The command docker could not be found in this WSL 2 distro.)",
        ),
    ],
    ids=["hangs", "podman", "wsl"],
)
def test_a_docker_command_that_cannot_be_used_is_reported(monkeypatch, tmp_path, script, problem):
    script_in(tmp_path / "docker", script)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.setattr(engine, "RESPONSE_SECONDS", 1)

    assert engine.why_not()[0] == problem


def test_the_host_runtime_is_used_when_it_is_requested():
    assert choose.choose({"RUNTIME": "host"})[0].name == "host"


@pytest.mark.parametrize(
    ("changed", "engine_says", "sentence"),
    [
        ({"APP_CPUS": "3"}, {}, "APP_CPUS is 3, but the Docker engine has 2 CPUs: set APP_CPUS to 2 or less in .env."),
        ({}, {"NCPU": 1}, "APP_CPUS is 2, but the Docker engine has 1 CPU: set APP_CPUS to 1 or less in .env."),
        ({}, {"CpuCfsQuota": False}, "the Docker engine cannot limit CPU time: .*Delegate=cpu.* RUNTIME=host."),
        ({"APP_MEMORY": "1m"}, {}, "APP_MEMORY is 1m, but a shop with UWSGI_WORKERS=4 needs 250m: set APP_MEMORY to"),
        ({"UWSGI_WORKERS": "16"}, {}, "APP_MEMORY is 512m, but a shop with UWSGI_WORKERS=16 needs 850m"),
        ({"APP_MEMORY": "4097m"}, {}, "APP_MEMORY is 4097m, but the Docker engine has 4096m: set APP_MEMORY lower"),
        ({"APP_CPUS": "2"}, {}, ""),
        ({"APP_CPUS": "0.5"}, {"NCPU": 1}, ""),
        ({"APP_MEMORY": "250m"}, {}, ""),
        ({"APP_MEMORY": "4096m", "UWSGI_WORKERS": "64"}, {}, ""),
    ],
)
def test_a_resource_limit_that_cannot_work_is_refused(changed, engine_says, sentence):
    wanted = settings.load({}) | changed
    says = {"NCPU": 2, "CpuCfsQuota": True, "MemTotal": 4096 * 1024**2} | engine_says

    with pytest.raises(LabError, match=sentence) if sentence else nullcontext():
        engine.refuse_limits(wanted, says)


@pytest.mark.parametrize("setting", ["", "timonwong/uwsgi-exporter:v1.3.0"])
def test_exactly_the_configured_official_images_are_pulled(monkeypatch, tmp_path, setting):
    script_in(tmp_path / "docker", f"""echo "$@" >>{tmp_path}/asked; [ "$1" = pull ]""")
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    wanted = settings.load({"IMAGES": "auto", "IMAGE_UWSGI_EXPORTER": setting})

    kind, why = images.choose(wanted)

    lines = (tmp_path / "asked").read_text().splitlines()
    pulled = {line.removeprefix("pull --quiet ") for line in lines if line.startswith("pull")}
    assert (kind, why) == ("official", "they can be pulled")
    assert pulled == {value for name, value in wanted.items() if name.startswith("IMAGE_") and value}
    assert (setting in pulled) == bool(setting)


@pytest.mark.parametrize(
    ("log", "reason"),
    [
        (
            "#12 0.2 E: Failed to fetch http://mirror/x  Could not connect\n#12 ERROR: exit code: 100\nfailed to solve",
            "E: Failed to fetch http://mirror/x  Could not connect",
        ),
        (
            "#9 3.1 ERROR: Could not find a version that satisfies the requirement django==5.2.19\n#9 ERROR: code 1",
            "ERROR: Could not find a version that satisfies the requirement django==5.2.19",
        ),
        ("failed to solve: python:3.13: not found", "failed to solve: python:3.13: not found"),
        ("one\ntwo\n", "two"),
        ("", "no reason given"),
    ],
    ids=["apt", "pip", "base image", "last line", "nothing"],
)
def test_a_failed_build_is_explained_by_its_most_informative_log_line(log, reason):
    assert images.reason(log) == reason


@pytest.mark.parametrize(
    ("log", "advice"),
    [
        (
            "#9 ERROR: write /opt/venv/lib/x.so: no space left on device",
            ". Free some space on Docker's disk: ",
        ),
        ("#9 3.1 E: You don't have enough free space. No space left on device", ". Free some space on Docker's disk"),
        (
            "#9 2.0 W: Failed to fetch http://mirror/x  Temporary failure resolving 'mirror'\n"
            "#9 3.1 E: Unable to locate package nginx",
            ". Check the network.",
        ),
        ("dial tcp: lookup registry.example on 127.0.0.53:53: no such host", ". Check the network."),
        ("manifest for postgres:99 not found: manifest unknown: manifest unknown", "."),
        ("#9 3.1 E: Unable to locate package nginx", "."),
    ],
    ids=["engine", "apt", "network", "registry", "no such image", "no such package"],
)
def test_the_advice_after_a_failed_build_matches_its_cause(log, advice):
    assert images.advice(log).startswith(advice)
    assert ("network" in images.advice(log)) == ("network" in advice)


def test_built_images_are_recognized_in_the_build_log():
    log = (
        "#12 [app 3/9] RUN pip install\n#12 DONE 9.1s\n#15 [app] exporting to image\n"
        "#15 naming to localhost/pomar/app:trixie done\n#15 naming to docker.io/pomar/nginx:trixie 0.1s done\n"
        "#16 naming to localhost/pomar/shop:trixie\nSuccessfully tagged localhost/pomar/valkey:trixie\n"
    )

    assert images.built(log) == ["localhost/pomar/app:trixie", "pomar/nginx:trixie", "localhost/pomar/valkey:trixie"]


def test_finished_images_are_shown_while_others_are_still_building(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(images, "LOGS", tmp_path)
    monkeypatch.setattr(images, "QUICK_SECONDS", 0)
    log = tmp_path / images.BUILD_LOG
    log.write_text("#1 naming to localhost/pomar/app:trixie done\n")

    building = subprocess.Popen(
        ["sh", "-c", f"sleep 0.7; echo '#2 naming to localhost/pomar/shop:trixie done' >>'{log}'"]
    )
    images._finish(building)

    lines = capsys.readouterr().out.splitlines()
    seconds = [float(line.split()[2]) for line in lines]
    assert [line.split()[1] for line in lines] == ["localhost/pomar/app:trixie", "localhost/pomar/shop:trixie"]
    assert seconds[0] < 0.7 <= seconds[1]


@pytest.mark.parametrize(
    ("log", "end"),
    [
        ("#9 1.0 Could not connect to mirror:80\n#9 3.1 E: Unable to locate package nginx", "). Check the network."),
        ("#9 1.0 Collecting async-timeout\n#9 3.1 E: Unable to locate package nginx", ")."),
    ],
    ids=["network", "package"],
)
def test_a_failed_build_mentions_the_network_only_if_that_was_the_cause(monkeypatch, tmp_path, log, end):
    monkeypatch.setattr(images, "LOGS", tmp_path)
    (tmp_path / images.BUILD_LOG).write_text(log)

    with pytest.raises(LabError) as seen:
        images._finish(subprocess.Popen(["false"]))

    assert seen.value.message.startswith("the images cannot be built: E: Unable to locate package nginx (full log: ")
    assert seen.value.message.endswith(end)


def test_start_times_from_the_engine_sort_chronologically():
    def started(time: str) -> str:
        state = {"Status": "running", "ExitCode": 0, "StartedAt": time}
        config = {"Labels": {"com.docker.compose.service": "app"}, "Image": "pomar/app"}
        found = {"Id": "1", "State": state, "Config": config, "HostConfig": {"NetworkMode": "container:2"}}
        return engine.Container.from_inspect(found).started_at

    times = ["2026-11-24T10:00:00Z", "2026-11-24T10:00:00.49Z", "2026-11-24T10:00:00.5Z", "2026-11-24T10:00:00.51Z"]

    assert sorted(map(started, times)) == [started(time) for time in times]
    assert len(set(map(started, times))) == len(times)
