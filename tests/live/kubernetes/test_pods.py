"""Pods come and go under load, and no request and no count is lost."""



from lab.runs import archive, load
from lab.runs.ledger import text
from lab.runs.ledger.books import Ledger
from tests.eventually import eventually
from tests.live.visitors import once_the_load_runs

READY_SECONDS = 90


def load_with(runtime, observer, change) -> Ledger:
    """Run a load test in the cluster, call ``change`` while it runs, and return the ledger. No request may fail."""
    with once_the_load_runs(observer, change):
        code, result = load.shop(runtime, "steady", {"DURATION": "60s", "SEED": "5"})
    assert code == 0, "a request failed: the summary is above"
    return archive.read(runtime, result).ledger


def holds(ledger: Ledger) -> None:
    """Fail and print the ledger unless every tier counted the same."""
    assert ledger.verdict == "exact", f"\n{text.page(ledger)}"
    assert {row.remainder for row in ledger.account.rows} == {0}


def test_a_deleted_pod_loses_no_request_and_no_count(runtime, observer, kubectl):
    before = set(runtime.pods())

    ledger = load_with(runtime, observer, lambda: kubectl("delete", "pod", min(before), "--wait=false"))

    holds(ledger)
    after = eventually(
        runtime.pods,
        because="the deleted pod is gone",
        timeout=READY_SECONDS,
        wanted=lambda now: min(before) not in now,
    )
    assert len(after) == len(before)


def test_a_rollout_and_a_rollback_lose_no_request_and_no_count(runtime, observer, kubectl):
    def roll() -> None:
        for change in (("restart",), ("undo",)):
            kubectl("rollout", *change, "deployment/pomar")
            kubectl("rollout", "status", "deployment/pomar", f"--timeout={READY_SECONDS}s")

    holds(load_with(runtime, observer, roll))
