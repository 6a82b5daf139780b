"""PostgreSQL and the cache: permissions, data consistency in SQL, and behaviour while one of them is down."""

import json
from decimal import Decimal
from urllib.parse import urlsplit

import pytest

from lab.paths import ROOT
from lab.runs import load
from lab.runtimes import services
from lab.runtimes.compose import engine
from tests.app.shopping import mark
from tests.eventually import eventually
from tests.live.compose.conftest import in_container, sql
from tests.live.compose.visitor import Visitor

CATALOGUE = json.loads((ROOT / "app" / "product" / "catalogue.json").read_text())["products"]


@pytest.mark.parametrize(
    ("profile", "seconds", "stock_before", "sells_out"),
    [
        ("smoke", 10, load.AMPLE_STOCK * len(CATALOGUE), False),
        ("flash-sale", 20, sum(product["stock"] for product in CATALOGUE), True),
    ],
    ids=["smoke", "flash sale"],
)
def test_orders_units_and_revenue_add_up_in_sql(runtime, profile, seconds, stock_before, sells_out):
    def totals() -> tuple[int, int, Decimal]:
        ((orders, units, euros),) = sql(
            "SELECT count(DISTINCT o.id), coalesce(sum(l.quantity), 0), coalesce(sum(l.quantity * l.price), 0)"
            " FROM checkout_order o JOIN checkout_orderline l ON l.order_id = o.id"
        )
        return int(orders), int(units), Decimal(euros)

    before = totals()
    code, file = load.shop(runtime, profile, {"SEED": "21", "DURATION": str(seconds)})
    result = json.loads(file.read_text())

    orders, units, euros = (now - then for now, then in zip(totals(), before, strict=True))
    ((stock, least),) = sql("SELECT sum(stock), min(stock) FROM product_product")
    assert (code, result["failures"]) == (0, 0)
    assert (orders, units, euros) == (result["orders_placed"], result["units"], Decimal(result["revenue"]))
    assert orders > 0
    assert int(stock) == stock_before - units
    assert int(least) >= 0
    assert (int(least) == 0 and result["orders_refused"] > 0) == sells_out


@pytest.mark.parametrize(
    ("role", "statement", "allowed"),
    [
        ("shop", "SELECT count(*) FROM checkout_order", True),
        ("shop", "UPDATE product_product SET stock = stock", True),
        ("shop", "CREATE TABLE mine (number int)", False),
        ("shop", "DROP TABLE checkout_order CASCADE", False),
        ("shop", "TRUNCATE checkout_order CASCADE", False),
        ("shop", "ALTER TABLE product_product ADD COLUMN mine int", False),
        ("exporter", "SELECT count(*) FROM pg_stat_activity", True),
        ("exporter", "SELECT count(*) FROM public.checkout_order", False),
        ("exporter", "SELECT count(*) FROM public.django_session", False),
        ("exporter", "CREATE TABLE public.mine (number int)", False),
    ],
)
def test_a_role_has_only_the_permissions_that_it_needs(runtime, role, statement, allowed):
    whole = f"BEGIN; SET LOCAL ROLE {role}; {statement}; ROLLBACK"
    psql = ["psql", "--username=admin", "--dbname=shop", "--set=ON_ERROR_STOP=1", "--command", whole]

    done = in_container("postgres", *psql)

    assert (done.returncode == 0) == allowed, done.stderr
    if not allowed:
        assert "permission denied" in done.stderr or "must be owner" in done.stderr


def test_only_the_administrator_is_a_superuser(runtime):
    assert sql("SELECT rolname FROM pg_roles WHERE rolsuper OR rolcreaterole OR rolcreatedb OR rolbypassrls") == [
        ["admin"]
    ]


@pytest.mark.parametrize("database", ["postgres", "template1"])
@pytest.mark.parametrize("role", ["shop", "owner", "exporter"])
def test_a_role_cannot_connect_to_another_database(runtime, role, database):
    assert sql(f"SELECT has_database_privilege('{role}', '{database}', 'CONNECT')") == [["f"]]


def test_the_exporter_cannot_disrupt_the_cache(runtime):
    """Check the exporter's ACL rules instead of logging in, because only the exporter has its password."""
    users = (in_container("valkey", "cat", "/run/secrets/valkey/users.acl").stdout).splitlines()
    (rules,) = (line.split() for line in users if line.startswith("user exporter "))

    # Later rules win: they allow connection commands, forbid dangerous ones, then allow individual read-only commands.
    assert rules.index("-@dangerous") > rules.index("+@connection")
    assert not {"+client|kill", "+client|pause", "+@all", "allcommands"} & set(rules)


@pytest.mark.parametrize(
    ("role", "refusal"), [("shop", "no password supplied"), ("admin", "no pg_hba.conf entry")], ids=["shop", "admin"]
)
def test_network_logins_need_a_password_and_exclude_the_administrator(runtime, role, refusal):
    done = in_container("postgres", "psql", "--no-password", "--host=postgres", f"--username={role}", "--dbname=shop")

    assert done.returncode != 0
    assert refusal in done.stderr


def test_data_checksums_and_the_log_of_slow_statements_are_enabled(runtime):
    assert sql("SHOW data_checksums") == [["on"]]
    assert sql("SHOW log_min_duration_statement") == [["200ms"]]


def test_workers_reuse_their_database_connections(observer, runtime, shopped):
    def opened() -> float:
        return observer.on_page("django", "django_db_new_connections_total")

    before = opened()
    session = observer.client()
    for _ in range(200):
        assert session.get(f"{observer.shop}/cart/", timeout=10).status_code == 200

    assert opened() - before <= int(runtime.settings["UWSGI_WORKERS"])


def test_the_cache_rejects_commands_without_a_password(runtime):
    said = in_container("valkey", "valkey-cli", "GET", "product:categories").stdout

    assert "NOPERM" in said


def test_a_stopped_database_causes_a_503_page_and_the_shop_recovers(observer, runtime):
    visitor = Visitor(observer)
    visitor.add_an_apple()
    app = engine.containers()["app"]
    runtime.stop(services.named("postgres"))
    try:
        page, ready = visitor.get("/"), visitor.get("/health/ready")
        live, static = visitor.get("/health/live"), visitor.get("/static/shop/pomar.css")
        eventually(
            lambda: observer.value("pg_up") == 0 and observer.value("pomar_database_up") == 0,
            because="the exporter and the shop both report that the database is down",
            timeout=40,
        )
        assert observer.value('probe_success{job="blackbox",instance=~"https:.*"}') == 0
        assert observer.value('up{job="django"}') == 1
    finally:
        runtime.start(services.named("postgres"))

    assert (page.status_code, page.headers["Retry-After"]) == (503, "5")
    assert "The shop is temporarily unavailable" in page.text
    assert ready.status_code == 503
    assert ready.json() == {"ready": False, "reason": "the database cannot be reached"}
    assert (live.status_code, static.status_code) == (200, 200)
    eventually(
        lambda: visitor.get("/health/ready").status_code == 200,
        because="the shop reaches its database again",
        timeout=30,
    )
    assert visitor.units() == 1
    assert engine.containers()["app"].started_at == app.started_at
    eventually(lambda: observer.value("pg_up") == 1, because="the exporter is back", timeout=20)


def test_a_cart_is_kept_and_can_be_ordered_while_the_cache_is_down(observer, runtime):
    visitor = Visitor(observer)
    visitor.add_an_apple()
    runtime.stop(services.named("valkey"))
    try:
        units, order = visitor.units(), visitor.order()
        eventually(lambda: observer.value("redis_up") == 0, because="the exporter reports it", timeout=20)
    finally:
        runtime.start(services.named("valkey"))

    assert units == 1
    assert order.status_code == 200
    assert mark(order, "data-order")
    assert visitor.get(urlsplit(order.url).path).status_code == 200
    eventually(lambda: observer.value("redis_up") == 1, because="the cache is back", timeout=20)
