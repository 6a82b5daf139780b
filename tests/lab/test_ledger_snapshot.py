"""Test what is read from the exporters' pages, and when two reads make an exact snapshot."""

from dataclasses import replace

import pytest

from lab.runs.ledger.snapshot import Snapshot, _fallen, _moving, route_of, series_on

PAGE = """# HELP nginx_http_requests_total Requests
# TYPE nginx_http_requests_total counter
nginx_http_requests_total 12
nginx_http_requests_total_of_another_kind 5
nginx_connections_writing 1
nginx_up 1
"""


def test_only_the_requested_metrics_are_read_from_a_page():
    wanted = ("nginx_http_requests_total", "nginx_connections_writing")

    assert dict(series_on(PAGE, wanted)) == {(wanted[0], ()): 12.0, (wanted[1], ()): 1.0}


def snapshot_of(status: int, *, page: int, served: int = 50, busy: int = 1, busy_workers: int = 0) -> Snapshot:
    return Snapshot(
        0,
        {
            "uwsgi": {("uwsgi_worker_busy", (("worker_id", "1"),)): busy_workers},
            "nginx-log": {("nginx_status_page_requests_total", ()): page, ("nginx_http_responses_total", ()): served},
            "nginx": {("nginx_http_requests_total", ()): status, ("nginx_connections_writing", ()): busy},
        },
    )


@pytest.mark.parametrize(
    ("second", "said"),
    [
        (snapshot_of(101, page=31), ""),
        (snapshot_of(101, page=30), "nginx_status_page_requests_total changed by -1"),
        (snapshot_of(102, page=31), "nginx_http_requests_total changed by +1"),
        (snapshot_of(101, page=31, served=51), "nginx_http_responses_total changed by +1"),
        (snapshot_of(101, page=31, busy=3), "NGINX has 2 requests in flight"),
        (snapshot_of(101, page=31, busy_workers=1), "1 uWSGI worker is busy"),
    ],
    ids=["unchanged", "log not read yet", "request", "logged request", "in flight", "aborted by the client"],
)
def test_a_snapshot_is_exact_only_if_nothing_but_its_own_reads_changed(second, said):
    assert _moving(snapshot_of(100, page=30), second, {}) == said


def since(start: float, count: float, requests: float = 0) -> Snapshot:
    """Return a snapshot of Django's and uWSGI's request counters. Both services started at ``start``."""
    return Snapshot(
        0,
        {
            "django": {
                ("pomar_counters_start_time_seconds", ()): start,
                ("django_http_requests_before_middlewares_total", ()): count,
            },
            "uwsgi": {("uwsgi_worker_requests_total", (("worker_id", "1"),)): requests},
        },
    )


def test_a_decreased_counter_is_a_restart_only_if_its_start_time_changed():
    assert _fallen(since(5, 900), since(5, 901)) == {}
    assert _fallen(since(5, 900, 70), since(7, 240, 3)) == {}
    assert _fallen(since(5, 900, 70), since(5, 240, 3)) == {
        "django": "django_http_requests_before_middlewares_total decreased from 900 to 240",
        "uwsgi": "uwsgi_worker_requests_total decreased from 70 to 3",
    }


@pytest.mark.parametrize(
    ("view", "route"),
    [
        ("cart:cart-summary", "cart:cart-summary"),
        ("admin:product_product_changelist", "admin:product_product_changelist"),
        ("<unnamed view>", "other"),
        ("admin:django.contrib.admin.sites.catch_all_view", "other"),
        ("admin:django.views.generic.base.RedirectView", "other"),
    ],
)
def test_a_view_without_a_url_name_has_the_route_other(view, route):
    assert route_of(view) == route


def test_a_snapshot_can_be_saved_as_json():
    snapshot = Snapshot(
        12.5,
        {"uwsgi": {("uwsgi_worker_requests_total", (("stats_uri", "x"), ("worker_id", "1"))): 3.0}},
        {"nginx": "ConnectionError"},
        {"django": "decreased"},
        "changed",
    )
    of_pods = replace(snapshot, until=13.5)

    assert Snapshot.from_json(snapshot.as_json()) == snapshot
    assert Snapshot.from_json(of_pods.as_json()) == of_pods
    assert of_pods.as_json().keys() - snapshot.as_json().keys() == {"until"}
