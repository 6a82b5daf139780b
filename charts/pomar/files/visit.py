"""Check a shop from inside its cluster: HTTPS works, HTTP redirects to it, and nothing private is public."""

import http.client
import os
import socket
import ssl

SERVICE, HOST = os.environ["SERVICE"], os.environ["HOST"]
# Without a file, the certificate must be signed by a public authority.
CA = "/srv/tls/ca.crt" if os.path.exists("/srv/tls/ca.crt") else None


def connect(port):
    """Connect to the Service."""
    return socket.create_connection((SERVICE, int(os.environ[port])), timeout=10)


def status(path, *, tls=True, host=HOST):
    """Return the status of a GET request to the Service."""
    connection = http.client.HTTPConnection(HOST)
    if tls:
        connection.sock = ssl.create_default_context(cafile=CA).wrap_socket(connect("HTTPS_PORT"), server_hostname=HOST)
    else:
        connection.sock = connect("HTTP_PORT")
    connection.request("GET", path, headers={"Host": host})
    return connection.getresponse().status


CHECKS = {
    "the shop is ready": (status(os.environ["READINESS_PATH"]), 200),
    "HTTP is redirected": (status("/", tls=False), 308),
    "metrics are private": (status("/metrics"), 404),
    "NGINX's status is private": (status("/nginx/status"), 404),
    "other hosts are rejected": (status("/", host="unknown.example"), 421),
}
for name, (found, expected) in CHECKS.items():
    print(f"{'✓' if found == expected else '✗'} {name}: {found}, expected {expected}")
raise SystemExit(any(found != expected for found, expected in CHECKS.values()))
