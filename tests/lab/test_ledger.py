"""Test how counts are compared: if they match, the remainder is 0. Otherwise, the tier at fault is named."""

import dataclasses
from collections import Counter

import pytest

from lab.runs.ledger import text
from lab.runs.ledger.account import Account, settle
from lab.runs.ledger.books import Ledger
from lab.runs.ledger.comparison import Difference
from lab.runs.ledger.counts import (
    DJANGO,
    LOCUST,
    LOG,
    PROMETHEUS,
    STATUS,
    UWSGI,
    App,
    Counts,
    Key,
    Log,
    Workers,
    counts_of,
)
from lab.runs.ledger.latency import Interval, Quantiles

LIST, CART = Key("product:list", "GET", "200"), Key("cart:cart-summary", "GET", "200")
NOWHERE, STATIC, REFUSED = Key("other", "GET", "404"), Key("static", "GET", "200"), Key("refused", "other", "405")
READY = Key("health:ready", "GET", "200")
SENT = Counter({LIST: 100, CART: 50, NOWHERE: 10, STATIC: 300, REFUSED: 2})
OTHERS = Counter({READY: 5, LIST: 7})
PASSED_ON = 100 + 50 + 10 + 5 + 7


def a_run() -> Counts:
    """Return counts on which all tiers agree: 462 requests from the load run, 12 from others, 9 for the status page."""
    responses = SENT + OTHERS
    upstream = Counter({(key.route, "answered"): n for key, n in responses.items() if key not in (STATIC, REFUSED)})
    answered = Counter({key: n for key, n in responses.items() if key not in (STATIC, REFUSED)})
    return Counts(
        sent=SENT.copy(),
        load=SENT.copy(),
        log=Log(responses, upstream, status_page=9),
        status=462 + 12 + 9,
        workers=Workers(PASSED_ON, harakiri=0, respawns=0),
        app=django(PASSED_ON, PASSED_ON, answered),
    )


def django(received: int, responded: int, responses: Counter[Key]) -> App:
    """Return Django's counts. Its responses are counted both by view and by status."""
    by_status: Counter[str] = Counter()
    for key, n in responses.items():
        by_status[key.status] += n
    return App(received, responded, responses, by_status)


def logged(counts: Counts, key: Key, by: int, outcome: str = "", load: bool = True) -> None:
    """Add ``by`` requests to the access log's counts.

    With ``load``, they are also counted as requests from the load run. With ``outcome``, they were passed on to uWSGI.
    """
    counts.log.responses[key] += by
    if load:
        counts.load[key] += by
    if outcome:
        counts.log.upstream[key.route, outcome] += by


def lines(account: Account) -> dict[str, int]:
    return {line.what: line.count for line in account.lines}


def test_a_run_in_which_all_tiers_agree_has_no_differences():
    account = settle(a_run())

    assert (account.differences, account.fault) == ([], "")
    assert [(row.route, row.kind, row.sent, row.others, row.logged, row.answered) for row in account.rows] == [
        ("cart:cart-summary", "2xx", 50, 0, 50, 50),
        ("health:ready", "2xx", 0, 5, 5, 5),
        ("other", "4xx", 10, 0, 10, 10),
        ("product:list", "2xx", 100, 7, 107, 107),
        ("refused", "4xx", 2, 0, 2, None),
        ("static", "2xx", 300, 0, 300, None),
    ]
    assert {row.remainder for row in account.rows} == {0}
    said = lines(account)
    assert said["sent by Locust"] == 462
    assert said["health checks"] == 5
    assert said["from other clients, including the redirect probe"] == 7
    assert said["in NGINX's access log"] == 474
    assert said["in NGINX's stub_status"] == 483
    assert said["refused by NGINX (405: 2)"] == 2
    assert said["received by Django, before any middleware"] == PASSED_ON


def lines_dropped(counts: Counts) -> Counts:
    for key in (LIST, STATIC):
        logged(counts, key, -10, "answered" if key == LIST else "")
    return counts


def a_route_counted_twice(counts: Counts) -> Counts:
    logged(counts, CART, 50, "answered")
    return counts


def a_route_counted_twice_among_all_responses(counts: Counts) -> Counts:
    counts.log.responses[CART] += 50
    return counts


def one_worker_of_four(counts: Counts) -> Counts:
    quarter = Counter({key: n // 4 for key, n in counts.app.responses.items()})
    return dataclasses.replace(counts, app=django(quarter.total(), quarter.total(), quarter))


def a_view_that_is_not_counted(counts: Counts) -> Counts:
    counts.app.responses[CART] -= 1
    return counts


def a_response_that_django_invents(counts: Counts) -> Counts:
    counts.app.responses[CART] += 1
    return counts


def a_status_that_is_counted_twice(counts: Counts) -> Counts:
    counts.app.by_status["200"] *= 2
    return counts


def a_worker_that_forgets(counts: Counts) -> Counts:
    return dataclasses.replace(counts, workers=counts.workers._replace(requests=PASSED_ON - 3))


def a_status_page_that_invents(counts: Counts) -> Counts:
    return dataclasses.replace(counts, status=counts.status + 4)


def a_load_that_does_not_tell_all(counts: Counts) -> Counts:
    counts.sent[STATIC] -= 1
    return counts


@pytest.mark.parametrize(
    ("broken", "fault", "sentence"),
    [
        (lines_dropped, LOG, "Locust sent 100 GET product:list 200; NGINX's access log has 90 (-10)"),
        (a_route_counted_twice, LOG, "Locust sent 50 GET cart:cart-summary 200; NGINX's access log has 100 (+50)"),
        (
            a_route_counted_twice_among_all_responses,
            LOG,
            "NGINX's access log has +50 responses for cart:cart-summary compared with the requests passed on",
        ),
        (
            one_worker_of_four,
            DJANGO,
            "NGINX's access log has 50 GET cart:cart-summary 200; Django has 12 (-38)",
        ),
        (
            a_view_that_is_not_counted,
            DJANGO,
            "NGINX's access log has 50 GET cart:cart-summary 200; Django has 49 (-1)",
        ),
        (a_status_that_is_counted_twice, DJANGO, "Django has 324 responses with status 200, but 162 by view"),
        (a_response_that_django_invents, DJANGO, "Django has 1 more responses by view than in total"),
        (
            a_worker_that_forgets,
            UWSGI,
            "NGINX passed on 172 requests; uWSGI's workers finished 169 (-3)",
        ),
        (
            a_status_page_that_invents,
            STATUS,
            "NGINX's access log has 483 requests in total, including its status page; NGINX's stub_status has 487 (+4)",
        ),
        (
            a_load_that_does_not_tell_all,
            LOCUST,
            "Locust sent 299 GET static 200; NGINX's access log has 300 (+1)",
        ),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_the_only_tier_that_disagrees_is_named(broken, fault, sentence):
    account = settle(broken(a_run()))

    assert account.fault == fault
    assert sentence in [each.sentence for each in account.differences]


def test_prometheus_is_named_if_it_stored_a_different_number():
    account = settle(a_run(), [Difference((PROMETHEUS, LOG), "Prometheus's samples go from 1 to 2")])

    assert account.fault == PROMETHEUS


def test_two_independent_errors_are_blamed_on_no_tier():
    account = settle(a_status_page_that_invents(a_worker_that_forgets(a_run())))

    assert len(account.differences) == 3
    assert account.fault == ""


def test_remainders_are_in_their_own_rows_and_do_not_cancel_out():
    remainders = {(row.route, row.kind): row.remainder for row in settle(lines_dropped(a_run())).rows if row.remainder}

    # The log counts ten requests too few (-10), so Django seems to count ten too many (+10). They do not cancel out.
    assert remainders == {("product:list", "2xx"): -10, ("static", "2xx"): -10}


def test_requests_lost_with_a_dead_worker_are_accounted_for():
    counts = a_run()
    logged(counts, CART._replace(status="502"), 2, "unanswered")
    counts.sent[CART._replace(status="502")] += 2
    counts = dataclasses.replace(
        counts,
        status=counts.status + 2,
        workers=Workers(PASSED_ON, harakiri=1, respawns=2),
        app=counts.app._replace(received=PASSED_ON + 2),
    )

    account = settle(counts)

    assert account.differences == []
    assert lines(account)["killed by harakiri"] == 1
    assert lines(account)["lost in Django with their worker"] == 1


def test_a_request_lost_without_a_dead_worker_is_a_difference():
    counts = a_run()
    logged(counts, CART._replace(status="502"), 1, "unanswered")
    counts.sent[CART._replace(status="502")] += 1
    counts = dataclasses.replace(counts, status=counts.status + 1, app=counts.app._replace(received=PASSED_ON + 1))

    assert settle(counts).fault == UWSGI


def test_requests_dropped_by_uwsgi_are_accounted_for():
    """uWSGI counts a request that is larger than its buffer, but Django never receives it. NGINX responds with 502."""
    counts = a_run()
    logged(counts, CART._replace(status="502"), 3, "unanswered", load=False)
    counts = dataclasses.replace(
        counts, status=counts.status + 3, workers=counts.workers._replace(requests=PASSED_ON + 3)
    )

    account = settle(counts)

    assert account.differences == []
    assert lines(account)["dropped by uWSGI before Django received them"] == 3
    assert lines(account)["finished by uWSGI's workers"] == PASSED_ON + 3
    assert lines(account)["lost in Django with their worker"] == 0


def test_an_extra_request_in_uwsgi_does_not_count_as_dropped():
    counts = a_run()
    logged(counts, CART._replace(status="502"), 3, "unanswered", load=False)
    counts = dataclasses.replace(
        counts, status=counts.status + 3, workers=counts.workers._replace(requests=PASSED_ON + 4)
    )

    assert settle(counts).fault == UWSGI


def test_requests_aborted_before_they_reach_a_worker_are_accounted_for():
    counts = a_run()
    logged(counts, CART._replace(status="499"), 3, "abandoned")
    counts.sent[CART._replace(status="0")] += 3
    counts = dataclasses.replace(counts, status=counts.status + 3)

    account = settle(counts)

    assert account.differences == []
    assert lines(account)["aborted by the client before they reached a worker"] == 3


def test_requests_aborted_by_the_client_still_have_a_response_from_django():
    counts = a_run()
    logged(counts, CART._replace(status="499"), 3, "cut")
    counts.sent[CART._replace(status="0")] += 3
    counts.app.responses[CART] += 3
    counts = dataclasses.replace(
        counts,
        status=counts.status + 3,
        workers=counts.workers._replace(requests=PASSED_ON + 3),
        app=django(PASSED_ON + 3, PASSED_ON + 3, counts.app.responses),
    )

    account = settle(counts)

    assert account.differences == []
    assert lines(account)["aborted by the client (499)"] == 3
    assert lines(account)["responses from Django that reached no client (aborted, or worker died)"] == 3
    assert ("cart:cart-summary", "no response", 3) in [(row.route, row.kind, row.sent) for row in account.rows]


def test_a_request_that_nginx_neither_logs_nor_counts_never_arrived():
    counts = a_run()
    counts.sent[CART._replace(status="0")] += 2

    account = settle(counts)

    assert account.differences == []
    assert lines(account)["without a response and not in NGINX's access log"] == 2


def test_a_request_that_nginx_counts_but_does_not_log_is_a_difference():
    counts = dataclasses.replace(a_run(), status=462 + 12 + 9 + 2)
    counts.sent[CART._replace(status="0")] += 2

    assert "2 requests from Locust without a response are not in NGINX's access log" in [
        each.sentence for each in settle(counts).differences
    ]


def test_an_unlogged_request_is_in_doubt_without_nginxs_own_count():
    counts = dataclasses.replace(a_run(), status=None)
    counts.sent[CART._replace(status="0")] += 2

    account = settle(counts)

    assert account.differences == []
    assert len(account.doubts) == 1
    assert page(counts).splitlines()[-1] == "LEDGER: NOT KNOWN; all counts that can be compared agree."


def test_respawned_workers_do_not_excuse_a_missing_count():
    counts = dataclasses.replace(a_run(), workers=Workers(PASSED_ON - 3, harakiri=0, respawns=4))

    assert settle(counts).fault == UWSGI


def test_extra_responses_of_a_view_are_not_taken_for_aborted_requests():
    counts = a_run()
    logged(counts, CART._replace(status="502"), 5, "unanswered")
    counts.sent[CART._replace(status="502")] += 5
    counts.app.responses[CART] += 5
    counts = dataclasses.replace(
        counts,
        status=counts.status + 5,
        workers=Workers(PASSED_ON, harakiri=0, respawns=2),
        app=django(PASSED_ON + 5, PASSED_ON, counts.app.responses),
    )

    assert settle(counts).fault == DJANGO


def test_only_the_load_runs_requests_are_compared_if_others_never_stop():
    counts = a_run()
    counts = Counts(sent=counts.sent, load=counts.load)

    account = settle(counts)

    assert (account.differences, account.doubts) == ([], [])
    assert ("product:list", 100, None, 100, None) in [
        (row.route, row.sent, row.others, row.logged, row.answered) for row in account.rows
    ]
    counts.load[LIST] -= 1
    assert [each.sentence for each in settle(counts).differences] == [
        "Locust sent 100 GET product:list 200; NGINX's access log has 99 (-1)"
    ]


def test_responses_without_a_view_are_accounted_for():
    counts = a_run()
    bad = LIST._replace(status="400")
    logged(counts, bad, 2, "answered", load=False)
    counts = dataclasses.replace(
        counts,
        status=counts.status + 2,
        workers=counts.workers._replace(requests=PASSED_ON + 2),
        app=django(PASSED_ON + 2, PASSED_ON + 2, counts.app.responses),
    )

    account = settle(counts)

    assert account.differences == []
    assert lines(account)["responses from a middleware, without a view"] == 2


def test_404s_that_became_redirects_are_accounted_for():
    counts = a_run()
    moved = Key("other", "GET", "301")
    counts.sent[moved] += 4
    logged(counts, moved, 4, "answered")
    counts.app.responses[NOWHERE] += 4
    counts = dataclasses.replace(
        counts,
        status=counts.status + 4,
        workers=counts.workers._replace(requests=PASSED_ON + 4),
        app=django(PASSED_ON + 4, PASSED_ON + 4, counts.app.responses),
    )

    account = settle(counts)

    assert account.differences == []
    assert lines(account)["404s that CommonMiddleware turned into redirects to the URL with a slash"] == 4


def test_requests_that_reached_no_worker_are_accounted_for():
    counts = a_run()
    counts.sent[CART._replace(status="502")] += 5
    logged(counts, CART._replace(status="502"), 5, "unreached")
    counts = dataclasses.replace(counts, status=counts.status + 5)

    account = settle(counts)

    assert account.differences == []
    assert lines(account)["that did not reach a worker"] == 5


def test_without_an_access_log_django_must_count_all_requests_sent():
    counts = dataclasses.replace(a_run(), load=None, log=None)
    assert settle(counts).differences == []

    counts.app.responses[CART] = 49
    account = settle(dataclasses.replace(counts, app=django(PASSED_ON, PASSED_ON - 1, counts.app.responses)))

    assert "Locust sent 50 GET cart:cart-summary 200; Django has 49 (-1)" in [
        each.sentence for each in account.differences
    ]


def test_only_tiers_with_counts_are_compared():
    account = settle(Counts(sent=SENT))

    assert account.differences == []
    assert {(row.others, row.logged, row.answered) for row in account.rows} == {(None, None, None)}


def test_counts_of_other_methods_and_unnamed_views_use_nginxs_labels():
    result = {"counts": {"refused": {"PUT": {"405": 2}}, "other": {"GET": {"404": 3}}}}
    django = {
        (
            "django_http_responses_total_by_status_view_method_total",
            (("method", "GET"), ("status", "404"), ("view", "<unnamed view>")),
        ): 3.0,
        ("django_http_responses_total_by_status_total", (("status", "404"),)): 3.0,
        ("django_http_requests_before_middlewares_total", ()): 3.0,
        ("django_http_responses_before_middlewares_total", ()): 3.0,
    }

    counts = counts_of(result, {"django": django})

    assert counts.sent == {REFUSED: 2, NOWHERE: 3}
    assert counts.app == App(3, 3, Counter({NOWHERE: 3}), Counter({"404": 3}))
    assert (counts.log, counts.status, counts.workers) == (None, None, None)


def page(counts: Counts, reasons: tuple[str, ...] = (), quantiles: tuple[Quantiles, ...] = ()) -> str:
    account = settle(counts)
    return text.page(Ledger(0, 60, account, list(quantiles), [*reasons, *account.doubts], []))


def test_the_page_says_that_the_books_balance():
    said = page(a_run(), quantiles=(Quantiles("a", 0.5, 0.0042, Interval(0.0, 0.005), None, True),))

    assert said.splitlines()[-1] == "LEDGER: remainder 0 in every row; every tier counted the same."
    assert ["product:list", "2xx", "100", "7", "107", "107", "0"] in [line.split() for line in said.splitlines()]
    assert ["a", "4.2", "0-5", "·"] in [line.split() for line in said.splitlines()]
    assert max(map(len, said.splitlines())) <= 100


def test_the_page_names_the_wrong_tier():
    said = page(lines_dropped(a_run())).splitlines()

    assert said[-1] == "LEDGER: WRONG, 6 differences; NGINX's access log is at fault: all other tiers agree."


def test_the_page_says_what_is_unknown_and_shows_no_numbers_for_it():
    said = page(dataclasses.replace(a_run(), load=None, log=None), reasons=("the access log exporter was restarted",))

    assert "not exact: the access log exporter was restarted." in said
    assert said.splitlines()[-1] == "LEDGER: NOT KNOWN; all counts that can be compared agree."
    assert ["product:list", "2xx", "100", "·", "·", "107", "0"] in [line.split() for line in said.splitlines()]
    assert ["all", "462", "·", "·", "172", "0"] in [line.split() for line in said.splitlines()]
