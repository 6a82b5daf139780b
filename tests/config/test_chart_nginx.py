"""A real NGINX with the Helm chart's configuration: behind a proxy, while it drains, and with a renewed certificate."""

import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest

from lab.runtimes import certificates
from lab.runtimes.ports import free_ports
from tests.config.chart import CHART, container, env, listen_conf, render, shop_pod
from tests.config.front import Front, can_connect, ending, read_all
from tests.config.samples import total
from tests.eventually import eventually
from tests.programs import program

PROXY_PORT = 8082
QUICK = {"termination": {"leaveSeconds": 1, "drainSeconds": 1, "scrapeIntervalSeconds": 1}, "lab": {"enabled": True}}


class ChartFront(Front):
    """NGINX with the chart's listen.conf on free ports. ``proxy`` is the port of the listener for a proxy."""

    def __init__(self, prefix: Path, values: dict | None = None) -> None:
        super().__init__(prefix)
        (self.proxy,) = free_ports(1)
        listen = prefix / "made" / "listen.conf"
        http2 = re.search(r"listen \S+ ssl([^;]*(?:; http2 on; include http2.conf)?);", listen.read_text())[1]
        listen.write_text(self.on_free_ports(listen_conf(values)).replace("; http2 on; include http2.conf", http2))

    def on_free_ports(self, text: str) -> str:
        """Replace the chart's ports and addresses."""
        for chosen, given in ((self.https, 8443), (self.http, 8080), (self.status, 8081), (self.app, 8000)):
            text = re.sub(rf"\b{given};", f"{chosen};", re.sub(rf"\b{given} ", f"{chosen} ", text))
        return re.sub(rf"\b{PROXY_PORT}\b", str(self.proxy), text).replace("listen 0.0.0.0", "listen 127.0.0.1")

    def accepted(self) -> int:
        """Return how many requests NGINX has counted."""
        with socket.create_connection(("127.0.0.1", self.status), timeout=5) as connection:
            connection.sendall(b"GET /nginx/status HTTP/1.0\r\n\r\n")
            text = connection.makefile().read()
        return int(re.search(r"^ \d+ \d+ (\d+) $", text, re.MULTILINE)[1])


# A proxy


def behind_proxy(*networks: str) -> dict:
    return {"hosts": ["shop.example"], "proxy": {"enabled": True, "realIpFrom": list(networks)}}


@contextmanager
def tls_proxy(folder: Path, front: ChartFront):
    """Run another NGINX that terminates TLS, as an Ingress controller does, and yield its port."""
    (port,) = free_ports(1)
    made = certificates.ensure(folder, ["shop.example"])
    (folder / "proxy.conf").write_text(
        f"""
        pid {folder}/proxy.pid;
        error_log stderr warn;
        events {{}}
        http {{
            access_log off;
            client_body_temp_path {folder}/body;
            proxy_temp_path {folder}/proxy;
            fastcgi_temp_path {folder}/fastcgi;
            uwsgi_temp_path {folder}/uwsgi;
            scgi_temp_path {folder}/scgi;
            server {{
                listen 127.0.0.1:{port} ssl;
                ssl_certificate {made.shop};
                ssl_certificate_key {made.shop_key};
                location / {{
                    proxy_pass http://127.0.0.1:{front.proxy};
                    proxy_set_header Host $host;
                    proxy_set_header X-Forwarded-For 192.0.2.7;
                    proxy_set_header X-Forwarded-Proto $scheme;
                }}
            }}
        }}
        """
    )
    user = "user root; " if os.geteuid() == 0 else ""
    command = [program("nginx"), "-p", folder, "-e", "stderr", "-c", folder / "proxy.conf", "-g", f"{user}daemon off;"]
    with ending(command):
        eventually(lambda: can_connect(port), because="the proxy starts")
        yield port


def test_django_sees_https_and_the_visitors_address_behind_a_proxy(tmp_path):
    front = ChartFront(tmp_path / "front", behind_proxy("127.0.0.0/8"))
    (tmp_path / "proxy").mkdir()
    with front.running(), front.app_running(), tls_proxy(tmp_path / "proxy", front) as port:
        front.ca = tmp_path / "proxy" / "ca.crt"
        seen = front.get("/", headers="Host: shop.example\r\n", port=port).json()

    assert (seen["HTTP_X_FORWARDED_PROTO"], seen["REQUEST_SCHEME"], seen["HTTPS"]) == ("https", "https", "on")
    assert seen["REMOTE_ADDR"] == "192.0.2.7"


@pytest.mark.parametrize(
    ("networks", "scheme"),
    [("127.0.0.0/8", "https"), ("10.0.0.0/8", "http")],
    ids=["from the proxy", "from another address"],
)
def test_only_the_proxy_may_say_that_a_visitor_used_https(tmp_path, networks, scheme):
    front = ChartFront(tmp_path, behind_proxy(networks))
    forwarded = "Host: shop.example\r\nX-Forwarded-Proto: https\r\nX-Forwarded-For: 192.0.2.7\r\n"
    with front.running(), front.app_running():
        seen = front.get("/", headers=forwarded, port=front.proxy, tls=False).json()

    assert (seen["HTTP_X_FORWARDED_PROTO"], "HTTPS" in seen) == (scheme, scheme == "https")
    assert seen["REMOTE_ADDR"] == ("192.0.2.7" if scheme == "https" else "127.0.0.1")


def test_a_visitor_without_https_is_reported_as_such_by_the_proxy(tmp_path):
    front = ChartFront(tmp_path, behind_proxy("127.0.0.0/8"))
    with front.running(), front.app_running():
        forwarded = "Host: shop.example\r\nX-Forwarded-Proto: http\r\n"
        seen = front.get("/", headers=forwarded, port=front.proxy, tls=False).json()

    assert (seen["HTTP_X_FORWARDED_PROTO"], "HTTPS" in seen) == ("http", False)


def test_the_listener_for_a_proxy_has_the_same_limits_as_the_shop(tmp_path):
    front = ChartFront(tmp_path, behind_proxy("127.0.0.0/8"))
    options = {"port": front.proxy, "tls": False}
    host = "Host: shop.example\r\n"
    with front.running():
        responses = [
            front.get("/metrics", headers=host, **options),
            front.get("/", headers="Host: evil.example\r\n", **options),
            front.get("/", method="PUT", headers=host, **options),
        ]

    assert [(each.status, each.line.route) for each in responses] == [
        (404, "refused"),
        (421, "refused"),
        (405, "refused"),
    ]


# helm test


@pytest.mark.parametrize(
    ("path", "result"),
    [("/", "✓ the shop is ready: 200, expected 200"), ("/?status=503", "✗ the shop is ready: 503, expected 200")],
)
def test_the_test_pod_notices_whether_the_shop_works(tmp_path, path, result):
    front = ChartFront(tmp_path)
    (pod,) = (each for each in render() if each["kind"] == "Pod")
    (visit,) = pod["spec"]["containers"]
    (program_text,) = visit["args"]
    variables = {"SERVICE": "127.0.0.1", "HOST": "localhost", "READINESS_PATH": path}
    variables |= {"HTTPS_PORT": str(front.https), "HTTP_PORT": str(front.http)}
    assert env(visit).keys() == variables.keys()

    command = [sys.executable, "-c", program_text.replace("/srv/tls/ca.crt", str(front.ca))]
    with front.running(), front.app_running():
        done = subprocess.run(command, env=variables, capture_output=True, text=True)

    assert done.stdout.splitlines()[0] == result, done.stderr
    assert done.stdout.count("✓") == (5 if result.startswith("✓") else 4)
    assert done.returncode == (0 if result.startswith("✓") else 1)


# Draining


def test_a_stopping_nginx_finishes_requests_and_keeps_its_counters(tmp_path):
    front = ChartFront(tmp_path, QUICK)
    template = tmp_path / "made.template"
    template.mkdir()
    (template / "draining.conf").write_text(
        front.on_free_ports((CHART / "files" / "nginx" / "draining.conf").read_text())
    )
    (*_, script) = container(shop_pod(render(QUICK)), "nginx")["lifecycle"]["preStop"]["exec"]["command"]
    with front.running() as nginx, front.app_running():
        for _ in range(5):
            front.get("/")
        before = front.accepted()
        with front.connection() as slow:
            slow.sendall(b"GET /?sleep=2.5 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            eventually(front.accepted, because="the request is in flight", wanted=lambda count: count > before + 1)
            hook = subprocess.Popen(["sh", "-c", script.replace("-HUP 1;", f"-HUP {nginx.pid};")], cwd=tmp_path)
            with finished(hook):
                eventually(lambda: not listens(front.https), because="NGINX closes its listener")
                response = read_all(slow)
                assert not listens(front.http)
                # The hook still waits, so that Prometheus can read these counts.
                assert hook.poll() is None
                assert front.accepted() > before + 1
                assert hook.wait(timeout=10) == 0

    assert response.startswith(b"HTTP/1.1 200 ")


@contextmanager
def finished(process: subprocess.Popen):
    """End a process after the block, if it is still running."""
    try:
        yield
    finally:
        process.kill()
        process.wait()


def listens(port: int) -> bool:
    try:
        return can_connect(port)
    except OSError:
        return False


# Starting


@contextmanager
def started_in_pod(front: ChartFront, **settings: str):
    """Run NGINX with the start script of the pod, which checks the certificate more often than in a pod.

    ``settings`` are environment variables.
    """
    prefix = front.prefix
    (prefix / "made").rename(prefix / "made.template")
    (prefix / "made").mkdir()
    # The test of the configuration has created them.
    for name in ("metrics.writing.log", "access.log"):
        (prefix / "logs" / name).unlink()
    wrapper = prefix / "bin" / "nginx"
    wrapper.parent.mkdir()
    user = "user root; " if os.geteuid() == 0 else ""
    wrapper.write_text(
        # NGINX creates its logs after the rotation has looked for them, which then hands them over as late as possible.
        "#!/bin/sh\nsleep 0.5\n"
        f'exec {program("nginx")} -p {prefix}/ -e stderr -c conf/nginx.conf -g "{user}daemon off;"\n'
    )
    wrapper.chmod(0o755)
    script = (CHART / "files" / "nginx" / "start-in-pod.sh").read_text()
    assert "while sleep 60; do" in script
    started = prefix / "start.sh"
    started.write_text(script.replace("/srv/nginx", str(prefix)).replace("sleep 60", "sleep 0.2"))
    path = f"{wrapper.parent}:{os.environ['PATH']}"
    # In a session of its own, because the scripts leave loops behind that end only with their container.
    process = subprocess.Popen(["sh", started], env={"PATH": path, **settings}, start_new_session=True)
    try:
        yield process
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def test_nginx_loads_a_renewed_certificate_without_a_restart(tmp_path):
    front = ChartFront(tmp_path)
    with started_in_pod(front) as process:
        first = eventually(lambda: served(front.https), because="NGINX starts")
        renewed = certificates.ensure(tmp_path / "renewed", ["shop.example"])
        for file in (renewed.shop_key, renewed.shop):
            shutil.copy(file, tmp_path / "made.template" / file.name)

        eventually(lambda: served(front.https), because="NGINX reloads", wanted=lambda it: it != first)
        assert process.poll() is None
        assert served(front.https) == ssl.PEM_cert_to_DER_cert(renewed.shop.read_text())


def test_mtail_counts_the_requests_that_arrive_before_its_log_exists(tmp_path):
    front = ChartFront(tmp_path)
    name = "nginx_http_responses_total"
    quick = {"LOG_CHECK_SECONDS": "2", "LOG_GRACE_SECONDS": "0.5"}
    with front.mtail_running() as port, started_in_pod(front, **quick):
        eventually(lambda: can_connect(front.http), because="NGINX starts")
        for _ in range(3):
            front.get("/", port=front.http, tls=False)
        eventually(
            lambda: total(port, name),
            because="mtail counts each request once",
            wanted=lambda count: count == 3,
        )


def test_a_restarted_nginx_keeps_its_log(tmp_path):
    front = ChartFront(tmp_path)
    log = tmp_path / "logs" / "metrics.log"
    log.write_text("as before\n")
    with started_in_pod(front):
        eventually(lambda: can_connect(front.http), because="NGINX starts")

        assert log.read_text() == "as before\n"


def served(port: int) -> bytes:
    """Return the certificate that a server presents."""
    return ssl.PEM_cert_to_DER_cert(ssl.get_server_certificate(("127.0.0.1", port), timeout=5))
