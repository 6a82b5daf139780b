"""Every link in a running lab's alerts opens a page on the lab's current ports."""

from urllib.parse import urlsplit

import pytest

from lab import http
from lab.alerts import notifications
from lab.runtimes import services
from tests.config.rules import all_rules
from tests.eventually import eventually

LINKS = ("runbook_url", "dashboard_url")


@pytest.fixture(scope="module")
def bases(runtime, observer) -> dict[str, str]:
    """The base URL of each kind of link, taken from the Watchdog alert, which is always firing."""
    found = eventually(
        lambda: [each for each in notifications.firing(runtime) if each["labels"]["alertname"] == "Watchdog"],
        because="the Watchdog is firing",
        timeout=30,
    )
    return {name: found[0]["annotations"][name].rpartition("/")[0] for name in LINKS}


def test_the_links_are_absolute_and_use_the_receivers_port(bases, runtime):
    receiver = runtime.shown_url(services.named("receiver"), "")

    assert bases == {"runbook_url": f"{receiver}/runbooks", "dashboard_url": f"{receiver}/dashboards"}


@pytest.mark.parametrize("link", LINKS)
def test_every_alert_link_leads_to_a_page(bases, link):
    ends = {rule["annotations"][link].rpartition("/")[2] for rule in all_rules("alert")}

    opened = {end: http.get(f"{bases[link]}/{end}", timeout=10) for end in ends}

    assert len(ends) >= 6
    assert {end for end, page in opened.items() if page.status_code != 200} == set()
    assert {end for end, page in opened.items() if end not in urlsplit(page.url).path} == set()


def test_a_notification_has_the_links_but_no_label_with_their_base_url(runtime):
    def beat() -> dict | None:
        kept = notifications.received(runtime)
        return next((each for each in reversed(kept) if each["groupLabels"]["alertname"] == "Watchdog"), None)

    (alert,) = eventually(beat, because="the Watchdog notification is sent every minute", timeout=90)["alerts"]

    assert alert["labels"].keys() == {"alertname", "severity"}
    assert all(http.get(alert["annotations"][name], timeout=10).status_code == 200 for name in LINKS)
