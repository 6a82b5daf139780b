"""Exactly the expected services are reachable from each network, and only published ports are open on the host."""

import json
import socket
from contextlib import suppress

import pytest

from lab.runtimes import ports
from lab.runtimes.compose import engine

#: Every port that any of the lab's services listens on.
PORTS = (
    *(8443, 8080, 8000, 8001, 8081, 1717, 9113, 9117, 3903, 9187, 9121, 9115),
    *(9090, 9093, 8095, 9091, 3000, 5432, 6379),
)
SHOP = {8443, 8080}
REACHED = {
    "front": {"shop": SHOP},
    "data": {"shop": SHOP, "postgres": {5432}, "valkey": {6379}},
    "monitoring": {
        "shop": SHOP | {8001, 9113, 9117, 3903},
        "postgres-exporter": {9187},
        "redis-exporter": {9121},
        "blackbox-exporter": {9115},
        "prometheus": {9090},
        "receiver": {8095},
        "alertmanager": {9093},
        "pushgateway": {9091},
        "grafana": {3000},
    },
}
#: A script that tries to connect to each address and port, and prints those that accept the connection.
SCAN = """
import json, socket, sys
from concurrent.futures import ThreadPoolExecutor
def opens(target):
    try:
        socket.create_connection(target, 1).close()
        return True
    except OSError:
        return False
targets = json.loads(sys.argv[1])
with ThreadPoolExecutor(64) as pool:
    print(json.dumps([t for t, o in zip(targets, pool.map(opens, map(tuple, targets))) if o]))
"""


@pytest.fixture(scope="module")
def addresses(inspected) -> dict[str, str]:
    """The service at each IP address, on all of the lab's networks."""
    return {
        network["IPAddress"]: name
        for name, container in inspected.items()
        for network in container["NetworkSettings"]["Networks"].values()
        if network["IPAddress"]
    }


@pytest.mark.parametrize("network", REACHED)
def test_a_network_reaches_exactly_the_expected_services(inspected, addresses, network):
    targets = json.dumps([(address, port) for address in addresses for port in PORTS])
    image = inspected["app"]["Config"]["Image"]

    said = engine.docker(
        "run", "--rm", f"--network=pomar_{network}", "--entrypoint=python3", image, "-c", SCAN, targets
    )

    reached: dict[str, set[int]] = {}
    for address, port in json.loads(said.stdout):
        reached.setdefault(addresses[address], set()).add(port)
    assert reached == {name: ports for name, ports in REACHED[network].items() if name in inspected}


def test_only_the_published_ports_are_open_on_this_machine(inspected, runtime):
    published = {
        binding["HostPort"]
        for container in inspected.values()
        for bindings in container["HostConfig"]["PortBindings"].values()
        for binding in bindings
    }
    names = [service.port for service in runtime.services if service.page]

    assert published == {runtime.settings[name] for name in [*names, "SHOP_HTTP_PORT"]}
    # Another program may listen on one of the other ports, but the engine must not.
    for port in {str(port) for port in PORTS} - published:
        with suppress(ConnectionRefusedError), socket.create_connection(("127.0.0.1", int(port)), 1):
            assert not ports.holder(int(port)).startswith("docker")


def test_data_stores_are_only_on_an_internal_network(inspected):
    for name in ("postgres", "valkey"):
        assert list(inspected[name]["NetworkSettings"]["Networks"]) == ["pomar_data"]
    assert json.loads(engine.docker("network", "inspect", "pomar_data").stdout)[0]["Internal"] is True
