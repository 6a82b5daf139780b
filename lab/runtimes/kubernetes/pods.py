"""The shop's pods and their metrics pages, read through the Kubernetes API server."""

import requests

TIMEOUT_SECONDS = 5


class Pods:
    """The pods in a namespace that have some labels.

    ``session`` is an HTTP client that the API server at ``api`` accepts. ``labels`` is a label selector, such as
    ``app.kubernetes.io/component=web``. All methods raise OSError if the API server does not respond or refuses.
    """

    def __init__(self, session: requests.Session, api: str, namespace: str, labels: str) -> None:
        self._session = session
        self._url = f"{api}/api/v1/namespaces/{namespace}/pods"
        self._labels = labels

    def states(self) -> dict[str, str]:
        """Return the name of each running pod, with ``is being stopped`` if it has been deleted but still runs."""
        found = self._get(self._url, labelSelector=self._labels).json()["items"]
        return {
            each["metadata"]["name"]: "is being stopped" if "deletionTimestamp" in each["metadata"] else ""
            for each in found
            if each["status"]["phase"] == "Running"
        }

    def read(self, pod: str, port: int, path: str) -> str:
        """Return the page at ``path`` on a port of a pod. Raises OSError unless the status is 200."""
        return self._get(f"{self._url}/{pod}:{port}/proxy{path}").text

    def _get(self, url: str, **parameters: str) -> requests.Response:
        response = self._session.get(url, params=parameters, timeout=TIMEOUT_SECONDS)
        response.raise_for_status()
        return response
