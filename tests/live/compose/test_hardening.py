"""Every container runs unprivileged, read-only, without capabilities and with resource limits."""

from pathlib import Path

import pytest

from lab.paths import ROOT
from lab.runtimes.compose import engine
from lab.runtimes.compose.runtime import ONE_SHOTS
from lab.runtimes.services import SERVICES

#: Every container. The one-shot containers have exited, so tests that need a running process skip them.
CONTAINERS = [*ONE_SHOTS, *(service.name for service in SERVICES if service.needs != "processes")]


@pytest.fixture(params=CONTAINERS)
def container(request: pytest.FixtureRequest, inspected, runtime) -> dict:
    """The output of ``docker inspect`` for one container."""
    if request.param not in inspected and not any(service.name == request.param for service in runtime.services):
        pytest.skip(f"these images do not include {request.param}")
    return inspected[request.param]


def test_every_container_of_the_lab_is_checked(inspected):
    assert inspected.keys() <= set(CONTAINERS)


def test_it_is_not_root_and_cannot_gain_privileges(container):
    assert container["Config"]["User"].partition(":")[0] not in ("", "0", "root")
    assert container["HostConfig"]["SecurityOpt"] == ["no-new-privileges:true"]
    assert container["HostConfig"]["Privileged"] is False


def test_it_has_no_capabilities(container):
    assert container["HostConfig"]["CapDrop"] == ["ALL"]
    assert not container["HostConfig"]["CapAdd"]


def test_it_can_only_write_to_its_volumes(container):
    assert container["HostConfig"]["ReadonlyRootfs"] is True
    for mount in container["Mounts"]:
        if mount["Type"] == "bind":
            assert mount["RW"] is False
            assert mount["Source"].startswith(f"{ROOT}/")


def test_it_has_limits_for_memory_cpu_processes_and_logs(container):
    host = container["HostConfig"]

    assert 0 < host["Memory"] <= 512 * 1024**2
    assert 0 < host["NanoCpus"] <= 2 * 10**9
    assert 0 < host["PidsLimit"] <= 130
    assert host["LogConfig"]["Config"] == {"max-size": "2m", "max-file": "2"}


def test_its_memory_limit_exceeds_the_size_of_its_program(container):
    if not container["State"]["Running"]:
        pytest.skip("a one-shot container: it has exited")
    program = Path(f"/proc/{container['State']['Pid']}/exe")
    if not program.exists():
        pytest.skip("the engine's processes are not visible on this machine")

    # With a lower limit, pages of the program file would keep evicting each other from the container's memory.
    assert container["HostConfig"]["Memory"] >= program.stat().st_size + 15 * 1024**2


def test_its_open_file_limit_is_16384(container):
    if not container["State"]["Running"]:
        pytest.skip("a one-shot container: it has exited")
    # Read from the process, because the image may have no shell.
    limits = Path(f"/proc/{container['State']['Pid']}/limits")
    if not limits.exists():
        pytest.skip("the engine's processes are not visible on this machine")
    (line,) = (line for line in limits.read_text().splitlines() if line.startswith("Max open files"))
    assert line.split()[3:5] == ["16384", "16384"]


def test_its_ports_are_published_on_localhost_only(container):
    for bindings in container["HostConfig"]["PortBindings"].values():
        assert {binding["HostIp"] for binding in bindings} == {"127.0.0.1"}


def test_the_workers_have_no_capabilities_and_cannot_gain_any(runtime):
    status = engine.docker("exec", engine.containers()["app"].id, "cat", "/proc/self/status").stdout
    said = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)

    assert {said[name] for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {"0" * 16}
    assert said["NoNewPrivs"] == "1"
