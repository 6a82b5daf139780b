"""Export uWSGI's statistics as Prometheus metrics, with the names of timonwong/uwsgi_exporter 1.3.0.

This program replaces timonwong/uwsgi_exporter, which has had no release since 2023. Metric names, types, labels and
HELP texts are the same, so rules and dashboards work with both. Like the original, it fetches the statistics at each
scrape and keeps no state: after a failed fetch it exports ``uwsgi_up 0`` and no other uWSGI metric. There are two
differences: a key that uWSGI does not send is omitted (the original exports 0), and a document without ``workers``
counts as a failed fetch.

``--collect.cores`` requires uWSGI to run without ``stats-no-cores``. The stats server then shows the variables of every
request in flight, including cookies, to anyone who can connect to it.

    uwsgi-exporter --stats.uri=http://localhost:1717 --web.listen-address=127.0.0.1:9117
"""

import argparse
import html
import re
import sys
import threading
import time
from collections.abc import Callable
from email.message import Message

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric, SummaryMetricFamily

from pomar_telemetry.http_server import Response, Server, exit_on_signals
from pomar_telemetry.uwsgi_exporter.families import stats_families
from pomar_telemetry.uwsgi_exporter.source import StatsError, StatsSource

# Seconds to subtract from Prometheus's scrape timeout, so that the response arrives before Prometheus gives up.
SCRAPE_TIMEOUT_MARGIN = 0.25
# prometheus_client appends _total to every counter's name, but the original's cache counters have no such suffix.
CACHE_COUNTER = re.compile(rb"^(# (?:HELP|TYPE) uwsgi_cache_(?:hits|misses|full))_total ", re.MULTILINE)
# Prometheus's text format, which every release of prometheus_client can write.
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class UwsgiExporter:
    """Fetches uWSGI's statistics once per scrape, and counts scrapes and errors."""

    def __init__(self, source: StatsSource, timeout: float, *, cores: bool):
        self._source = source
        self._timeout = timeout
        self._cores = cores
        self._lock = threading.Lock()
        self._scrapes = 0
        self._errors = 0
        self._seconds = 0.0
        self._reported = ""

    def scrape(self, granted_seconds: float | None = None) -> bytes:
        """Return all metrics as text. The timeout is the configured one or ``granted_seconds``, if that is shorter."""
        timeout = self._timeout
        if granted_seconds is not None:
            timeout = min(timeout, max(0.1, granted_seconds - SCRAPE_TIMEOUT_MARGIN))
        started = time.monotonic()
        families: list[Metric] = []
        failure = ""
        try:
            families = stats_families(self._source.read(timeout), self._source.uri, cores=self._cores)
        except StatsError as error:
            failure = str(error)
        registry = CollectorRegistry()
        registry.register(_Ready(families + self._own_families(failure, time.monotonic() - started)))
        return CACHE_COUNTER.sub(rb"\1 ", generate_latest(registry))

    def _own_families(self, failure: str, seconds: float) -> list[Metric]:
        with self._lock:
            self._scrapes += 1
            if failure:
                self._errors += 1
            else:
                self._seconds += seconds
            if failure != self._reported:
                say(f"{self._source.uri}: {failure or 'uWSGI responds again'}.")
                self._reported = failure
            return [
                GaugeMetricFamily("uwsgi_up", "Whether the uWSGI server is up.", value=int(not failure)),
                GaugeMetricFamily(
                    "uwsgi_exporter_last_scrape_error",
                    "Whether the last scrape of metrics from uWSGI resulted in an error (1 for error, 0 for success).",
                    value=int(bool(failure)),
                ),
                CounterMetricFamily(
                    "uwsgi_exporter_scrapes_total",
                    "Total number of times uWSGI was scraped for metrics.",
                    value=self._scrapes,
                ),
                CounterMetricFamily(
                    "uwsgi_exporter_scrape_errors_total",
                    "Total number of times an error occurred scraping a uWSGI.",
                    value=self._errors,
                ),
                SummaryMetricFamily(
                    "uwsgi_exporter_scrape_duration_seconds",
                    "Duration of uWSGI scrape job.",
                    count_value=self._scrapes - self._errors,
                    sum_value=self._seconds,
                ),
            ]


class _Ready:
    """A collector that returns the given metric families."""

    def __init__(self, families: list[Metric]):
        self._families = families

    def collect(self) -> list[Metric]:
        return self._families


def pages(exporter: UwsgiExporter, metrics_path: str) -> Callable[[str, Message], Response]:
    """Return a function that serves the metrics, the health check and a landing page."""

    def respond(path: str, headers: Message) -> Response:
        path = path.partition("?")[0]
        if path == metrics_path:
            # Always in Prometheus's text format, like the original.
            return Response(200, CONTENT_TYPE, exporter.scrape(granted_seconds(headers)))
        if path == "/-/healthy":
            return Response(200, "text/plain; charset=utf-8", b"ok")
        if path == "/":
            link = f'<a href="{html.escape(metrics_path)}">uWSGI metrics</a>'
            page = f"<!doctype html><title>uWSGI exporter</title>{link}\n"
            return Response(200, "text/html; charset=utf-8", page.encode())
        return Response(404, "text/plain; charset=utf-8", b"not found\n")

    return respond


def granted_seconds(headers: Message) -> float | None:
    """Return the scrape timeout from Prometheus's request header, or None if there is none."""
    try:
        return float(headers["X-Prometheus-Scrape-Timeout-Seconds"])
    except (TypeError, ValueError):
        return None


class Flags(argparse.ArgumentParser):
    """A parser that reports an error in one sentence, without the usage lines."""

    def error(self, message: str) -> None:
        """Print the message and exit with code 2."""
        self.exit(2, f"uwsgi_exporter: {message}.\n")


def duration(text: str) -> float:
    """Parse a duration in Go's notation (``500ms``, ``5s``, ``1m``) and return it in seconds."""
    units = {"ms": 0.001, "s": 1, "m": 60}
    found = re.fullmatch(r"(\d+(?:\.\d+)?)(ms|s|m)", text)
    if not found or not float(found[1]):
        raise argparse.ArgumentTypeError(f"{text!r} is not a positive duration such as 500ms, 5s or 1m")
    return float(found[1]) * units[found[2]]


def listen_address(text: str) -> tuple[str, int]:
    """Parse ``host:port``, ``[ipv6]:port`` or, for all IPv4 addresses, ``:port``."""
    found = re.fullmatch(r"(?:\[([^\[\]]+)\]|([^:\[\]]*)):(\d{1,5})", text)
    if not found or int(found[3]) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is not an address such as :9117 or 127.0.0.1:9117")
    return found[1] or found[2] or "0.0.0.0", int(found[3])


def metrics_path(text: str) -> str:
    """Parse the metrics path. It must differ from the exporter's other paths."""
    if not text.startswith("/") or text in ("/", "/-/healthy"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a path such as /metrics")
    return text


def stats_source(text: str) -> StatsSource:
    """Parse the address of uWSGI's statistics."""
    try:
        return StatsSource(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is not a valid address: {error}") from error


def say(sentence: str) -> None:
    """Write one line to stderr."""
    print(f"uwsgi_exporter: {sentence}", file=sys.stderr, flush=True)


def main() -> None:
    """Serve until SIGTERM or SIGINT. Exit with one sentence if a flag is invalid or the address is in use."""
    flags = Flags(description="Export uWSGI's statistics as Prometheus metrics.", allow_abbrev=False)
    flags.add_argument("--stats.uri", dest="source", type=stats_source, required=True, metavar="URI")
    flags.add_argument("--stats.timeout", dest="timeout", type=duration, default="3s", metavar="DURATION")
    flags.add_argument("--web.listen-address", dest="address", type=listen_address, default=":9117")
    flags.add_argument("--web.telemetry-path", dest="path", type=metrics_path, default="/metrics")
    flags.add_argument(
        "--collect.cores",
        dest="cores",
        action="store_true",
        help="also export metrics for each worker's cores; uWSGI must run without stats-no-cores",
    )
    options = flags.parse_args()

    exit_on_signals()
    exporter = UwsgiExporter(options.source, options.timeout, cores=options.cores)
    host, port = options.address
    try:
        server = Server("uwsgi_exporter", options.address, pages(exporter, options.path))
    except (OSError, UnicodeError) as error:
        sys.exit(f"uwsgi_exporter: cannot listen on {host}:{port}: {getattr(error, 'strerror', error)}.")
    say(f"exporting {options.source.uri} on {host}:{server.server_address[1]}.")
    with server:
        server.serve_forever()


if __name__ == "__main__":
    main()
