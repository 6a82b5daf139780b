"""Pods come and go under load, and no request and no count is lost."""

from collections.abc import Callable

from lab.runs import archive, load
from lab.runs.ledger import text
from lab.runs.ledger.books import Ledger
from tests.eventually import eventually
from tests.live.visitors import once_the_load_runs

READY_SECONDS = 90


def settled(runtime) -> list[str]:
    """Wait until no pod of the shop is being stopped, and return the names of the pods."""
    wanted = lambda pods: pods and not any(pods.values())  # noqa: E731
    return sorted(eventually(runtime.pods, because="every old pod is gone", timeout=READY_SECONDS, wanted=wanted))


def ledger_of_load(runtime, observer, change: Callable[[], object]) -> Ledger:
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
    before = settled(runtime)
    # Otherwise the shop would be down until the new pod is ready.
    assert len(before) > 1

    ledger = ledger_of_load(runtime, observer, lambda: kubectl("delete", "pod", before[0], "--wait=false"))

    holds(ledger)
    assert any(f"pod {before[0]} ended during the run" in note for note in ledger.notes)
    after = settled(runtime)
    assert len(after) == len(before)
    assert before[0] not in after


def test_a_rollout_and_a_rollback_lose_no_request_and_no_count(thorough_only, runtime, observer, kubectl):
    before = settled(runtime)

    def roll() -> None:
        for change in ("restart", "undo"):
            kubectl("rollout", change, "deployment/pomar")
            kubectl("rollout", "status", "deployment/pomar", f"--timeout={READY_SECONDS}s")

    holds(ledger_of_load(runtime, observer, roll))
    assert set(before).isdisjoint(settled(runtime))
