"""The ledger is exact: every tier counts the same requests, whatever happens. If that cannot be known, it says so."""

import json
import os
import shutil
import signal
import subprocess

import pytest

from lab.paths import ROOT
from lab.runs import archive, load
from lab.runs.ledger import text
from lab.runs.ledger.books import Ledger
from lab.runtimes import services
from tests.eventually import eventually
from tests.live.observer import send_signal
from tests.live.visitors import Visitors, once_the_load_runs

#: The stock at the start of a flash sale.
CATALOGUE = json.loads((ROOT / "app" / "product" / "catalogue.json").read_text())["products"]
STOCK_LEFT = "from product.models import Product; print(sum(Product.objects.values_list('stock', flat=True)))"


@pytest.fixture
def visitors(runtime, observer) -> Visitors:
    """Eight visitors that count their own requests."""
    return Visitors(runtime, observer)


def holds(ledger: Ledger) -> None:
    """Fail and print the ledger unless every tier counted the same number of requests."""
    assert ledger.verdict == "exact", f"\n{text.page(ledger)}"
    assert {row.remainder for row in ledger.account.rows} == {0}


def term(ledger: Ledger, what: str) -> int:
    """Return the count in the ledger line that starts with ``what``."""
    (found,) = {line.count for line in ledger.account.lines if line.what.startswith(what)}
    return found


def others(ledger: Ledger, route: str) -> int:
    """Return the number of requests that other clients sent to a route."""
    return sum(row.others for row in ledger.account.rows if row.route == route)


def test_a_steady_run_has_no_remainder(runtime, shopped):
    ledger = archive.read(runtime, shopped["file"]).ledger

    holds(ledger)
    assert ledger.account.lines[0].count == shopped["requests"] > 300
    assert "LEDGER: remainder 0 in every row" in text.page(ledger)


@pytest.mark.one_runtime("host")
def test_a_run_with_fifty_visitors_and_a_harakiri_is_exact(runtime, observer, visitors):
    """The stuck request comes from another client. Django starts it but never responds, and uWSGI never finishes it."""
    harakiri = int(runtime.settings["UWSGI_HARAKIRI"])
    statuses = []

    def send_stuck_request() -> None:
        headers = {"X-Lab-Token": visitors.mark["X-Lab-Token"], "X-Lab-Fault": "sleep=60"}
        statuses.append(observer.client().get(f"{observer.shop}/cart/", headers=headers, timeout=60).status_code)

    with once_the_load_runs(observer, send_stuck_request):
        code, file = load.shop(runtime, "steady", {"USERS": "50", "DURATION": f"{harakiri}s"})
    ledger = archive.read(runtime, file).ledger

    holds(ledger)
    assert (code, statuses) == (0, [502])
    assert term(ledger, "killed by harakiri") == 1
    assert term(ledger, "lost in Django with their worker") == 0
    assert others(ledger, "cart:cart-summary") == 1


@pytest.mark.one_runtime("host")
def test_a_flash_sale_is_counted_with_its_refused_orders(runtime, observer):
    """The number of units sold matches the decrease in stock, and the refused orders match the shop's counter."""

    def counted() -> dict[str, float]:
        return {
            "placed": observer.on_page("django", "pomar_orders_total", outcome="placed"),
            "refused": observer.on_page("django", "pomar_orders_total", outcome="out_of_stock"),
            "units": observer.on_page("django", "pomar_items_sold_total"),
        }

    before = counted()
    code, file = load.shop(runtime, "flash-sale", {"DURATION": "12s"})
    after = counted()
    left = runtime.manage("shell", "-c", STOCK_LEFT)
    run = archive.read(runtime, file)
    ledger, result = run.ledger, run.result

    holds(ledger)
    assert code == 0
    assert {name: after[name] - before[name] for name in after} == {
        "placed": result["orders_placed"],
        "refused": result["orders_refused"],
        "units": result["units"],
    }
    assert result["orders_refused"] > 0
    assert int(left.splitlines()[-1]) == sum(int(product["stock"]) for product in CATALOGUE) - result["units"]


@pytest.mark.one_runtime("compose")
def test_another_load_that_recycles_every_worker_is_counted_separately(runtime, observer):
    """ApacheBench sends enough requests to recycle every worker. The ledger counts them under ``others``."""
    ab = shutil.which("ab")
    if not ab:
        sentence = "no second load generator: apt install apache2-utils"
        if os.environ.get("CI"):
            pytest.fail(sentence, pytrace=False)
        pytest.skip(sentence)
    count = len(observer.workers()) * (int(runtime.settings["UWSGI_MAX_REQUESTS"]) + 250)
    before = {slot: worker["respawn_count"] for slot, worker in observer.workers().items()}
    command = [ab, "-q", "-k", "-n", str(count), "-c", "6", f"{observer.shop}/health/live"]

    done: list[subprocess.CompletedProcess] = []
    with once_the_load_runs(observer, lambda: done.append(subprocess.run(command, capture_output=True, text=True))):
        code, file = load.shop(runtime, "smoke", {"DURATION": "10s"})
    ledger = archive.read(runtime, file).ledger

    holds(ledger)
    assert (code, done[0].returncode) == (0, 0), done[0].stderr
    assert others(ledger, "health:live") == count
    recycled = [slot for slot, worker in observer.workers().items() if worker["respawn_count"] > before[slot]]
    assert recycled == list(before)
    assert term(ledger, "lost in Django with their worker") == 0


@pytest.mark.one_runtime("compose")
def test_killed_workers_lose_only_their_requests_in_flight(runtime, observer, visitors):
    with visitors.books() as kept:
        with visitors.walking():
            for slot in observer.workers():
                eventually(
                    lambda slot=slot: send_signal(runtime, signal.SIGKILL, observer.workers()[slot]["pid"] or 2**22),
                    because=f"worker {slot} is running",
                )
        # Each of these requests kills its worker inside a view.
        visitors.send(3, [("/cart/", "cart:cart-summary")], **{"X-Lab-Fault": "abort"})

    holds(kept[0])
    killed = term(kept[0], "lost in Django with their worker") + term(kept[0], "lost with their worker before")
    assert killed >= 3
    assert visitors.statuses()[502] >= 3


@pytest.mark.one_runtime("host")
def test_a_chain_reload_of_the_workers_loses_no_request_and_no_count(runtime, observer, visitors):
    before = {slot: worker["pid"] for slot, worker in observer.workers().items()}

    def renewed() -> list[int]:
        return [slot for slot, worker in observer.workers().items() if worker["pid"] not in (0, before[slot])]

    with visitors.books() as kept, visitors.walking():
        assert runtime.run(["sh", "-c", 'echo c >"$APP_FIFO"'], stdin=subprocess.DEVNULL).returncode == 0
        eventually(renewed, because="each worker is reloaded", timeout=30, wanted=lambda seen: len(seen) == len(before))

    holds(kept[0])
    assert visitors.statuses().keys() == {200, 301, 302, 404}


@pytest.mark.one_runtime("compose")
def test_a_reload_by_sighup_is_named_as_the_cause_of_the_counter_reset(runtime, observer, visitors):
    master = observer.master()
    before = observer.on_page("django", "pomar_counters_start_time_seconds")

    with visitors.books() as kept, visitors.walking():
        assert send_signal(runtime, signal.SIGHUP, master)
        eventually(
            lambda: observer.on_page("django", "pomar_counters_start_time_seconds"),
            because="uWSGI reloads",
            timeout=30,
            wanted=lambda seen: seen > before,
        )

    ledger = kept[0]
    assert ledger.verdict == "unknown", text.page(ledger)
    assert [reason for reason in ledger.reasons if "SIGHUP" in reason and "reset Django's counters" in reason]
    assert {row.answered for row in ledger.account.rows} == {None}
    assert {row.remainder for row in ledger.account.rows} == {0}


def test_a_restart_of_the_access_log_exporter_is_reported_as_a_gap(runtime, visitors):
    with visitors.books() as kept, visitors.walking():
        runtime.restart(services.named("access-log-exporter"))

    ledger = kept[0]
    assert ledger.verdict == "unknown", text.page(ledger)
    assert [reason for reason in ledger.reasons if reason.startswith("the access log exporter was restarted")]
    assert {row.logged for row in ledger.account.rows} == {None}
    assert "LEDGER: NOT KNOWN; all counts that can be compared agree." in text.page(ledger)


@pytest.mark.one_runtime("host")
def test_constant_traffic_from_other_clients_leaves_the_loads_rows_exact(runtime, observer, visitors):
    strangers = Visitors(runtime, observer, number=2)
    strangers.mark = {}

    with strangers.walking(), visitors.books(patience=2) as kept:
        visitors.send(120)

    ledger = kept[0]
    assert ledger.verdict == "unknown", text.page(ledger)
    assert [reason for reason in ledger.reasons if reason.startswith("the shop did not settle for the snapshot")]
    assert sum(row.sent for row in ledger.account.rows) == 120
    assert {row.remainder for row in ledger.account.rows} == {0}
    assert {row.answered for row in ledger.account.rows} == {None}


@pytest.mark.one_runtime("compose")
def test_the_other_tiers_are_compared_while_an_exporter_is_down(runtime, visitors):
    """If an exporter is stopped, its tier is left out. A restarted Prometheus misses scrapes but loses no counts."""
    try:
        with visitors.books() as kept, visitors.walking():
            runtime.stop(services.named("uwsgi-exporter"))
            runtime.restart(services.named("prometheus"))
    finally:
        runtime.start(services.named("uwsgi-exporter"))

    ledger = kept[0]
    assert ledger.verdict == "unknown", text.page(ledger)
    assert [reason for reason in ledger.reasons if reason.startswith("uWSGI could not be read after the run")]
    assert len(ledger.reasons) == 1
    assert {row.remainder for row in ledger.account.rows} == {0}
    assert sum(row.answered or 0 for row in ledger.account.rows) > 100


def test_an_nginx_reload_and_log_rotation_lose_no_line(runtime, visitors):
    def in_nginx(command: str) -> str:
        nginx = services.named("nginx")
        done = runtime.run(["sh", "-c", command], nginx, stdin=subprocess.DEVNULL, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def nginx_workers() -> str:
        """List NGINX's workers, which are the children of the process named in its PID file."""
        return in_nginx('read -r master <run/nginx.pid; grep -lsx "PPid:.$master" /proc/[0-9]*/status')

    log, workers = in_nginx("ls -i logs/metrics.log"), nginx_workers()

    with visitors.books() as kept, visitors.walking():
        in_nginx('kill -HUP "$(cat run/nginx.pid)"')
        in_nginx("touch logs/rotate")
        eventually(
            lambda: in_nginx("ls -i logs/metrics.log"),
            because="the logs are rotated",
            timeout=60,
            wanted=lambda seen: seen != log,
        )

    holds(kept[0])
    assert nginx_workers() != workers
    # NGINX may close a keep-alive connection while a request is in flight, at most once per visitor.
    statuses = visitors.statuses()
    assert statuses.keys() - {0} == {200, 301, 302, 404}
    assert statuses[0] == term(kept[0], "without a response") <= 8


@pytest.mark.one_runtime("host")
def test_requests_aborted_by_the_client_are_reported_for_nginx_and_django(visitors):
    with visitors.books() as kept:
        for _ in range(6):
            visitors.hang_up("/cart/", "cart:cart-summary", **{"X-Lab-Fault": "sleep=0.5"})
        visitors.send(60)

    holds(kept[0])
    assert term(kept[0], "aborted by the client (499)") == 6
    assert term(kept[0], "responses from Django that reached no client") == 6


@pytest.mark.one_runtime("compose")
def test_a_flood_of_404s_with_and_without_keep_alive_is_counted_exactly(visitors):
    nowhere = [(f"/{word}.php", "other") for word in ("wp-login", "index", "admin", "phpinfo")]
    with visitors.books() as kept:
        visitors.send(1500, nowhere)
        visitors.send(300, nowhere, Connection="close")
        visitors.send(60, Connection="close")

    holds(kept[0])
    assert visitors.statuses()[404] >= 1800


@pytest.mark.one_runtime("host")
def test_a_known_delay_shows_in_the_quantiles_of_every_tier(runtime, observer):
    # Fewer visitors than workers, so that no request is queued.
    visitors = Visitors(runtime, observer, number=2)
    with visitors.books() as kept:
        visitors.send(12, [("/cart/", "cart:cart-summary")], **{"X-Lab-Fault": "sleep=0.6"})
        visitors.send(12, [("/search/?q=apple", "product:search")], **{"X-Lab-Fault": "db-slow=0.3"})

    holds(kept[0])
    for route, minimum, bounds in (("cart:cart-summary", 0.6, (0.5, 0.75)), ("product:search", 0.3, (0.25, 0.5))):
        quantiles = {each.q: each for each in kept[0].quantiles if each.route == route}
        median = quantiles[0.5]
        assert minimum <= median.locust < bounds[1]
        assert (median.nginx, median.django) == (bounds, bounds)
        assert all(each.credible for each in quantiles.values())


@pytest.mark.one_runtime("compose")
def test_a_mismatch_in_locusts_own_count_is_attributed_to_locust(visitors):
    """Locust's tally lacks some of its own requests. All other tiers agree, so the ledger names Locust as wrong."""
    with visitors.books() as kept:
        visitors.send(40)
        del visitors.tally.counts["product:list"]

    ledger = kept[0]
    assert (ledger.verdict, ledger.account.fault) == ("different", "Locust")
    assert "Locust sent 0 GET product:list 200; NGINX's access log has" in text.page(ledger)
