"""A drill's alerts at this moment, in Prometheus, in Alertmanager and in what the receiver was sent."""

import time
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime

from lab.alerts import notifications
from lab.drills.catalogue import Drill
from lab.errors import LabError
from lab.runtimes.base import Runtime


class Watch:
    """What is known of a drill's alerts at this moment: to Prometheus, to Alertmanager, and to who is told."""

    def __init__(self, runtime: Runtime, drill: Drill) -> None:
        self._runtime = runtime
        self.drill = drill

    def _firing(self) -> set[str]:
        return {
            each["labels"]["alertname"] for each in notifications.firing(self._runtime) if each["state"] == "firing"
        }

    def active(self) -> dict[str, str]:
        """Return the state of each alert that is pending or firing; firing wins."""
        found: dict[str, str] = {}
        for each in notifications.firing(self._runtime):
            name = each["labels"]["alertname"]
            if name in self.drill.alerts and found.get(name) != "firing":
                found[name] = each["state"]
        return found

    def runbooks(self) -> list[str]:
        """Return where the runbooks of the drill's alerts are that fire."""
        found = {
            each["annotations"]["runbook_url"]
            for each in notifications.firing(self._runtime)
            if each["labels"]["alertname"] in self.drill.alerts
        }
        return sorted(found)

    def told(self, status: str, since: float) -> set[str]:
        """Return the alerts of which somebody was told since a unix time, as ``firing`` or ``resolved``."""
        with suppress(LabError):
            return {
                alert["labels"]["alertname"]
                for each in notifications.kept(self._runtime)
                if datetime.fromisoformat(each["received"]).timestamp() >= since
                for alert in each["alerts"]
                if alert["status"] == status
            } & set(self.drill.alerts)
        return set()

    def inhibited(self) -> set[str]:
        """Return the alerts that are not told, because the alert of their cause is."""
        with suppress(LabError):
            held = notifications.held(self._runtime)
            return {each["labels"]["alertname"] for each in held if each["status"]["inhibitedBy"]} & set(
                self.drill.alerts
            )
        return set()

    def wait(self, done: Callable[[], bool], otherwise: Callable[[], str]) -> None:
        """Wait as long as the drill may take until something is so; raises LabError with what to say otherwise."""
        deadline = time.monotonic() + self.drill.seconds
        while not done():
            if self.drill.never and (false := self._firing() & set(self.drill.never)):
                raise LabError(f"{', '.join(sorted(false))} fires, which {self.drill.name} must not bring about.")
            if time.monotonic() > deadline:
                raise LabError(f"{otherwise()}, after {self.drill.seconds} s.")
            time.sleep(0.5)
