"""The interface of the lab's runtimes, and the code that they share."""

import fcntl
import json
import os
import signal
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import requests

from lab import console, http, signals
from lab.errors import LabError, sentence
from lab.paths import LOGS, STATE, write_file
from lab.runtimes import ports, services
from lab.runtimes.services import Service, with_provided

APP = services.named("app")
READY_SECONDS = 45
TARGETS_SECONDS = 30
#: Held by a command while it starts or stops services, so that only one command does so at a time.
LOCK = STATE / "lock"
#: Held by `make load`, so that only one runs at a time.
LOAD_LOCK = STATE / "load.lock"
#: A command, its working directory and its environment.
Locust = tuple[list[str], Path, Mapping[str, str]]
#: Makes Locust exit when the lab command that started it exits (see loadtest/locustfile.py).
WITH_THE_LAB = {"LAB_LOAD_UNTIL_EOF": "1"}


@dataclass(frozen=True)
class Check:
    """A condition that must hold before the lab can start.

    ``run`` returns what it found, or raises LabError with the problem and its fix. A ``fresh`` check is skipped if the
    lab is running, because the lab itself then uses what is checked, such as the ports.
    """

    name: str
    run: Callable[[], str]
    fresh: bool = True


class Runtime(ABC):
    """The lab, running or not. Every operation that changes it holds a lock, so that no two run at the same time.

    ``name`` is the value of ``RUNTIME`` that selects this runtime. ``provides`` lists optional features that some
    services and metrics need. ``settings`` are the running lab's settings, or the requested ones if it is not running.
    ``ca_file`` is the CA certificate, which exists once the lab has been started. ``token_file`` contains the token
    that identifies the lab's own load.
    """

    name: str
    ca_file: Path
    token_file: Path
    #: The file with the running lab's settings, written when startup is complete. Its URLs may contain passwords.
    running_settings: Path
    #: The IP address that Locust's web page listens on.
    locust_address = "127.0.0.1"

    def __init__(self, wanted: dict[str, str]) -> None:
        self._wanted = wanted
        self._patience = 0.0
        self.settings = self._of_running_lab() or wanted

    @property
    @abstractmethod
    def provides(self) -> frozenset[str]:
        """The optional features that this runtime has: ``postgres``, ``redis``, ``grafana`` …"""

    @property
    def labels(self) -> dict[str, str]:
        """The labels in Prometheus that only this lab's series have. Empty if it has no other lab's series."""
        return {}

    @property
    def services(self) -> tuple[Service, ...]:
        """The services of this runtime, in start order."""
        return with_provided(self.provides)

    @abstractmethod
    def is_running(self) -> bool:
        """Return whether the lab of this checkout is running."""

    @abstractmethod
    def up(self) -> None:
        """Start the services that are not running. Return when all services work and Prometheus scrapes every target.

        If the lab is already running, also apply changes in the checkout. If the lab was stopped and fails to start,
        stop everything and raise LabError.
        """

    @abstractmethod
    def checks(self) -> tuple[Check, ...]:
        """Return the checks that ``up`` runs before it starts anything, in this order."""

    def _check(self, *, fresh: bool) -> None:
        for check in self.checks():
            if check.fresh == fresh:
                check.run()

    @abstractmethod
    def _stop(self) -> None:
        """Stop everything and keep the data."""

    @abstractmethod
    def _remove_data(self) -> None:
        """Delete the lab's data and generated files, but not its downloads and builds."""

    @abstractmethod
    def stop(self, service: Service) -> None:
        """Stop one service. It stays stopped until it is started again."""

    @abstractmethod
    def start(self, service: Service) -> None:
        """Start one service and return when it works."""

    @abstractmethod
    def reload(self, service: Service) -> None:
        """Reload the configuration of NGINX or Prometheus (SIGHUP). Return at once, without checking the result."""

    @abstractmethod
    def certify(self, lifetime: timedelta | None) -> None:
        """Give NGINX a certificate that expires after ``lifetime``, or its normal one if ``lifetime`` is None."""

    @abstractmethod
    def states(self) -> Iterator[tuple[Service, str, str]]:
        """Yield each service with its state and its problem, which is empty if the service works."""

    @abstractmethod
    def url(self, service: Service, path: str = "/") -> str:
        """Return the URL at which the lab reaches a service, or an empty string if it cannot be reached from here.

        The host is 127.0.0.1, because ``localhost`` may resolve to ``::1``, where another program may listen.
        """

    def shown_url(self, service: Service, path: str = "/") -> str:
        """Return a service's URL in the form that users see."""
        return self.url(service, path).replace("//127.0.0.1:", "//localhost:", 1)

    def pods(self) -> dict[str, str]:
        """Return the shop's pods whose counters can be read: each one's name, and ``is being stopped`` if it is.

        Prometheus's series have the name in the label ``pod``. On a runtime where the shop is always one pod, that pod
        has no name. Raises OSError if the pods cannot be listed.
        """
        return {"": ""}

    @abstractmethod
    def read(self, service: Service, path: str, *, port: str = "", pod: str = "") -> str:
        """Send a GET request to a service's main port, or to the port in the setting ``port``, and return the response.

        ``pod`` is the name of one of the shop's pods; without it, any of them responds.

        Also works for services that cannot be reached from this machine. Raises OSError unless the status is 200.
        """

    @abstractmethod
    def run(self, command: Sequence[str], service: Service = APP, **options) -> subprocess.CompletedProcess:
        """Run a command in the working directory and environment of a service: the shop, NGINX or Prometheus."""

    def manage(self, *arguments: str) -> str:
        """Run one of the shop's management commands and return its output. Raise LabError if it fails."""
        return manage(self.run, *arguments)

    @abstractmethod
    def logs(self, wanted: Sequence[Service], *, lines: int, follow: bool) -> None:
        """Replace this process with a program that prints these services' latest log lines.

        Raises LabError if there are no logs.
        """

    def shop(self, variables: Mapping[str, str], result: Path) -> int:
        """Run Locust headless with these variables, write the results to ``result``, and return its exit code."""
        return run_locust(*self._locust({**WITH_THE_LAB, **variables, "LAB_LOAD_RESULT": str(result)}, ["--headless"]))

    def interrupt(self, load: subprocess.Popen) -> None:
        """Interrupt a ``make load`` as Ctrl-C would, so that it still writes its ledger.

        ``load`` must lead its own process group.
        """
        with suppress(ProcessLookupError):
            os.killpg(load.pid, signal.SIGINT)

    @abstractmethod
    def end_stray_load(self) -> None:
        """Stop all of this checkout's Locust processes, such as one whose `make load` was killed."""

    def shop_from_page(self, variables: Mapping[str, str]) -> int:
        """Run Locust with these variables and its web page on ``LOCUST_PORT`` until Ctrl-C. Return its exit code."""
        ports.refuse_taken(self.settings, ["LOCUST_PORT"])
        port = self.settings["LOCUST_PORT"]
        page = ["--web-host", self.locust_address, "--web-port", port]
        return run_locust(*self._locust({**WITH_THE_LAB, **variables}, page, port))

    @abstractmethod
    def _locust(self, variables: Mapping[str, str], arguments: Sequence[str], port: str = "") -> Locust:
        """Return the Locust command with these variables and arguments. Its web page, if any, is on ``port``."""

    def notes(self) -> list[tuple[str, str, str]]:
        """Return notes to show below the services, as rows of name, value and purpose."""
        return [("CA", str(self.ca_file), "CA certificate: trust it in your browser, or pass it to curl --cacert")]

    def down(self) -> None:
        """Stop everything and keep the data."""
        with self._lock():
            self._stop()

    def clean(self) -> None:
        """Stop everything and delete the data."""
        with self._lock():
            self._stop()
            self._remove_data()

    def restart(self, service: Service) -> None:
        """Stop a service, start it, and return when it works again."""
        self.stop(service)
        self.start(service)

    def answers(self, service: Service) -> str:
        """Check a service with one request (timeout 2 s). Return its problem, or an empty string if it works."""
        url = self.url(service, service.path)
        if not service.path or not url:
            return ""
        try:
            response = http.get(url, timeout=2, verify=str(self.ca_file), allow_redirects=False)
        # OSError: the CA certificate does not exist yet.
        except (requests.RequestException, OSError) as error:
            return f"no response from {url} ({type(error).__name__})"
        return "" if response.ok else f"{url} returned {response.status_code}: {response.text[:200].strip()}"

    def _await_targets(self) -> None:
        with console.step("every target scraped"):
            self.wait(self._missing_targets, TARGETS_SECONDS)

    def _missing_targets(self) -> str:
        port = self.settings["PROMETHEUS_PORT"]
        try:
            response = http.get(f"http://127.0.0.1:{port}/api/v1/targets?state=active", timeout=2)
            targets = response.json()["data"]["activeTargets"]
        except (requests.RequestException, KeyError) as error:
            return f"Prometheus is not responding ({type(error).__name__})"
        missing = [target["labels"]["job"] for target in targets if target["health"] != "up"]
        if not targets:
            return "Prometheus has not loaded any targets yet"
        return f"Prometheus cannot scrape {', '.join(sorted(missing))}" if missing else ""

    @staticmethod
    def wait(problem: Callable[[], str], seconds: float) -> None:
        """Wait until ``problem()`` returns an empty string. After ``seconds``, raise LabError with the last problem."""
        deadline = time.monotonic() + seconds
        while found := problem():
            if time.monotonic() > deadline:
                raise LabError(f"{found} (waited {seconds} s); `make logs` shows the latest log lines of each service.")
            time.sleep(0.1)

    def _of_running_lab(self) -> dict[str, str] | None:
        """Return the settings of the running lab, or None if none is running or its start was interrupted."""
        if not self.running_settings.exists() or not self.is_running():
            return None
        return json.loads(self.running_settings.read_text())

    def _remember_settings(self, **more: str) -> None:
        self.running_settings.parent.mkdir(parents=True, exist_ok=True)
        write_file(self.running_settings, json.dumps(self.settings | more), 0o600)

    def _refuse_other_settings(self) -> str:
        running = self._of_running_lab()
        for name, value in self._wanted.items():
            # With IMAGES=auto, a running lab keeps its images.
            if running and running.get(name) != value and (name, value) != ("IMAGES", "auto"):
                raise LabError(f"the lab is running with a different {name}: run `make down` first, then `make up`.")
        return "running with these settings" if running else "none"

    def require_running(self) -> None:
        """Raise LabError if the lab is not running."""
        if not self.is_running():
            raise LabError("the lab is not running: start it with `make up`.")

    @contextmanager
    def patient(self, seconds: float) -> Iterator[None]:
        """Let operations in this block wait up to ``seconds`` for another one to finish, instead of failing at once."""
        self._patience = seconds
        try:
            yield
        finally:
            self._patience = 0.0

    @contextmanager
    def _lock(self) -> Iterator[None]:
        check_state()
        file = os.open(LOCK, os.O_RDWR)
        deadline = time.monotonic() + self._patience
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError as error:
                if time.monotonic() > deadline:
                    raise LabError("another `make` is starting or stopping this lab: wait for it to finish.") from error
                time.sleep(0.2)
        try:
            yield
        except OSError as error:
            raise LabError(sentence(error)) from error
        finally:
            os.close(file)


def check_state() -> str:
    """Create the lab's state folder if needed. Raise LabError if it cannot be written."""
    try:
        STATE.mkdir(exist_ok=True)
        LOGS.mkdir(exist_ok=True)
        os.close(os.open(LOCK, os.O_RDWR | os.O_CREAT, 0o600))
    except OSError as error:
        raise LabError(f"the lab cannot write to {STATE} ({error.strerror}): make it writable.") from error
    return f"{STATE} is writable"


def manage(run: Callable[..., subprocess.CompletedProcess], *arguments: str) -> str:
    """Implement :meth:`Runtime.manage`. The function ``run`` runs a command in the shop's environment."""
    done = run(["python", "manage.py", *arguments], capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if done.returncode != 0:
        raise LabError(f"`manage.py {' '.join(arguments)}` failed: {console.last_line(done.stderr)}")
    return done.stdout.strip()


def run_locust(command: Sequence[str], folder: Path, environment: Mapping[str, str]) -> int:
    """Run Locust and return its exit code. A signal to this process stops the run like Ctrl-C, with a summary.

    Locust stops when its standard input is closed, either by this process after a signal or by the kernel if this
    process is killed. Locust runs in its own session, so that Ctrl-C in a terminal reaches only this process.
    """
    with signals.handled_once():
        process = subprocess.Popen(command, stdin=subprocess.PIPE, cwd=folder, env=environment, start_new_session=True)
        try:
            return process.wait()
        except KeyboardInterrupt:
            process.stdin.close()
            return process.wait()


def load_runs() -> bool:
    """Return whether a `make load` of this checkout is running."""
    with LOAD_LOCK.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False
