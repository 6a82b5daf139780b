"""Pods and their metrics pages, read through the Kubernetes API server."""

import json
from collections.abc import Callable
from urllib.parse import urlencode


class Pods:
    """The pods in a namespace that match a label selector.

    ``get`` returns the API server's response for a path, and raises OSError unless the status is 200. ``labels`` is
    the selector, such as ``app.kubernetes.io/component=web``. All methods raise the OSErrors of ``get``.
    """

    def __init__(self, get: Callable[[str], str], namespace: str, labels: str) -> None:
        self._get = get
        self._path = f"/api/v1/namespaces/{namespace}/pods"
        self._labels = labels

    def states(self) -> dict[str, str]:
        """Return the name of each running pod, with ``is being stopped`` if it has been deleted but still runs."""
        found = json.loads(self._get(f"{self._path}?{urlencode({'labelSelector': self._labels})}"))["items"]
        return {
            each["metadata"]["name"]: "is being stopped" if "deletionTimestamp" in each["metadata"] else ""
            for each in found
            if each["status"]["phase"] == "Running"
        }

    def read(self, pod: str, port: int, path: str) -> str:
        """Return the page at ``path`` on a port of a pod."""
        return self._get(f"{self._path}/{pod}:{port}/proxy{path}")
