"""A port that somebody else holds."""

import os
import socket

import pytest

from lab import ports
from lab.errors import LabError


def test_a_taken_port_is_refused_with_its_holder_and_its_variable():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

        with pytest.raises(LabError) as error:
            ports.refuse_taken({"SHOP_HTTPS_PORT": str(port)}, ["SHOP_HTTPS_PORT"])

    assert f"port {port} is taken by " in error.value.message
    assert f"(process {os.getpid()})" in error.value.message
    assert "set SHOP_HTTPS_PORT to another port in .env" in error.value.message


def test_a_port_held_on_every_address_is_refused_as_well():
    with socket.create_server(("0.0.0.0", 0)) as server:
        port = server.getsockname()[1]

        with pytest.raises(LabError, match=f"port {port} is taken"):
            ports.refuse_taken({"PROMETHEUS_PORT": str(port)}, ["PROMETHEUS_PORT"])


def test_a_free_port_is_let_pass():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

    ports.refuse_taken({"PROMETHEUS_PORT": str(port)}, ["PROMETHEUS_PORT"])
