"""A client for Prometheus's HTTP API (https://prometheus.io/docs/prometheus/latest/querying/api/)."""

import time
from collections.abc import Mapping
from dataclasses import dataclass

import requests

from lab import http
from lab.errors import LabError

TIMEOUT_SECONDS = 30


class Refused(LabError):
    """Prometheus rejected the query; the message contains the reason."""


@dataclass(frozen=True)
class Answer:
    """The result of a query: the series as returned by Prometheus, the query time in seconds, and the samples read."""

    series: list[dict]
    seconds: float
    samples: int


class Api:
    """A client for the Prometheus server at ``url``.

    All methods raise LabError if Prometheus does not respond, and Refused if it rejects a query.

    After a timeout, all further queries fail at once.
    """

    def __init__(self, url: str, timeout: float | None = None) -> None:
        self._url = url
        self._timeout = timeout or TIMEOUT_SECONDS
        self._gone = ""

    def query(self, expr: str, at: float) -> Answer:
        """Return the result of an instant query at a Unix time."""
        return self._query("query", {"query": expr, "time": f"{at:.3f}"})

    def query_range(self, expr: str, start: float, end: float, step: float) -> Answer:
        """Return the result of a range query between two Unix times, one point every ``step`` seconds."""
        return self._query(
            "query_range", {"query": expr, "start": f"{start:.3f}", "end": f"{end:.3f}", "step": f"{step:g}"}
        )

    def label_values(self, label: str, selector: str, start: float, end: float) -> list[str]:
        """Return a label's values on the series that match a selector, or on all series if the selector is empty."""
        parameters = {"start": f"{start:.3f}", "end": f"{end:.3f}"} | ({"match[]": selector} if selector else {})
        return self.get(f"label/{label}/values", parameters)

    def get(self, path: str, parameters: Mapping[str, str] | None = None) -> object:
        """Return the ``data`` of the API response for a path below ``/api/v1/``."""
        if self._gone:
            raise LabError(self._gone)
        try:
            response = http.get(f"{self._url}/api/v1/{path}", params=parameters, timeout=self._timeout).json()
        except requests.RequestException as error:
            why = f"Prometheus is not responding at {self._url} ({type(error).__name__}): see `make status`."
            # If Prometheus hangs, every further query would also time out.
            self._gone = why if isinstance(error, requests.Timeout) else ""
            raise LabError(why) from error
        if response["status"] != "success":
            raise Refused(f"Prometheus rejected a query: {response.get('error')}")
        return response["data"]

    def _query(self, path: str, parameters: Mapping[str, str]) -> Answer:
        began = time.perf_counter()
        data = self.get(path, {**parameters, "stats": "all"})
        return Answer(data["result"], time.perf_counter() - began, data["stats"]["samples"]["totalQueryableSamples"])
