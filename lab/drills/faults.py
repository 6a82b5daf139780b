"""The faults of the drills: each is committed for as long as its block runs, and mended when the block ends."""

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

#: A request of the crowd takes no longer than NGINX waits for uWSGI.
PATIENCE_SECONDS = 45
#: How often workers that were stopped are told to go on, until they are.
CONTINUE_ATTEMPTS = 30
Fault = Callable[[Runtime], AbstractContextManager]


@contextmanager
def together(runtime: Runtime, *faults: Fault) -> Iterator[None]:
    """Several faults at once; each is mended, whatever becomes of the others."""
    with ExitStack() as stack:
        for fault in faults:
            stack.enter_context(fault(runtime))
        yield


@contextmanager
def stopped(runtime: Runtime, *names: str) -> Iterator[None]:
    """Parts that are stopped."""
    with ExitStack() as stack:
        for name in names:
            stack.callback(runtime.start, services.named(name))
            runtime.stop(services.named(name))
        yield


@contextmanager
def _asking(
    runtime: Runtime, number: int, ask: Callable[[requests.Session, str, int], None], pause: float = 0
) -> Iterator[None]:
    """So many visitors, each of whom asks again and again, after ``pause`` seconds.

    ``ask`` gets the visitor's client, the shop's address, and a number that rises with each turn. A request that fails
    is part of the fault.
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
    """So many visitors who ask for the fault of ``app/faults/middleware.py`` that is given, every ``pause`` seconds.

    They carry the lab's token, and not the mark of its load: in the ledger they are others.
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


def strangers(runtime: Runtime, number: int) -> AbstractContextManager:
    """Visitors who make up whatever might become a label: paths, hosts, methods, search words, agents."""
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
    """A migration, on which no other rests, that Django believes to be missing; the tables stay as they are."""
    try:
        runtime.manage("migrate", "--fake", "checkout", "zero")
        yield
    finally:
        runtime.manage("migrate", "--fake", "checkout")


@contextmanager
def nothing_in_stock(runtime: Runtime) -> Iterator[None]:
    """Shelves that are empty while people shop."""
    try:
        runtime.manage("seed_catalogue", "--restock", "--stock", "0")
        yield
    finally:
        runtime.manage("seed_catalogue", "--restock", "--stock", str(AMPLE_STOCK))


@contextmanager
def leaking(runtime: Runtime, fault: str, number: int = 1, pause: float = 0) -> Iterator[None]:
    """Workers that keep what a fault has them take, as ``crowd`` asks for it; they are started anew in the end."""
    try:
        with crowd(runtime, number, fault, pause=pause):
            yield
    finally:
        runtime.restart(services.named("app"))


@contextmanager
def pushed(runtime: Runtime, exposition: str) -> Iterator[None]:
    """A job that has pushed this to the Pushgateway, and does so no more."""
    url = f"{runtime.url(services.named('pushgateway'), '')}/metrics/job/drill"
    try:
        http.session.put(url, data=exposition, timeout=20).raise_for_status()
        yield
    finally:
        http.session.delete(url, timeout=20).raise_for_status()


def stale_job(runtime: Runtime, seconds: int) -> AbstractContextManager:
    """A job that has pushed once, and promised to do so again within so many seconds."""
    return pushed(runtime, f"# TYPE job_max_age_seconds gauge\njob_max_age_seconds {seconds}\n")


def unbounded_label(runtime: Runtime, number: int) -> AbstractContextManager:
    """A job that pushes a series for each of so many customers."""
    lines = "".join(f'drill_last_order_seconds{{customer="{each}"}} 1\n' for each in range(number))
    return pushed(runtime, f"# TYPE drill_last_order_seconds gauge\n{lines}")


def taken_name(runtime: Runtime) -> AbstractContextManager:
    """A job that pushes a metric under a name of NGINX's, twice: documented.yaml makes one series of each."""
    return pushed(
        runtime,
        "# TYPE nginx_connections_reading gauge\n"
        'nginx_connections_reading{state="a"} 1\nnginx_connections_reading{state="b"} 1\n',
    )


@contextmanager
def broken_rule(runtime: Runtime) -> Iterator[None]:
    """A file of rules that Prometheus cannot read when it is told to read all of them anew."""
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
    """A block with which Prometheus has stored this share of what it may.

    It takes no room on the disk: what fills it is a hole. It is a day older than all others, so that it would be the
    first to go, and that no compaction takes it together with them; where the others are nearly as old as Prometheus
    keeps any, it goes at once. Prometheus looks for blocks once a minute.
    """
    prometheus = services.named("prometheus")
    api = Api(runtime.url(prometheus, ""))
    data = api.get("status/flags")["storage.tsdb.path"]

    def value(expr: str) -> float:
        return float(api.query(expr, time.time()).series[0]["value"][1])

    limit = value("prometheus_tsdb_retention_limit_bytes")
    if not limit:
        raise LabError("Prometheus has no bound to fill: start the lab with PROMETHEUS_RETENTION_SIZE=3GB.")
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
            # A second file of chunks: the format's magic number and version, and nothing.
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
def ending_certificate(runtime: Runtime, days: int) -> Iterator[None]:
    """A certificate that ends in so many days; mended as ever, by its renewal and a reload of NGINX."""
    try:
        runtime.certify(timedelta(days))
        yield
    finally:
        runtime.certify(None)


@contextmanager
def slow_clients(runtime: Runtime, most: int) -> Iterator[None]:
    """Clients that begin a request and never end it (Slowloris), until NGINX has no connection left for others.

    There are as many as it takes, up to ``most``. NGINX hangs up on each after 10 s; another comes in its place.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(soft, most + 200)), hard))
    address = ("127.0.0.1", int(runtime.settings["SHOP_HTTP_PORT"]))
    end = threading.Event()

    def come() -> socket.socket:
        client = socket.create_connection(address, timeout=5)
        try:
            client.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n")
        except OSError:
            client.close()
            raise
        client.setblocking(False)
        return client

    def gone(client: socket.socket) -> bool:
        try:
            return not client.recv(1)
        except BlockingIOError:
            return False
        except OSError:
            return True

    def keep_coming() -> None:
        clients: list[socket.socket] = []
        while not end.wait(0.2):
            for client in [client for client in clients if gone(client)]:
                client.close()
                clients.remove(client)
            # Not all at once: who watches NGINX has a connection now and then.
            for _ in range(min(100, most - len(clients))):
                with suppress(OSError):
                    clients.append(come())
        for client in clients:
            client.close()

    thread = threading.Thread(target=keep_coming)
    thread.start()
    try:
        yield
    finally:
        end.set()
        thread.join()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@contextmanager
def hanging_nginx_worker(runtime: Runtime) -> Iterator[None]:
    """One of NGINX's two workers that does nothing more; whoever it has accepted waits."""
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
    """Workers of uWSGI that do nothing more, also those that it starts for one that it kills meanwhile."""
    app = services.named("app")
    end = threading.Event()

    def tell(signal: str) -> None:
        workers = json.loads(runtime.read(app, "/", port="APP_STATS_PORT"))["workers"]
        pids = " ".join(str(each["pid"]) for each in workers if each["pid"])
        # One may have ended between the two looks.
        _in(runtime, app, f"for pid in {pids}; do kill -{signal} $pid || [ ! -e /proc/$pid ] || exit 1; done")

    def freeze() -> None:
        while not end.is_set():
            # Not at a moment at which uWSGI has no time to say who they are.
            with suppress(LabError, OSError):
                tell("STOP")
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
                tell("CONT")
                break
            time.sleep(1)
        else:
            raise LabError("the workers that were stopped cannot be told to go on: `make restart S=app`.")


def _in(runtime: Runtime, where: Service, command: str) -> str:
    """Run a shell's command as a part sees it and return what it printed; raises LabError when it fails."""
    done = runtime.run(["sh", "-c", command], where, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode != 0:
        raise LabError(f"`{command}` failed in {where.name}: {done.stderr.strip()}")
    return done.stdout
