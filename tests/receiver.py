"""Run the notification receiver as a program, and build notifications like Alertmanager's."""

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import requests

from lab.paths import ROOT

#: The command that starts a receiver. Run it in the checkout.
RECEIVER = [sys.executable, "-m", "alertmanager.receiver"]


@contextmanager
def running_receiver(file: Path, *flags: str) -> Iterator[str]:
    """Run a receiver with these flags on a free port until the end of the block, and yield its URL."""
    command = [*RECEIVER, f"--file={file}", "--listen-address=127.0.0.1:0", *flags]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield url_of(process)
        finally:
            process.terminate()


def url_of(process: subprocess.Popen) -> str:
    """Return the URL of a receiver that is starting, from the first line of its log."""
    return f"http://127.0.0.1:{re.search(r'on port ([0-9]+),', process.stderr.readline())[1]}"


def status_of(url: str) -> int:
    """Return the status for a URL, which is sent as it is: requests would remove ``..`` and the like."""
    request = requests.Request("GET", url).prepare()
    request.url = url
    with requests.Session() as session:
        return session.send(request, timeout=10).status_code


def notification(
    receiver: str = "page", status: str = "firing", name: str = "NginxDown", severity: str = "page", summary: str = ""
) -> dict:
    """Return a notification for one alert, in the format of Alertmanager 0.25."""
    labels = {"alertname": name, "severity": severity}
    alert = {
        **{"status": status, "labels": labels, "annotations": {"summary": summary}, "generatorURL": ""},
        **{"startsAt": "2026-11-24T12:00:00Z", "endsAt": "0001-01-01T00:00:00Z", "fingerprint": "0123456789abcdef"},
    }
    return {
        **{"version": "4", "receiver": receiver, "status": status, "alerts": [alert], "truncatedAlerts": 0},
        **{"groupKey": f'{{}}:{{alertname="{name}"}}', "groupLabels": {"alertname": name}, "commonLabels": labels},
        **{"commonAnnotations": {"summary": summary}, "externalURL": "http://localhost:9093"},
    }
