"""A cluster as Prometheus sees it: the Kubernetes API's list of pods, and servers on the pods' ports.

Each pod has an address of its own in 127.0.0.0/8.
"""

import json
import random
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

from tests.config.chart import containers


class Cluster:
    """The pods by namespace. They are fixed once the cluster is running."""

    def __init__(self) -> None:
        self.pods: list[dict] = []
        self._network = f"127.{random.randint(1, 254)}.{random.randint(0, 254)}"

    def add(self, name: str, template: dict, *, namespace: str = "shops", phase: str = "Running") -> dict:
        """Add a pod that is made from a template, and return it."""
        address = f"{self._network}.{len(self.pods) + 1}"
        pod = {
            "metadata": {**template["metadata"], "name": name, "namespace": namespace, "uid": f"{namespace}-{name}"},
            "spec": {**template["spec"], "nodeName": "node"},
            "status": {
                "phase": phase,
                "podIP": address,
                "podIPs": [{"ip": address}],
                "conditions": [{"type": "Ready", "status": "True" if phase == "Running" else "False"}],
            },
        }
        self.pods.append(pod)
        return pod

    @contextmanager
    def running(self) -> Iterator[str]:
        """Serve the API and all ports of the pods during the block. Yields the API's URL."""
        with ExitStack() as servers:
            for pod in self.pods:
                for port in (port for each in containers(pod) for port in each.get("ports", [])):
                    handler = Metrics if port["name"] == "metrics" else Pages
                    servers.enter_context(serving(handler, pod["status"]["podIP"], port["containerPort"]))
            handler = type("Handler", (Api,), {"pods": self.pods, "stopped": threading.Event()})
            server = servers.enter_context(serving(handler, "127.0.0.1", 0))
            servers.callback(handler.stopped.set)
            yield f"http://127.0.0.1:{server.server_port}"


class Server(ThreadingHTTPServer):
    """Ignores clients that have closed their connection."""

    def handle_error(self, request: object, client_address: tuple) -> None:
        """Print the traceback of any other error."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


@contextmanager
def serving(handler: type[BaseHTTPRequestHandler], address: str, port: int) -> Iterator[Server]:
    """Run an HTTP server in a thread of its own."""
    with Server((address, port), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


class Handler(BaseHTTPRequestHandler):
    """Responds to GET requests and logs nothing."""

    def log_message(self, *_: object) -> None:
        """Log nothing."""

    def respond(self, status: int, kind: str, text: str) -> None:
        """Send a response."""
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())


class Metrics(Handler):
    """A port named ``metrics``."""

    def do_GET(self) -> None:
        """Serve one metric at every path."""
        self.respond(200, "text/plain; version=0.0.4", "up_and_running 1\n")


class Pages(Handler):
    """A port without metrics, such as NGINX's."""

    def do_GET(self) -> None:
        """Respond as the shop does to a request for /metrics."""
        self.respond(404, "text/html", "<title>Not found</title>")


class Api(Handler):
    """Lists the pods of one namespace or of all, and never reports a change."""

    pods: ClassVar[list[dict]]
    stopped: ClassVar[threading.Event]

    def do_GET(self) -> None:
        """Serve a list of pods, or watch until the end of the test."""
        path, _, query = self.path.partition("?")
        parts = path.removeprefix("/api/v1/").split("/")
        if parts[-1] != "pods":
            self.respond(404, "application/json", "{}")
        elif "sendInitialEvents=" in query:
            # Like an older API. The client then lists the pods instead.
            self.respond(422, "application/json", "{}")
        elif "watch=" in query:
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.stopped.wait()
        else:
            namespace = parts[1] if parts[0] == "namespaces" else None
            items = [pod for pod in self.pods if namespace in (None, pod["metadata"]["namespace"])]
            found = {"kind": "PodList", "apiVersion": "v1", "metadata": {"resourceVersion": "1"}, "items": items}
            self.respond(200, "application/json", json.dumps(found))
