"""The current state of a drill's alerts in Prometheus, in Alertmanager and at the receiver."""

import time
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime

from lab.alerts import notifications
from lab.drills.catalogue import Drill
from lab.errors import LabError
from lab.runtimes.base import Runtime


class Watch:
    """Reads the current state of a drill's alerts from Prometheus, Alertmanager and the receiver."""

    def __init__(self, runtime: Runtime, drill: Drill) -> None:
        self._runtime = runtime
        self.drill = drill

    def _firing(self) -> set[str]:
        return {
            each["labels"]["alertname"] for each in notifications.firing(self._runtime) if each["state"] == "firing"
        }

    def active(self) -> dict[str, str]:
        """Return the state of each of the drill's alerts that is pending or firing.

        An alert with series in both states counts as firing.
        """
        found: dict[str, str] = {}
        for each in notifications.firing(self._runtime):
            name = each["labels"]["alertname"]
            if name in self.drill.alerts and found.get(name) != "firing":
                found[name] = each["state"]
        return found

    def runbooks(self) -> list[str]:
        """Return the runbook URLs of the drill's alerts that are pending or firing."""
        found = {
            each["annotations"]["runbook_url"]
            for each in notifications.firing(self._runtime)
            if each["labels"]["alertname"] in self.drill.alerts
        }
        return sorted(found)

    def notified(self, status: str, since: float) -> set[str]:
        """Return the alerts for which a ``firing`` or ``resolved`` notification was received after a Unix time."""
        with suppress(LabError):
            return {
                alert["labels"]["alertname"]
                for each in notifications.received(self._runtime)
                if datetime.fromisoformat(each["received"]).timestamp() >= since
                for alert in each["alerts"]
                if alert["status"] == status
            } & set(self.drill.alerts)
        return set()

    def inhibited(self) -> set[str]:
        """Return the alerts that are inhibited by the alert for their cause."""
        with suppress(LabError):
            return {
                each["labels"]["alertname"]
                for each in notifications.in_alertmanager(self._runtime)
                if each["status"]["inhibitedBy"]
            } & set(self.drill.alerts)
        return set()

    def wait(self, done: Callable[[], bool], otherwise: Callable[[], str]) -> None:
        """Wait until ``done`` returns true. After the timeout, raises LabError with the text of ``otherwise``.

        Also raises LabError if one of the alerts in ``drill.never`` fires.
        """
        deadline = time.monotonic() + self.drill.seconds
        while not done():
            if self.drill.never and (false := self._firing() & set(self.drill.never)):
                raise LabError(f"{', '.join(sorted(false))} fired, which must not happen in {self.drill.name}.")
            if time.monotonic() > deadline:
                raise LabError(f"{otherwise()} after {self.drill.seconds} s.")
            time.sleep(0.5)
