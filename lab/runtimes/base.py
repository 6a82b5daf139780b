"""What every runtime of the lab can do, whatever its services run in."""

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
#: Held by the one verb that may start or stop something.
LOCK = STATE / "lock"
#: Held by the one `make load` that may run.
LOAD_LOCK = STATE / "load.lock"
#: A command, its folder and its environment.
Locust = tuple[list[str], Path, Mapping[str, str]]
#: What a run of Locust gets so that it ends with the lab that started it (loadtest/locustfile.py).
WITH_THE_LAB = {"LAB_LOAD_UNTIL_EOF": "1"}


@dataclass(frozen=True)
class Check:
    """What must be so before the lab can start.

    ``run`` returns what it found and raises LabError with what to do; ``fresh`` says that a lab that is running is not
    checked, since it holds what is asked for.
    """

    name: str
    run: Callable[[], str]
    fresh: bool = True


class Runtime(ABC):
    """The lab, running or not. Every verb that changes something holds a lock, so two of them never meet.

    ``name`` is what ``RUNTIME`` takes; ``provides`` names what some services and metrics need and only some runtimes
    have; ``settings`` are those of the running lab, else the wanted ones; ``ca_file`` is where the certificate of the
    lab's authority is once the lab has been started, ``token_file`` what its own load is known by.
    """

    name: str
    ca_file: Path
    token_file: Path
    #: Written when a start is complete; it may hold a password, in a URL.
    running_settings: Path
    #: Where Locust's page listens.
    locust_address = "127.0.0.1"

    def __init__(self, wanted: dict[str, str]) -> None:
        self._wanted = wanted
        self._patience = 0.0
        self.settings = self._of_running_lab() or wanted

    @property
    @abstractmethod
    def provides(self) -> frozenset[str]:
        """What this runtime has of that which is not everywhere: ``postgres``, ``redis``, ``grafana`` …"""

    @property
    def services(self) -> tuple[Service, ...]:
        """The services that this runtime has, in the order in which they start."""
        return with_provided(self.provides)

    @abstractmethod
    def is_running(self) -> bool:
        """Say whether this checkout's lab runs."""

    @abstractmethod
    def up(self) -> None:
        """Start what does not run yet and return when every service works and Prometheus reaches every target.

        On a running lab it applies what has changed in the checkout, and nothing else. Raises LabError, and leaves
        nothing running, when a fresh start fails.
        """

    @abstractmethod
    def checks(self) -> tuple[Check, ...]:
        """Return what ``up`` checks before it starts anything, in this order."""

    def _check(self, *, fresh: bool) -> None:
        for check in self.checks():
            if check.fresh == fresh:
                check.run()

    @abstractmethod
    def _stop(self) -> None:
        """End everything; the data stays."""

    @abstractmethod
    def _remove_data(self) -> None:
        """Remove all that the lab has gathered or made, but for what it downloaded or built."""

    @abstractmethod
    def stop(self, service: Service) -> None:
        """Stop one service, which then stays stopped until it is started."""

    @abstractmethod
    def start(self, service: Service) -> None:
        """Start one service and return when it works."""

    @abstractmethod
    def reload(self, service: Service) -> None:
        """Have NGINX or Prometheus read its configuration anew (SIGHUP); returns at once, whatever comes of it."""

    @abstractmethod
    def certify(self, lifetime: timedelta | None) -> None:
        """Give NGINX a certificate that ends after ``lifetime``, or with None the one that it should have."""

    @abstractmethod
    def states(self) -> Iterator[tuple[Service, str, str]]:
        """Yield each service with its state and what is wrong with it (nothing when it works)."""

    @abstractmethod
    def url(self, service: Service, path: str = "/") -> str:
        """Return the address at which the lab calls a service, or nothing for one that cannot be reached from here.

        It is 127.0.0.1, since ``localhost`` may be ``::1`` first, where another program may listen.
        """

    def shown_url(self, service: Service, path: str = "/") -> str:
        """Return a service's address as it is shown to people."""
        return self.url(service, path).replace("//127.0.0.1:", "//localhost:", 1)

    @abstractmethod
    def read(self, service: Service, path: str, *, port: str = "") -> str:
        """Return what a service answers to a GET, on the port that the setting ``port`` names or its own.

        Works for services that cannot be reached from this machine as well. Raises OSError when it does not answer 200.
        """

    @abstractmethod
    def run(self, command: Sequence[str], service: Service = APP, **options) -> subprocess.CompletedProcess:
        """Run a command in the folder and the environment of a service (the shop, NGINX or Prometheus)."""

    def manage(self, *arguments: str) -> str:
        """Run one of the shop's management commands and return what it printed; raises LabError with its last line."""
        return manage(self.run, *arguments)

    @abstractmethod
    def logs(self, wanted: Sequence[Service], *, lines: int, follow: bool) -> None:
        """Become the program that prints the last lines of these logs. Raises LabError when there are none."""

    def shop(self, variables: Mapping[str, str], result: Path) -> int:
        """Run Locust without its page, with these variables, and return its exit code; the figures go to ``result``."""
        return run_locust(*self._locust({**WITH_THE_LAB, **variables, "LAB_LOAD_RESULT": str(result)}, ["--headless"]))

    def interrupt(self, load: subprocess.Popen) -> None:
        """Have a ``make load`` that leads a process group of its own end as after Ctrl-C, with its books closed."""
        with suppress(ProcessLookupError):
            os.killpg(load.pid, signal.SIGINT)

    @abstractmethod
    def end_stray_load(self) -> None:
        """Stop each Locust of this checkout: one whose `make load` was killed, unless a load is running."""

    def shop_from_page(self, variables: Mapping[str, str]) -> int:
        """Run Locust with its page at ``LOCUST_PORT`` and these variables until Ctrl-C, and return its exit code."""
        ports.refuse_taken(self.settings, ["LOCUST_PORT"])
        port = self.settings["LOCUST_PORT"]
        page = ["--web-host", self.locust_address, "--web-port", port]
        return run_locust(*self._locust({**WITH_THE_LAB, **variables}, page, port))

    @abstractmethod
    def _locust(self, variables: Mapping[str, str], arguments: Sequence[str], port: str = "") -> Locust:
        """Return how Locust is run with these variables and arguments, its page at ``port`` of 127.0.0.1 if any."""

    def notes(self) -> list[tuple[str, str, str]]:
        """Return what else to know, as rows for below the services: what it is, its value, what for."""
        return [("CA", str(self.ca_file), "trust it in the browser, or curl --cacert")]

    def down(self) -> None:
        """Stop everything; the data stays."""
        with self._lock():
            self._stop()

    def clean(self) -> None:
        """Stop everything and remove the data."""
        with self._lock():
            self._stop()
            self._remove_data()

    def restart(self, service: Service) -> None:
        """Stop one service, start it, and return when it works again."""
        self.stop(service)
        self.start(service)

    def answers(self, service: Service) -> str:
        """Ask a service whether it works; return nothing when it does, else what it said (2 s at most)."""
        url = self.url(service, service.path)
        if not service.path or not url:
            return ""
        try:
            answer = http.get(url, timeout=2, verify=str(self.ca_file), allow_redirects=False)
        # OSError: the authority's certificate is not there yet.
        except (requests.RequestException, OSError) as error:
            return f"no answer from {url} ({type(error).__name__})"
        return "" if answer.ok else f"{url} answered {answer.status_code}: {answer.text[:200].strip()}"

    def _await_targets(self) -> None:
        with console.step("every target scraped"):
            self.wait(self._missing_targets, TARGETS_SECONDS)

    def _missing_targets(self) -> str:
        port = self.settings["PROMETHEUS_PORT"]
        try:
            answer = http.get(f"http://127.0.0.1:{port}/api/v1/targets?state=active", timeout=2)
            targets = answer.json()["data"]["activeTargets"]
        except (requests.RequestException, KeyError) as error:
            return f"Prometheus does not answer ({type(error).__name__})"
        missing = [target["labels"]["job"] for target in targets if target["health"] != "up"]
        if not targets:
            return "Prometheus has read no targets yet"
        return f"Prometheus does not reach {', '.join(sorted(missing))}" if missing else ""

    @staticmethod
    def wait(trouble: Callable[[], str], seconds: float) -> None:
        """Wait until ``trouble`` has nothing to say; raises LabError with what it says after so many seconds."""
        deadline = time.monotonic() + seconds
        while found := trouble():
            if time.monotonic() > deadline:
                raise LabError(f"{found}, after {seconds} s; `make logs` shows what each part said.")
            time.sleep(0.1)

    def _of_running_lab(self) -> dict[str, str] | None:
        """Return the settings of the lab that runs; nothing when none does, or when its start was interrupted."""
        if not self.running_settings.exists() or not self.is_running():
            return None
        return json.loads(self.running_settings.read_text())

    def _remember_settings(self, **more: str) -> None:
        self.running_settings.parent.mkdir(parents=True, exist_ok=True)
        write_file(self.running_settings, json.dumps(self.settings | more), 0o600)

    def _refuse_other_settings(self) -> str:
        running = self._of_running_lab()
        for name, value in self._wanted.items():
            # With IMAGES=auto a lab keeps the images that it runs.
            if running and running.get(name) != value and (name, value) != ("IMAGES", "auto"):
                raise LabError(f"the lab runs with another {name}: `make down` first, to start it with this one.")
        return "it has these settings" if running else "none"

    def require_running(self) -> None:
        """Raise LabError when the lab does not run."""
        if not self.is_running():
            raise LabError("the lab is not running: start it with `make up`.")

    @contextmanager
    def patient(self, seconds: float) -> Iterator[None]:
        """Let verbs wait so long for another one to end, rather than be refused."""
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
                    raise LabError("another `make` is starting or stopping this lab: wait for it to end.") from error
                time.sleep(0.2)
        try:
            yield
        except OSError as error:
            raise LabError(sentence(error)) from error
        finally:
            os.close(file)


def check_state() -> str:
    """Return the folder of the lab's state, made if needed; raises LabError when it cannot be written."""
    try:
        STATE.mkdir(exist_ok=True)
        LOGS.mkdir(exist_ok=True)
        os.close(os.open(LOCK, os.O_RDWR | os.O_CREAT, 0o600))
    except OSError as error:
        raise LabError(f"{STATE} cannot hold the lab ({error.strerror}): make it writable.") from error
    return f"{STATE} is writable"


def manage(run: Callable[..., subprocess.CompletedProcess], *arguments: str) -> str:
    """As :meth:`Runtime.manage`, with ``run`` to run a command where the shop is."""
    done = run(["python", "manage.py", *arguments], capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if done.returncode != 0:
        raise LabError(f"`manage.py {' '.join(arguments)}` failed: {console.last_line(done.stderr)}")
    return done.stdout.strip()


def run_locust(command: Sequence[str], folder: Path, environment: Mapping[str, str]) -> int:
    """Run Locust and return its exit code. A signal to this process ends the run as Ctrl-C does, with its summary.

    Locust ends its run when its standard input is closed: by this process after a signal, or by the kernel when this
    process was killed. In a session of its own, so that Ctrl-C on a terminal reaches this process alone.
    """
    with signals.heeded_once():
        process = subprocess.Popen(command, stdin=subprocess.PIPE, cwd=folder, env=environment, start_new_session=True)
        try:
            return process.wait()
        except KeyboardInterrupt:
            process.stdin.close()
            return process.wait()


def load_runs() -> bool:
    """Say whether a `make load` of this checkout is running."""
    with LOAD_LOCK.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False
