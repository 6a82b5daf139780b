"""Every documented metric name exists in Prometheus, with its labels."""

import math

import pytest

DOCUMENTED = [
    ("http_request_duration_microseconds", {"handler": "prometheus", "quantile": "0.5"}),
    ("http_request_duration_microseconds", {"handler": "prometheus", "quantile": "0.9"}),
    ("http_request_duration_microseconds", {"handler": "prometheus", "quantile": "0.99"}),
    ("http_request_duration_microseconds_sum", {"handler": "prometheus"}),
    ("http_request_duration_microseconds_count", {"handler": "prometheus"}),
    ("nginx_connections_current", {"state": "active"}),
    ("nginx_connections_current", {"state": "reading"}),
    ("nginx_connections_current", {"state": "waiting"}),
    ("nginx_connections_current", {"state": "writing"}),
    ("uwsgi_worker_transmitted_bytes_total", {"stats_uri": "STATS_URI", "worker_id": "1"}),
    ("uwsgi_worker_average_response_time_seconds", {"stats_uri": "STATS_URI", "worker_id": "1"}),
    ("uwsgi_worker_harakiri_count_total", {"stats_uri": "STATS_URI", "worker_id": "1"}),
    ("django_http_responses_total_by_status", {"status": "200"}),
    ("django_http_responses_total_by_status", {"status": "404"}),
    ("django_http_responses_total_by_status", {"status": "301"}),
    (
        "django_http_requests_total_by_view_transport_method",
        {"method": "POST", "transport": "https", "view": "product:add-to-cart"},
    ),
    (
        "django_http_requests_total_by_view_transport_method",
        {"method": "GET", "transport": "https", "view": "cart:cart-summary"},
    ),
    *(
        (
            "django_http_requests_latency_seconds_by_view_method_bucket",
            {"le": bound, "method": "GET", "view": "cart:cart-summary"},
        )
        for bound in ("0.005", "0.5", "0.75", "1.0", "+Inf")
    ),
]


@pytest.mark.parametrize(
    ("name", "labels"), DOCUMENTED, ids=lambda value: ",".join(value.values()) if isinstance(value, dict) else value
)
def test_a_documented_metric_exists_with_its_labels(observer, shopped, name, labels):
    wanted = {key: value.replace("STATS_URI", observer.stats) for key, value in labels.items()}
    selector = ",".join(f'{key}="{value}"' for key, value in wanted.items())

    (series,) = observer.query(f"{name}{{{selector}}}", at=shopped["after"])

    assert wanted.items() <= series["metric"].items()
    assert math.isfinite(float(series["value"][1]))
