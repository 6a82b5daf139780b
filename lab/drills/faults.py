"""The faults for the drills. Each is a context manager that injects the fault and reverts it when the block ends."""

import json
import random
import resource
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from datetime import timedelta
from itertools import count
from string import ascii_letters

import requests

from lab import http
from lab.errors import LabError
from lab.prometheus import Api
from lab.runs.load import AMPLE_STOCK
from lab.runtimes import services
from lab.runtimes.base import Runtime
from lab.runtimes.services import Service

#: Timeout for the crowd's requests: longer than NGINX waits for uWSGI.
PATIENCE_SECONDS = 45
#: How many times to try to resume stopped workers with SIGCONT.
CONTINUE_ATTEMPTS = 30
Fault = Callable[[Runtime], AbstractContextManager]


@contextmanager
def together(runtime: Runtime, *faults: Fault) -> Iterator[None]:
    """Inject several faults at once. Each of them is reverted even if another one fails."""
    with ExitStack() as stack:
        for fault in faults:
            stack.enter_context(fault(runtime))
        yield


@contextmanager
def stopped(runtime: Runtime, *names: str) -> Iterator[None]:
    """Stop these services, and start them again at the end."""
    with ExitStack() as stack:
        for name in names:
            stack.callback(runtime.start, services.named(name))
            runtime.stop(services.named(name))
        yield


@contextmanager
def _asking(
    runtime: Runtime, number: int, ask: Callable[[requests.Session, str, int], None], pause: float = 0
) -> Iterator[None]:
    """Run ``number`` visitors, each of whom calls ``ask`` repeatedly, pausing ``pause`` seconds in between.

    ``ask`` gets the visitor's HTTP session, the shop's URL, and a number that increases with each call. Failed requests
    are ignored, because they are part of the fault.
    """
    end = threading.Event()
    shop = runtime.url(services.named("nginx"), "")

    def visit(first: int) -> None:
        with http.visitor(str(runtime.ca_file)) as session:
            for turn in count(first):
                with suppress(requests.RequestException):
                    ask(session, shop, turn)
                if end.wait(pause):
                    return

    visitors = []
    with ThreadPoolExecutor(number) as pool:
        try:
            visitors += [pool.submit(visit, first) for first in range(number)]
            yield
        finally:
            end.set()
        for visitor in visitors:
            visitor.result()


def crowd(
    runtime: Runtime, number: int, fault: str = "", paths: Sequence[str] = ("/",), pause: float = 0
) -> AbstractContextManager:
    """Run ``number`` visitors who repeatedly request a fault from ``app/faults/middleware.py``.

    Each of them pauses for ``pause`` seconds between requests. Without ``fault``, they send normal requests. They send
    the lab token but not the load run's header, so the ledger does not count their requests as part of the load run.
    """
    headers = {"X-Lab-Token": runtime.token_file.read_text(encoding="utf-8")} | (
        {"X-Lab-Fault": fault} if fault else {}
    )
    return _asking(
        runtime,
        number,
        lambda session, shop, turn: session.get(
            f"{shop}{paths[turn % len(paths)]}", headers=headers, timeout=PATIENCE_SECONDS
        ),
        pause,
    )


def random_clients(runtime: Runtime, number: int) -> AbstractContextManager:
    """Run clients that send random paths, hosts, methods, queries and user agents, any of which might become labels."""
    chance = random.Random(1)

    def word() -> str:
        return "".join(chance.choices(ascii_letters, k=10))

    def ask(session: requests.Session, shop: str, turn: int) -> None:
        method, path, host = (
            ("GET", f"{word()}/{word()}", ""),
            ("GET", f"search/?q={word()}&{word()}={word()}", ""),
            ("GET", word(), f"{word()}.example"),
            (word().upper(), "", ""),
        )[turn % 4]
        headers = {"User-Agent": word()} | ({"Host": host} if host else {})
        session.request(method, f"{shop}/{path}", headers=headers, timeout=PATIENCE_SECONDS)

    return _asking(runtime, number, ask)


@contextmanager
def unapplied_migration(runtime: Runtime) -> Iterator[None]:
    """Mark as unapplied a migration that no other migration depends on. The tables do not change."""
    try:
        runtime.manage("migrate", "--fake", "checkout", "zero")
        yield
    finally:
        runtime.manage("migrate", "--fake", "checkout")


@contextmanager
def nothing_in_stock(runtime: Runtime) -> Iterator[None]:
    """Set the stock of every product to 0."""
    try:
        runtime.manage("seed_catalogue", "--restock", "--stock", "0")
        yield
    finally:
        runtime.manage("seed_catalogue", "--restock", "--stock", str(AMPLE_STOCK))


@contextmanager
def leaking(runtime: Runtime, fault: str, number: int = 1, pause: float = 0) -> Iterator[None]:
    """Run a ``crowd`` requesting a fault that makes workers leak a resource. Restart uWSGI at the end."""
    try:
        with crowd(runtime, number, fault, pause=pause):
            yield
    finally:
        runtime.restart(services.named("app"))


@contextmanager
def pushed(runtime: Runtime, exposition: str) -> Iterator[None]:
    """Push metrics to the Pushgateway once, and delete them at the end."""
    url = f"{runtime.url(services.named('pushgateway'), '')}/metrics/job/drill"
    try:
        http.session.put(url, data=exposition, timeout=20).raise_for_status()
        yield
    finally:
        http.session.delete(url, timeout=20).raise_for_status()


def stale_job(runtime: Runtime, seconds: int) -> AbstractContextManager:
    """Push once from a job that promises to push again within ``seconds``."""
    return pushed(runtime, f"# TYPE job_max_age_seconds gauge\njob_max_age_seconds {seconds}\n")


def unbounded_label(runtime: Runtime, number: int) -> AbstractContextManager:
    """Push one series for each of ``number`` customers."""
    lines = "".join(f'drill_last_order_seconds{{customer="{each}"}} 1\n' for each in range(number))
    return pushed(runtime, f"# TYPE drill_last_order_seconds gauge\n{lines}")


def taken_name(runtime: Runtime) -> AbstractContextManager:
    """Push two series named like an NGINX metric. A rule in documented.yaml then records the same series twice."""
    return pushed(
        runtime,
        "# TYPE nginx_connections_reading gauge\n"
        'nginx_connections_reading{state="a"} 1\nnginx_connections_reading{state="b"} 1\n',
    )


@contextmanager
def broken_rule(runtime: Runtime) -> Iterator[None]:
    """Reload Prometheus with a rule file that has a syntax error."""
    prometheus = services.named("prometheus")
    try:
        _in(runtime, prometheus, "echo 'groups: [{name: drill, rules: [{alert: Drill, expr: sum(}]}]' >drill/rule.yaml")
        runtime.reload(prometheus)
        yield
    finally:
        _in(runtime, prometheus, "rm -f drill/rule.yaml")
        runtime.reload(prometheus)


@contextmanager
def filled_storage(runtime: Runtime, share: float) -> Iterator[None]:
    """Add a block that fills Prometheus's storage up to ``share`` of its limit.

    The block is a sparse file, so it takes up no disk space. It is a day older than all others, so Prometheus would
    delete it first, and does not compact it together with them. If it is older than the retention time, Prometheus
    deletes it at once. Prometheus looks for new blocks once a minute.
    """
    prometheus = services.named("prometheus")
    api = Api(runtime.url(prometheus, ""))
    data = api.get("status/flags")["storage.tsdb.path"]

    def value(expr: str) -> float:
        return float(api.query(expr, time.time()).series[0]["value"][1])

    limit = value("prometheus_tsdb_retention_limit_bytes")
    if not limit:
        raise LabError("Prometheus has no storage limit: start the lab with PROMETHEUS_RETENTION_SIZE=3GB.")
    taken = value('sum({__name__=~"prometheus_tsdb_(storage_blocks|wal_storage_size|head_chunks_storage_size)_bytes"})')
    size = int(share * limit - taken)
    oldest = int(value("prometheus_tsdb_lowest_timestamp_seconds")) - 86_400
    made = f"{data}/drill.made"
    try:
        _in(
            runtime,
            prometheus,
            f"""
            set -e
            mkdir '{made}'
            cd '{made}'
            printf 'drill_ballast 0 {oldest}\\n# EOF\\n' >samples
            TMPDIR='{made}' promtool tsdb create-blocks-from openmetrics samples . >&2
            cd */chunks
            # A second chunks file: the format's magic number and version, and no chunks.
            printf '\\205\\275\\100\\335\\001\\000\\000\\000' >000002
            truncate -s {size} 000002
            touch ../drill
            mv '{made}'/*/ '{data}'
            """,
        )
        yield
    finally:
        _in(
            runtime,
            prometheus,
            f"rm -rf '{made}'; for mark in '{data}'/*/drill; do [ ! -e \"$mark\" ] || rm -r \"${{mark%/drill}}\"; done",
        )


@contextmanager
def expiring_certificate(runtime: Runtime, days: int) -> Iterator[None]:
    """Give NGINX a certificate that expires in ``days`` days; reverting it renews the certificate and reloads NGINX."""
    try:
        runtime.certify(timedelta(days))
        yield
    finally:
        runtime.certify(None)


@contextmanager
def slow_clients(runtime: Runtime, maximum: int) -> Iterator[None]:
    """Open connections that never complete their request (Slowloris), until NGINX has no free connections.

    Opens as many as NGINX accepts, up to ``maximum``, and replaces each connection that NGINX closes after 10 s.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(soft, maximum + 200)), hard))
    address = ("127.0.0.1", int(runtime.settings["SHOP_HTTP_PORT"]))
    end = threading.Event()

    def connect() -> socket.socket:
        client = socket.create_connection(address, timeout=5)
        try:
            client.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n")
        except OSError:
            client.close()
            raise
        client.setblocking(False)
        return client

    def closed(client: socket.socket) -> bool:
        try:
            return not client.recv(1)
        except BlockingIOError:
            return False
        except OSError:
            return True

    def keep_connecting() -> None:
        clients: list[socket.socket] = []
        while not end.wait(0.2):
            for client in [client for client in clients if closed(client)]:
                client.close()
                clients.remove(client)
            # Do not open all of them at once, so that the exporter and the probe get a connection now and then.
            for _ in range(min(100, maximum - len(clients))):
                with suppress(OSError):
                    clients.append(connect())
        for client in clients:
            client.close()

    thread = threading.Thread(target=keep_connecting)
    thread.start()
    try:
        yield
    finally:
        end.set()
        thread.join()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@contextmanager
def hanging_nginx_worker(runtime: Runtime) -> Iterator[None]:
    """Stop one of NGINX's two workers with SIGSTOP. Clients whose connections it has accepted have to wait."""
    nginx = services.named("nginx")
    found = _in(runtime, nginx, 'read -r master <run/nginx.pid; grep -lsx "PPid:.$master" /proc/[0-9]*/status')
    (pid, *_) = (path.split("/")[2] for path in found.split())
    try:
        _in(runtime, nginx, f"kill -STOP {pid}")
        yield
    finally:
        _in(runtime, nginx, f"kill -CONT {pid}")


@contextmanager
def frozen_workers(runtime: Runtime) -> Iterator[None]:
    """Stop all uWSGI workers with SIGSTOP, including any that uWSGI starts in the meantime."""
    app = services.named("app")
    end = threading.Event()

    def send(signal: str) -> None:
        workers = json.loads(runtime.read(app, "/", port="APP_STATS_PORT"))["workers"]
        pids = " ".join(str(each["pid"]) for each in workers if each["pid"])
        # A worker may exit after its PID has been read.
        _in(runtime, app, f"for pid in {pids}; do kill -{signal} $pid || [ ! -e /proc/$pid ] || exit 1; done")

    def freeze() -> None:
        while not end.is_set():
            # The stats server may not respond at the moment. The next iteration tries again.
            with suppress(LabError, OSError):
                send("STOP")
            end.wait(1)

    thread = threading.Thread(target=freeze)
    thread.start()
    try:
        yield
    finally:
        end.set()
        thread.join()
        for _ in range(CONTINUE_ATTEMPTS):
            with suppress(LabError, OSError):
                send("CONT")
                break
            time.sleep(1)
        else:
            raise LabError("the stopped workers could not be resumed: run `make restart S=app`.")


def _in(runtime: Runtime, where: Service, command: str) -> str:
    """Run a shell command where a service runs and return its output. Raises LabError if the command fails."""
    done = runtime.run(["sh", "-c", command], where, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode != 0:
        raise LabError(f"a command in {where.name} failed: {done.stderr.strip()} (command: `{command.strip()}`)")
    return done.stdout
