"""During a flood of login attempts, the shop stays fast and the counts stay exact."""

import re
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from lab.runs.ledger import text
from lab.runs.ledger.books import Ledger
from tests.live.observer import Observer
from tests.live.visitors import Visitors

LOOPS = 8
SECONDS = 12
#: NGINX passes on at most three logins at once (one plus a burst of two), then one per second.
MOST = 3 + SECONDS


def login_loop(observer: Observer, end: threading.Event) -> Counter[int]:
    """Try to log in until ``end`` is set, and return how often each status was received."""
    address = f"{observer.shop}/admin/login/"
    statuses: Counter[int] = Counter()
    with observer.client() as session:
        page = session.get(address, timeout=30).text
        form = {"username": "nobody", "password": "wrong"}
        form["csrfmiddlewaretoken"] = re.search('name="csrfmiddlewaretoken" value="([^"]+)"', page).group(1)
        # Simulate network latency. Otherwise the clients would use more of this machine's CPU than the logins do.
        while not end.wait(0.05):
            answer = session.post(address, form, headers={"Referer": address}, timeout=30)
            statuses[answer.status_code] += 1
            assert answer.status_code != 429 or answer.headers["Retry-After"] == "5"
    return statuses


def slowest_of(ledger: Ledger) -> float:
    """Return the 95th percentile of the product list's response time in seconds."""
    (found,) = [each.locust for each in ledger.quantiles if (each.route, each.q) == ("product:list", 0.95)]
    return found


@pytest.mark.one_runtime("host")
def test_eight_parallel_login_loops_do_not_slow_the_shop_down(runtime, observer):
    """Compare with the same load before the flood, because other work on this machine slows down both."""
    before, visitors = Visitors(runtime, observer, number=2), Visitors(runtime, observer, number=2)
    end = threading.Event()

    with before.books() as quiet, before.walking():
        end.wait(SECONDS)
    with visitors.books() as kept:
        with visitors.walking(), ThreadPoolExecutor(LOOPS) as pool:
            loops = [pool.submit(login_loop, observer, end) for _ in range(LOOPS)]
            end.wait(SECONDS)
            end.set()
        statuses = sum((loop.result() for loop in loops), Counter())

    ledger = kept[0]
    assert ledger.verdict == "exact", f"\n{text.page(ledger)}"
    assert statuses.keys() == {200, 429}
    assert statuses[200] <= MOST
    assert sum(row.others for row in ledger.account.rows if row.route == "refused") == statuses[429]
    assert slowest_of(ledger) < max(1, 4 * slowest_of(quiet[0])), (
        "above the UpstreamSlow threshold, and at least 4 times as slow as before the flood"
    )
