"""Test the metrics from NGINX's access log: each request is counted once, with the correct labels."""

import math
import random
import socket
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.http import HttpResponse
from django.urls import Resolver404, URLResolver, get_resolver, path, re_path, resolve
from pomar_telemetry.routes import nginx_routes

from tests.config.front import ROOT, TOKEN, Front, ending
from tests.config.samples import samples, series, total
from tests.eventually import eventually

#: The route names that NGINX logs for requests without a Django URL name.
WORDS = {"static", "redirect", "refused", "other"}


def samples_of_every_url(resolver: URLResolver, prefix: str = "/") -> Iterator[str]:
    """Yield paths for every URL name, built from the patterns that Django's `reverse` uses."""
    for name in {key for key in resolver.reverse_dict if isinstance(key, str)}:
        for possibilities, *_ in resolver.reverse_dict.getlist(name):
            for form, parameters in possibilities:
                candidates = (prefix + form % dict.fromkeys(parameters, value) for value in ("7", "product"))
                yield next(path for path in candidates if resolves(path) and resolve(path).url_name == name)
    for inner_prefix, inner in resolver.namespace_dict.values():
        yield from samples_of_every_url(inner, prefix + inner_prefix)


def resolves(path: str) -> bool:
    try:
        return bool(resolve(path))
    except Resolver404:
        return False


def name_by_django(path: str) -> str:
    return resolve(path).view_name if resolves(path) and resolve(path).url_name else "other"


def names_of(resolver: URLResolver, namespace: str = "") -> set[str]:
    """Return every URL name in Django's URLconf."""
    names = {namespace + key for key in resolver.reverse_dict if isinstance(key, str)}
    for inner, (_, inner_resolver) in resolver.namespace_dict.items():
        names |= names_of(inner_resolver, f"{namespace}{inner}:")
    return names


def garbage(count: int) -> list[str]:
    chosen = random.Random(20)
    words = ["product", "category", "cart", "orders", "admin", "add", "update", "7", "a-b", "%C3%A4", "%0a", "x/..", ""]
    return ["/" + "/".join(chosen.choices(words, k=chosen.randint(1, 6))) for _ in range(count)]


NEARLY = [
    *("/search", "/product/apple", "/product/apple/add", "/product//add/", "/product/a/b/add/", "/category//"),
    *("/PRODUCT/apple/", "/product/%C3%A4pfel/", "/product/a_b-c/", "/product/a.b/", "/cart/update", "/cart/x/"),
    *("/orders/", "/orders/a/b/", "/orders/%2F/", "/orders/x%0a/", "/orders/x/%0a", "/orders/%C3%A4%FF/"),
    *("/health", "/health/live/", "/health/live%0a", "/health/live?x=1", "/healthy", "/health/ready;x"),
    *("/admin", "/admin/none/", "/admin/product", "/admin/product/product/1/2/change/", "/admin/%0a/x/"),
    *("/admin/product/product/add/change/", "/admin/product/product/history/", "/admin/auth/user/7/password/x"),
    *("/favicon.ico", "/static", "/statics/", "/%25", "/checkout/%20", "//cart//", "/./cart/", "/checkout%2F"),
]


def test_nginx_names_every_url_as_django_does(front):
    sent = {*samples_of_every_url(get_resolver()), *NEARLY, *garbage(200)}

    logged, expected = {}, {}
    for sample in sorted(sent):
        response = front.get(sample)
        reached = response.json()["PATH_INFO"].encode("latin-1").decode(errors="replace")
        logged[sample], expected[sample] = response.line.route, name_by_django(reached)

    assert logged == expected
    assert set(logged.values()) == names_of(get_resolver()) | {"other"}


def test_the_generated_routes_are_up_to_date(capsys):
    call_command("nginx_routes")

    assert capsys.readouterr().out == (ROOT / "nginx" / "routes.conf").read_text()


def test_the_routes_file_says_how_to_regenerate_it():
    first = (ROOT / "nginx" / "routes.conf").read_text().splitlines()[0]

    assert first.endswith("manage.py nginx_routes")


def test_an_unanchored_url_pattern_is_an_error_and_not_a_wrong_route(settings):
    settings.ROOT_URLCONF = (re_path("anywhere/", HttpResponse, name="loose"),)
    with pytest.raises(ImproperlyConfigured, match="start it with"):
        nginx_routes()


def test_quotes_and_backslashes_in_a_url_pattern_are_escaped_for_nginx(settings):
    settings.ROOT_URLCONF = (re_path(r'^a"\d\t\\$', HttpResponse, name="odd"), path("plain/", HttpResponse))

    assert nginx_routes().splitlines()[1:] == [
        r'"~^/(?:a\"\d\\t\\\)\z" odd;',
        r'"~^/plain/\z" other;',
    ]


@pytest.fixture
def lonely_front(tmp_path):
    """NGINX without an app behind it."""
    front = Front(tmp_path)
    with front.running():
        yield front


def test_a_request_keeps_its_route_when_uwsgi_is_down(lonely_front):
    names = {path: lonely_front.get(path).line for path in ("/", "/cart/", "/product/apple/add/", "/none", "/metrics")}

    assert {path: (line.route, line.status, line.outcome) for path, line in names.items()} == {
        "/": ("product:list", "502", "unreached"),
        "/cart/": ("cart:cart-summary", "502", "unreached"),
        "/product/apple/add/": ("product:add-to-cart", "502", "unreached"),
        "/none": ("other", "502", "unreached"),
        "/metrics": ("refused", "404", "-"),
    }


def test_a_request_aborted_by_the_client_keeps_its_route(front):
    with front.connection() as connection:
        connection.sendall(b"GET /checkout/?sleep=0.5 HTTP/1.1\r\nHost: localhost\r\n\r\n")
        # If the client disconnected immediately, NGINX might not have connected to uWSGI yet.
        connection.settimeout(0.2)
        with pytest.raises(TimeoutError):
            connection.recv(1)

    line = front.next_line()
    assert (line.route, line.status, line.outcome) == ("checkout:checkout", "499", "cut")


def test_a_request_aborted_while_the_queue_is_full_is_logged_as_abandoned(lonely_front):
    with ExitStack() as held:
        queue = held.enter_context(socket.create_server(("127.0.0.1", lonely_front.app), backlog=0))
        held.enter_context(socket.create_connection(queue.getsockname()))
        with lonely_front.connection() as connection:
            connection.sendall(b"GET /checkout/ HTTP/1.1\r\nHost: localhost\r\n\r\n")
            connection.settimeout(0.2)
            with pytest.raises(TimeoutError):
                connection.recv(1)
        line = lonely_front.next_line()

    assert (line.route, line.status, line.outcome) == ("checkout:checkout", "499", "abandoned")


def test_a_request_with_an_incomplete_body_does_not_reach_django(front):
    with front.connection() as connection:
        connection.sendall(b"POST /checkout/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\na=b")

    line = front.next_line()
    assert (line.route, line.status, line.upstream) == ("refused", "400", "-")


@pytest.mark.parametrize(
    ("headers", "run"),
    [
        ("", "other"),
        ("X-Lab-Run: load\r\n", "other"),
        (f"X-Lab-Token: {'0' * 32}\r\nX-Lab-Run: load\r\n", "other"),
        (f"X-Lab-Token: {TOKEN}\r\n", "other"),
        (f"X-Lab-Token: {TOKEN}\r\nX-Lab-Run: mine\r\n", "other"),
        (f"X-Lab-Token: {TOKEN}\r\nX-Lab-Run: load\r\n", "load"),
    ],
)
def test_only_requests_with_the_lab_token_count_as_load(front, headers, run):
    response = front.get("/", headers=headers)

    assert (response.line.run, response.line.outcome) == (run, "answered")


@pytest.mark.parametrize(
    ("headers", "fault"),
    [
        ("X-Lab-Fault: abort\r\n", None),
        (f"X-Lab-Fault: abort\r\nX-Lab-Token: {'0' * 32}\r\n", None),
        (f"X_Lab_Fault: abort\r\nX-Lab-Token: {'0' * 32}\r\n", None),
        (f"X-Lab-Fault: abort\r\nX-Lab-Token: {TOKEN}\r\n", "abort"),
    ],
)
def test_a_fault_header_reaches_django_only_with_the_lab_token(front, headers, fault):
    seen = front.get("/", headers=headers).json()

    assert seen.get("HTTP_X_LAB_FAULT") == fault
    assert seen.get("HTTP_X_LAB_TOKEN") == (fault and TOKEN)


def test_without_a_lab_token_file_no_token_is_accepted(tmp_path):
    front = Front(tmp_path)
    (front.prefix / "made" / "lab-token.conf").unlink()
    with front.running(), front.app_running():
        responses = [
            front.get("/", headers=f"X-Lab-Fault: abort\r\nX-Lab-Token: {token}\r\nX-Lab-Run: load\r\n")
            for token in (TOKEN, "", "wrong", "right")
        ]

    assert [response.line.run for response in responses] == ["other"] * 4
    assert not [response for response in responses if "HTTP_X_LAB_FAULT" in response.json()]


@pytest.fixture
def mtail(tmp_path):
    """A function that appends lines to the log that mtail reads, and returns mtail's metrics about NGINX."""
    front = Front(tmp_path)
    log = front.prefix / "logs" / "metrics.log"
    log.touch()
    with front.mtail_running() as port:
        read = 0

        def after(*lines: str) -> dict:
            nonlocal read
            with log.open("a") as file:
                file.writelines(f"{line}\n" for line in lines)
            read += len(lines)
            eventually(
                lambda: total(port, "mtail_lines_total"), because="mtail reads", wanted=lambda seen: seen == read
            )
            return {key: value for key, value in samples(port).items() if key[0].startswith("nginx_")}

        yield after


def buckets(seen: dict, name: str, **labels: str) -> dict[float, float]:
    found = {key: dict(all_labels) for key, all_labels in ((k, k[1]) for k in seen) if key[0] == f"{name}_bucket"}
    return {
        float(all_labels["le"]): seen[key]
        for key, all_labels in found.items()
        if {label: value for label, value in all_labels.items() if label != "le"} == labels
    }


REQUEST, UPSTREAM = "nginx_http_request_duration_seconds", "nginx_http_upstream_response_duration_seconds"
LIST_GET = {"route": "product:list", "method": "GET"}


def test_a_log_line_counts_one_response_its_bytes_and_its_durations(mtail):
    seen = mtail(
        'product:list GET 200 0.240 "0.230" 5000 answered other',
        'product:list GET 200 0.010 "0.009" 1000 answered other',
        'cart:update POST 302 0.020 "0.020" 300 answered other',
        'refused other 405 0.000 "-" 150 - other',
    )

    responses = {key[1]: value for key, value in seen.items() if key[0] == "nginx_http_responses_total"}
    assert responses == {
        (("method", "GET"), ("route", "product:list"), ("status", "200")): 2,
        (("method", "POST"), ("route", "cart:update"), ("status", "302")): 1,
        (("method", "other"), ("route", "refused"), ("status", "405")): 1,
    }
    assert seen[series("nginx_http_response_bytes_total", route="product:list")] == 6000
    assert seen[series(f"{REQUEST}_sum", **LIST_GET)] == pytest.approx(0.25)
    assert seen[series(f"{UPSTREAM}_sum", **LIST_GET)] == pytest.approx(0.239)
    assert seen[series(f"{REQUEST}_count", **LIST_GET)] == seen[series(f"{UPSTREAM}_count", **LIST_GET)] == 2
    assert seen[series("nginx_access_log_unparsed_lines_total")] == 0


def test_the_buckets_are_those_of_django_plus_one_for_zero(mtail):
    seen = mtail('product:list GET 200 0.300 "0.300" 1 answered other')

    expected = {bound: float(bound >= 0.3) for bound in (0.0, *settings.PROMETHEUS_LATENCY_BUCKETS)}
    assert math.inf in expected
    assert buckets(seen, REQUEST, **LIST_GET) == expected
    assert buckets(seen, UPSTREAM, **LIST_GET) == expected


def test_a_zero_duration_counts_in_every_django_bucket(mtail):
    seen = mtail(
        'product:list GET 200 0.000 "0.000" 1 answered other', 'product:list GET 200 0.000 "0.000" 1 answered other'
    )

    for name in (REQUEST, UPSTREAM):
        found = buckets(seen, name, **LIST_GET)
        assert {found[bound] for bound in settings.PROMETHEUS_LATENCY_BUCKETS} == {2.0}
        assert seen[series(f"{name}_count", **LIST_GET)] == 2
        assert seen[series(f"{name}_sum", **LIST_GET)] == 0


@pytest.mark.parametrize(
    ("logged", "observed"),
    [("0.100", 0.1), ("0.100, 0.300", 0.3), ("0.100 : 0.300", 0.3), ("0.100, -", 0.1), ("-", None), ("", None)],
)
def test_the_upstream_duration_is_that_of_the_attempt_that_responded(mtail, logged, observed):
    seen = mtail(f'product:list GET 200 0.400 "{logged}" 1 answered other')

    assert seen[series(f"{REQUEST}_sum", **LIST_GET)] == pytest.approx(0.4)
    assert seen.get(series(f"{UPSTREAM}_sum", **LIST_GET)) == (observed and pytest.approx(observed))
    assert seen.get(series(f"{UPSTREAM}_count", **LIST_GET)) == (observed and 1)


def test_a_malformed_line_is_counted_as_unparsed_and_creates_no_series(mtail):
    broken = ("", "nonsense", "product:list GET", "a b c", "ä" * 5000)
    broken += ('x GET 200 - "-" 1 - other', 'x FOOA 200 0.1 "-" 1 - other', 'x GET 200 0.1 "-" 1 - mine')
    seen = mtail(*broken)

    del seen[series("nginx_access_log_start_time_seconds")]
    assert seen == {
        series("nginx_access_log_unparsed_lines_total"): len(broken),
        series("nginx_status_page_requests_total"): 0,
    }


def test_load_requests_and_upstream_outcomes_are_counted_separately(mtail):
    seen = mtail(
        'product:list GET 200 0.010 "0.009" 1000 answered load',
        'product:list GET 200 0.010 "0.009" 1000 answered other',
        'product:list GET 502 0.010 "0.009" 1000 unanswered other',
        'product:list GET 502 0.000 "0.000" 1000 unreached load',
        'static GET 200 0.000 "-" 1000 - load',
        'status GET 200 0.000 "-" 97 - other',
    )

    load = {key[1]: value for key, value in seen.items() if key[0] == "nginx_http_load_responses_total"}
    assert load == {
        (("method", "GET"), ("route", "product:list"), ("status", "200")): 1,
        (("method", "GET"), ("route", "product:list"), ("status", "502")): 1,
        (("method", "GET"), ("route", "static"), ("status", "200")): 1,
    }
    upstream = {dict(key[1])["outcome"]: n for key, n in seen.items() if key[0] == "nginx_http_upstream_requests_total"}
    assert upstream == {"answered": 2, "unanswered": 1, "unreached": 1}
    assert seen[series("nginx_status_page_requests_total")] == 1
    assert not [key for key in seen if ("route", "status") in key[1]]


def test_the_start_time_of_the_counts_is_exported_and_stays_the_same(mtail):
    before = time.time()
    first = mtail('static GET 200 0.000 "-" 1 - other')[series("nginx_access_log_start_time_seconds")]
    second = mtail('static GET 200 0.000 "-" 1 - other')[series("nginx_access_log_start_time_seconds")]

    assert int(before) <= first <= time.time()
    assert second == first


def test_mtail_leaves_no_files_behind(mtail, tmp_path):
    mtail('product:list GET 200 0.100 "0.100" 1 answered other')

    assert list((tmp_path / "mtail").iterdir()) == []


def test_mtail_never_counts_what_was_logged_before_it_opened_the_log(tmp_path):
    front = Front(tmp_path)
    log = front.prefix / "logs" / "metrics.log"
    log.write_text('product:list GET 200 0.100 "0.100" 1 answered other\n')

    with front.mtail_running() as port:
        with log.open("a") as file:
            file.write('cart:show GET 200 0.100 "0.100" 1 answered other\n')
        name = "nginx_http_responses_total"
        eventually(lambda: total(port, name), because="mtail reads the second line")

        assert {dict(key[1])["route"] for key in samples(port) if key[0] == name} == {"cart:show"}


def test_requests_through_nginx_are_counted_in_the_right_series(tmp_path):
    front = Front(tmp_path)
    with front.running(), front.app_running(), front.rotation_running(max_bytes=1_000_000):
        eventually((front.prefix / "logs" / "metrics.log").exists, because="metrics.log is created immediately")
        with front.mtail_running() as port:
            sent = Counter()
            for path, route in [("/", "product:list"), ("/none", "other"), ("/metrics", "refused")] * 7:
                sent[route, str(front.get(path).status)] += 1
            sent["redirect", str(front.get("/", port=front.http, tls=False).status)] += 1
            eventually(
                lambda: total(port, "nginx_http_responses_total"),
                because="mtail reads each line",
                wanted=lambda seen: seen >= sent.total(),
            )
            seen = samples(port)

    for (route, status), count in sent.items():
        assert seen[series("nginx_http_responses_total", route=route, method="GET", status=status)] == count
    assert sent == {("product:list", "200"): 7, ("other", "200"): 7, ("refused", "404"): 7, ("redirect", "308"): 1}


def fetch_many(front: Front, count: int) -> int:
    request = b"GET /health/none HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with front.connection(port=front.http, tls=False) as connection, connection.makefile("rb") as responses:
        for _ in range(count):
            connection.sendall(request)
            assert responses.readline() == b"HTTP/1.1 308 Permanent Redirect\r\n"
            while line := responses.readline().strip():
                if line.lower().startswith(b"content-length:"):
                    length = int(line.split(b":")[1])
            responses.read(length)
    return count


def test_rotation_loses_no_line_and_keeps_the_logs_small(tmp_path):
    front = Front(tmp_path)
    logs = front.prefix / "logs"
    files, sent = [], 0
    with front.running(), front.rotation_running(max_bytes=10_000):
        eventually((logs / "metrics.log").exists, because="metrics.log is created immediately")
        with front.mtail_running() as port, ThreadPoolExecutor(4) as pool:
            end = time.monotonic() + 60
            while len(files) < 4 and time.monotonic() < end:
                sent += sum(pool.map(lambda _: fetch_many(front, 50), range(4)))
                file = (logs / "metrics.log").stat().st_ino
                files += [file] if file not in files[-1:] else []
            eventually(
                lambda: total(port, "nginx_http_responses_total"),
                because=f"each of the {sent} requests is counted once",
                wanted=lambda seen: seen == sent,
            )

            assert len(files) >= 4
            eventually(
                lambda: {
                    log: (logs / log).stat().st_size for log in ("metrics.log", "metrics.writing.log", "access.log")
                },
                because="the logs stay small while NGINX is idle",
                wanted=lambda sizes: max(sizes.values()) <= 10_000,
            )
            names = {path.name for path in logs.iterdir()} - {"error.log", "mtail.log"}
            assert names == {"metrics.log", "metrics.writing.log", "metrics.log.1", "access.log", "access.log.1"}


def test_rotation_waits_for_nginx_and_signals_no_other_process(tmp_path):
    front = Front(tmp_path)
    logs = front.prefix / "logs"
    (logs / "metrics.writing.log").write_text('product:list GET 200 0.100 "0.100" 1 answered other\n' * 300)

    with ending(["sleep", "60"]) as bystander, front.rotation_running(max_bytes=10_000):
        (front.prefix / "run" / "nginx.pid").write_text(f"{bystander.pid}\n")
        eventually((logs / "metrics.log.1").exists, because="the log is rotated while NGINX is not running")
        with front.running():
            eventually(
                lambda: (logs / "metrics.log").samefile(logs / "metrics.writing.log"),
                because="metrics.log becomes the file of the NGINX that started later",
            )
            assert front.get("/static/none").line.route == "static"

        assert bystander.poll() is None
        assert (logs / "metrics.log.1").stat().st_size == 300 * 52


def test_a_request_keeps_its_route_when_nginx_runs_out_of_connections(tmp_path):
    front = Front(tmp_path)
    conf = tmp_path / "conf" / "nginx.conf"
    text = conf.read_text().replace("worker_processes 2;", "worker_processes 1;")
    conf.unlink()
    conf.write_text(text.replace("worker_connections 1024;", "worker_connections 16;"))

    with front.app_running(), front.running(), ExitStack() as held:
        # Open connections until NGINX has only one left: the client gets it, and there is none for uWSGI.
        while (response := front.get("/cart/")).status == 200:
            slow = held.enter_context(front.connection())
            slow.sendall(b"GET / HTTP/1.1\r\n")

    assert response.status == 502
    assert b"</html>" in response.body
    assert (response.line.route, response.line.outcome) == ("cart:cart-summary", "unreached")
