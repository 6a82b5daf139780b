"""Prometheus's HTTP API, as the lab's tools ask it (https://prometheus.io/docs/prometheus/latest/querying/api/)."""

import time
from collections.abc import Mapping
from dataclasses import dataclass

import requests

from lab import http
from lab.errors import LabError

TIMEOUT_SECONDS = 30


class Refused(LabError):
    """Prometheus answered, and said what is wrong with the query."""


@dataclass(frozen=True)
class Answer:
    """The series of a query as Prometheus gives them, the seconds that it took, and the samples that it read."""

    series: list[dict]
    seconds: float
    samples: int


class Api:
    """The Prometheus at ``url``. Each method raises LabError when it does not answer, Refused when it says no.

    One that did not answer in time is not asked again.
    """

    def __init__(self, url: str, timeout: float | None = None) -> None:
        self._url = url
        self._timeout = timeout or TIMEOUT_SECONDS
        self._gone = ""

    def query(self, expr: str, at: float) -> Answer:
        """Return the answer to a query at a unix time."""
        return self._query("query", {"query": expr, "time": f"{at:.3f}"})

    def query_range(self, expr: str, start: float, end: float, step: float) -> Answer:
        """Return the answer to a query from one unix time to another, every ``step`` seconds."""
        return self._query(
            "query_range", {"query": expr, "start": f"{start:.3f}", "end": f"{end:.3f}", "step": f"{step:g}"}
        )

    def label_values(self, label: str, selector: str, start: float, end: float) -> list[str]:
        """Return the values of a label on the series that a selector meets; of all series when it is empty."""
        parameters = {"start": f"{start:.3f}", "end": f"{end:.3f}"} | ({"match[]": selector} if selector else {})
        return self.get(f"label/{label}/values", parameters)

    def get(self, path: str, parameters: Mapping[str, str] | None = None) -> object:
        """Return the data of an answer of the API, by its path below ``/api/v1/``."""
        if self._gone:
            raise LabError(self._gone)
        try:
            answer = http.get(f"{self._url}/api/v1/{path}", params=parameters, timeout=self._timeout).json()
        except requests.RequestException as error:
            why = f"Prometheus does not answer at {self._url} ({type(error).__name__}): see `make status`."
            # One that hangs would cost every further query as long.
            self._gone = why if isinstance(error, requests.Timeout) else ""
            raise LabError(why) from error
        if answer["status"] != "success":
            raise Refused(f"Prometheus refuses a query: {answer.get('error')}")
        return answer["data"]

    def _query(self, path: str, parameters: Mapping[str, str]) -> Answer:
        began = time.perf_counter()
        data = self.get(path, {**parameters, "stats": "all"})
        return Answer(data["result"], time.perf_counter() - began, data["stats"]["samples"]["totalQueryableSamples"])
