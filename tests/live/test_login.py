"""During a flood of logins, the shop stays fast and the counts stay exact."""

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
#: One login per second is passed on, after a burst of two.
MOST = 3 + SECONDS


def login_loop(observer: Observer, end: threading.Event) -> Counter[int]:
    """Try passwords until ``end``, and return the number of responses by status."""
    address = f"{observer.shop}/admin/login/"
    statuses: Counter[int] = Counter()
    with observer.client() as session:
        page = session.get(address, timeout=30).text
        form = {"username": "nobody", "password": "wrong"}
        form["csrfmiddlewaretoken"] = re.search('name="csrfmiddlewaretoken" value="([^"]+)"', page).group(1)
        # As over a network. Otherwise the clients would use this machine's CPU instead of the logins.
        while not end.wait(0.05):
            answer = session.post(address, form, headers={"Referer": address}, timeout=30)
            statuses[answer.status_code] += 1
            assert answer.status_code != 429 or answer.headers["Retry-After"] == "5"
    return statuses


def slowest_of(ledger: Ledger) -> float:
    """Return the 95th percentile of the response time of the product list, in seconds."""
    (found,) = [each.locust for each in ledger.quantiles if (each.route, each.q) == ("product:list", 0.95)]
    return found


@pytest.mark.one_runtime("host")
def test_eight_parallel_login_loops_do_not_slow_the_shop_down(runtime, observer):
    """Compared with the same visitors before the flood, because other load on this machine slows down both."""
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
        "slower than UpstreamSlow allows, or than other work explains"
    )
