"""Test how the lab handles ports that another program is using."""

import os
import socket
import subprocess
import sys

import pytest

from lab.errors import LabError
from lab.paths import ROOT
from lab.runtimes import ports


def has_ipv6() -> bool:
    """Return whether this machine has the address ::1."""
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


def test_the_error_for_a_taken_port_names_its_process_and_its_setting():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

        with pytest.raises(LabError) as error:
            ports.refuse_taken({"SHOP_HTTPS_PORT": str(port)}, ["SHOP_HTTPS_PORT"])

    assert f"port {port} is taken by " in error.value.message
    assert f"(process {os.getpid()})" in error.value.message
    assert "set SHOP_HTTPS_PORT to another port in .env" in error.value.message


def test_a_port_taken_on_all_addresses_is_refused():
    with socket.create_server(("0.0.0.0", 0)) as server:
        port = server.getsockname()[1]

        with pytest.raises(LabError, match=f"port {port} is taken"):
            ports.refuse_taken({"PROMETHEUS_PORT": str(port)}, ["PROMETHEUS_PORT"])


def test_a_port_taken_by_an_outgoing_connection_is_reported_as_such():
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as client:
        port = client.getsockname()[1]

        with pytest.raises(
            LabError, match=rf"port {port} is taken by an outgoing connection: try again, or set A_PORT"
        ):
            ports.refuse_taken({"A_PORT": str(port)}, ["A_PORT"])


@pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6")
@pytest.mark.parametrize("address", ["::1", "::"])
def test_a_port_taken_only_on_ipv6_is_refused(address):
    with socket.socket(socket.AF_INET6) as server:
        server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        server.bind((address, 0))
        server.listen()
        port = server.getsockname()[1]

        with pytest.raises(LabError, match=rf"port {port} is taken by .+ \(process {os.getpid()}\)"):
            ports.refuse_taken({"PROMETHEUS_PORT": str(port)}, ["PROMETHEUS_PORT"])


def test_ports_can_be_checked_on_a_machine_without_ipv6():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    # Use a separate network namespace, which has a loopback interface but no IPv6.
    script = 'echo 1 > /proc/sys/net/ipv6/conf/all/disable_ipv6; ip link set lo up; exec "$@"'
    check = f"from lab.runtimes import ports; ports.refuse_taken({{'A_PORT': '{port}'}}, ['A_PORT'])"
    command = ["unshare", "--user", "--map-root-user", "--net", "sh", "-c", script, "sh", sys.executable, "-c", check]

    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)

    assert (done.returncode, done.stderr) == (0, "")


def test_a_free_port_is_accepted():
    # Below the range from which the kernel assigns ports to other programs.
    ports.refuse_taken({"PROMETHEUS_PORT": "29417"}, ["PROMETHEUS_PORT"])


def test_a_free_port_stays_reserved_until_its_service_binds_it():
    # Use a separate network namespace with only 20 ephemeral ports, so that other sockets would soon get ours.
    script = 'echo 40000 40019 > /proc/sys/net/ipv4/ip_local_port_range; ip link set lo up; exec "$@"'
    check = """
import contextlib, socket
from lab.runtimes.ports import free_ports
ours = free_ports(4)
others = []
with contextlib.suppress(OSError):
    for _ in range(20):
        others.append(socket.socket())
        others[-1].bind(("127.0.0.1", 0))
theirs = {each.getsockname()[1] for each in others}
assert len(theirs) > 10, theirs
assert not theirs & set(ours), (theirs, ours)
for port in ours:
    socket.create_server(("127.0.0.1", port)).close()
"""
    command = ["unshare", "--user", "--map-root-user", "--net", "sh", "-c", script, "sh", sys.executable, "-c", check]

    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)

    assert (done.returncode, done.stderr) == (0, "")
