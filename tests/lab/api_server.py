"""A Kubernetes API server with pods of the shop: a list of pods, and their metrics pages through the pod proxy.

A pod's first pages were recorded in a running lab (``pages/``: the metrics that the ledger reads), but all counters are
0. Requests that the pod serves increase the same series as in the real exporters.
"""

import json
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

PAGES = Path(__file__).parent / "pages"
#: The port of each exporter in a pod, by job.
PORTS = {"django": 8001, "uwsgi": 9117, "nginx": 9113, "nginx-log": 3903}
SELECTOR = "app.kubernetes.io/component=web"
SAMPLE = re.compile(r"(?P<name>\w+)(?:\{(?P<labels>.*)\})? (?P<value>\S+)")
LABEL = re.compile(r'(\w+)="([^"]*)"')
#: A metric name and its labels.
Key = tuple[str, frozenset[tuple[str, str]]]


class Page:
    """A metrics page whose samples can be changed."""

    def __init__(self, text: str) -> None:
        self._lines: list[str | Key] = []
        self._written: dict[Key, str] = {}
        self._values: dict[Key, float] = {}
        for line in text.splitlines():
            found = SAMPLE.fullmatch(line)
            key = (found["name"], frozenset(LABEL.findall(found["labels"] or ""))) if found else line
            self._lines.append(key)
            if found:
                self._written[key] = line.rpartition(" ")[0]
                self._values[key] = float(found["value"])

    def reset(self) -> None:
        """Set all counters to 0."""
        for key in self._values:
            if key[0].endswith(("_total", "_bucket", "_count", "_sum")):
                self._values[key] = 0

    def add(self, name: str, by: float = 1, **labels: str) -> None:
        """Increase the one sample with this name and these labels, among others."""
        (key,) = (key for key in self._values if key[0] == name and labels.items() <= dict(key[1]).items())
        self._values[key] += by

    def set(self, name: str, value: float, **labels: str) -> None:
        """Set the one sample with this name and these labels, among others."""
        (key,) = (key for key in self._values if key[0] == name and labels.items() <= dict(key[1]).items())
        self._values[key] = value

    def text(self) -> str:
        """Return the page in Prometheus's text format."""
        lines = (
            line if isinstance(line, str) else f"{self._written[line]} {self._values[line]!r}" for line in self._lines
        )
        return "\n".join([*lines, ""])


class Pod:
    """A pod of the shop."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.phase = "Running"
        self.deleted = False
        #: The jobs whose exporters do not respond.
        self.broken: set[str] = set()
        self.pages = {job: Page((PAGES / f"{job}.txt").read_text()) for job in PORTS}
        for page in self.pages.values():
            page.reset()
        self.restart_app()
        self.pages["nginx-log"].set("nginx_access_log_start_time_seconds", time.time())

    def restart_app(self) -> None:
        """Reset the counters of the container ``app``."""
        for job in ("django", "uwsgi"):
            self.pages[job].reset()
        self.pages["django"].set("pomar_counters_start_time_seconds", time.time())
        self.pages["uwsgi"].set("uwsgi_worker_busy", 0, worker_id="1")

    def serve(self, route: str, n: int = 1, *, load: bool = True) -> None:
        """Serve GET requests for a Django view with status 200. With ``load``, they are part of the load run."""
        log, django = self.pages["nginx-log"], self.pages["django"]
        log.add("nginx_http_responses_total", n, route=route, method="GET", status="200")
        if load:
            log.add("nginx_http_load_responses_total", n, route=route, method="GET", status="200")
        log.add("nginx_http_upstream_requests_total", n, route=route, outcome="answered")
        self.pages["nginx"].add("nginx_http_requests_total", n)
        self.pages["uwsgi"].add("uwsgi_worker_requests_total", n, worker_id="1")
        django.add("django_http_requests_before_middlewares_total", n)
        django.add("django_http_responses_before_middlewares_total", n)
        django.add("django_http_responses_total_by_status_total", n, status="200")
        django.add("django_http_responses_total_by_status_view_method_total", n, view=route, method="GET", status="200")

    def scraped(self, job: str) -> str:
        """Return a metrics page. To write its page, NGINX's exporter first reads NGINX's status."""
        if job == "nginx":
            self.pages["nginx"].add("nginx_http_requests_total")
            self.pages["nginx-log"].add("nginx_status_page_requests_total")
        return self.pages[job].text()

    def manifest(self) -> dict:
        """Return the pod as the API server does, with the fields that matter."""
        deleted = {"deletionTimestamp": "2026-11-27T08:00:00Z"} if self.deleted else {}
        labels = {"app.kubernetes.io/component": "web"}
        return {"metadata": {"name": self.name, "labels": labels, **deleted}, "status": {"phase": self.phase}}


class ApiServer:
    """The API server. Tests change its pods with the methods, all of which may be called while it is being read."""

    def __init__(self) -> None:
        self.pods: dict[str, Pod] = {}
        self.lock = threading.Lock()
        #: If set, the status of every response.
        self.refuses = 0

    def response(self, url: str) -> tuple[int, str]:
        """Return the status and the body of the response to a GET request."""
        path, query = urlsplit(url).path, parse_qs(urlsplit(url).query)
        if self.refuses:
            return self.refuses, json.dumps({"kind": "Status", "status": "Failure", "code": self.refuses})
        if path == "/api/v1/namespaces/pomar/pods" and query == {"labelSelector": [SELECTOR]}:
            return 200, json.dumps({"kind": "PodList", "items": [pod.manifest() for pod in self.pods.values()]})
        found = re.fullmatch(r"/api/v1/namespaces/pomar/pods/(?P<pod>[\w-]+):(?P<port>\d+)/proxy/metrics", path)
        pod = self.pods.get(found["pod"]) if found else None
        job = next((job for job, port in PORTS.items() if found and port == int(found["port"])), None)
        if not pod or not job:
            return 404, json.dumps({"kind": "Status", "status": "Failure", "code": 404})
        if pod.phase != "Running" or job in pod.broken:
            return 503, "error trying to reach service: dial tcp 10.1.0.7:8001: connect: connection refused"
        return 200, pod.scraped(job)


@contextmanager
def running() -> Iterator[tuple[ApiServer, str]]:
    """Run the API server until the end of the block, and yield it and its URL."""
    api = ApiServer()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # Send the headers and the body together.
        wbufsize = -1

        def do_GET(self) -> None:
            with api.lock:
                status, text = api.response(self.path)
            self.send_response(status)
            self.send_header(
                "Content-Type", "application/json" if text.startswith("{") else "text/plain; version=0.0.4"
            )
            self.send_header("Content-Length", str(len(text.encode())))
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield api, f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
