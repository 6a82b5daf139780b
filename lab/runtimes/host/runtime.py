"""The lab as processes on this machine."""

import os
import resource
import shutil
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path

import click
import psutil

from lab import console, http, times
from lab.errors import LabError
from lab.paths import LOGS, ROOT, STATE, VENV
from lab.runtimes import certificates, ports, services, settings
from lab.runtimes.base import APP, READY_SECONDS, Check, Locust, Runtime, load_runs
from lab.runtimes.environment import for_services
from lab.runtimes.host import prepare, programs
from lab.runtimes.host.supervisor import Supervisor
from lab.runtimes.services import Service

#: The supervisord states of a live process. A process is STARTING during its first second.
ALIVE = ("STARTING", "RUNNING")
#: The open file limit that is set for each of the lab's processes, and the minimum that they need.
MAX_FILES = 65_536
MIN_FILES = 2_048
#: Other process limits: the minimum that the lab needs, what is limited, and the `ulimit` option.
LIMITS = {
    resource.RLIMIT_AS: (2 * 1024**3, "bytes of address space", "-v"),
    resource.RLIMIT_FSIZE: (1024**3, "bytes per file", "-f"),
    resource.RLIMIT_NPROC: (512, "processes and threads for this user", "-u"),
}
#: The commands that create the database, catalogue and static files. They are idempotent.
MAKE_SHOP = (("migrate", "--no-input"), ("seed_catalogue",), ("collectstatic", "--no-input"))
#: Locust's home and working directory. It contains no .locust.conf, locust.conf or pyproject.toml for Locust to read.
LOCUST_HOME = STATE / "locust"
LOCUSTFILE = str(ROOT / "loadtest" / "locustfile.py")
#: How an error message introduces the last line of a service's log.
LAST_LOG_LINE = "Last log line"


class HostRuntime(Runtime):
    """The lab as processes on this machine, under supervisord."""

    name = "host"
    provides = frozenset({"processes"})
    ca_file = STATE / "tls" / "ca.crt"
    token_file = prepare.TOKEN_FILE
    running_settings = STATE / "run" / "settings.json"

    def __init__(self, wanted: dict[str, str]) -> None:
        self._supervisor = Supervisor()
        super().__init__(wanted)

    def is_running(self) -> bool:
        return self._supervisor.is_running()

    def up(self) -> None:
        with self._lock():
            self._check(fresh=False)
            if running := self._of_running_lab():
                if not load_runs():
                    self.end_stray_load()
                if running.get("SOURCES") == prepare.sources_digest():
                    self._start(only_stopped=True)
                    return
                console.console.print("Files in the checkout have changed: restarting the lab.")
            self._stop()
            self.settings = self._wanted
            self._check(fresh=True)
            if database := self.settings["LAB_DATABASE_URL"]:
                shown = settings.without_password(database)
                click.echo(
                    f"Using the database {shown} from LAB_DATABASE_URL: running migrations and seeding the catalogue."
                )
            # Computed before the files are read, so that the next `make up` notices changes made during startup.
            sources = prepare.sources_digest()
            try:
                found = programs.find_all()
                environment = prepare.environment(self.settings, found)
                with console.step("files and certificates"):
                    prepare.make_files(self.settings, environment)
                self._supervisor.launch(environment)
                # Prometheus takes up to ten seconds until its first scrape, so start it early.
                self._supervisor.start("prometheus")
                with console.step("database, catalogue and static files"):
                    for command in MAKE_SHOP:
                        self.manage(*command)
                self._start()
                # Written last. If a lab is running without this file, its startup was interrupted.
                self._remember_settings(SOURCES=sources)
            except BaseException:
                self._stop()
                raise

    def checks(self) -> tuple[Check, ...]:
        names = [port for service in self.services for port in service.ports]
        return (
            Check("running lab", self._refuse_other_settings, fresh=False),
            Check("limits", _set_limits),
            Check("ports", lambda: self._refuse_taken_ports(names)),
            Check("programs", programs.check),
        )

    def _refuse_taken_ports(self, names: list[str]) -> str:
        if self._orphans():
            return "not checked, because `make up` first stops processes that are left from an earlier start"
        return ports.refuse_taken(self._wanted, names)

    def stop(self, service: Service) -> None:
        with self._lock():
            self.require_running()
            self._supervisor.stop(service.name)

    def start(self, service: Service) -> None:
        with self._lock():
            self.require_running()
            self._supervisor.start(service.name)
            self._await(service)

    def reload(self, service: Service) -> None:
        with self._lock():
            self.require_running()
            self._supervisor.signal(service.name, "HUP")

    def certify(self, lifetime: timedelta | None) -> None:
        hosts = self.settings["SHOP_HOSTS"].split(",")
        if lifetime:
            certificates.issue(STATE / "tls", hosts, lifetime)
        else:
            certificates.ensure(STATE / "tls", hosts)
        self.reload(services.named("nginx"))

    def states(self) -> Iterator[tuple[Service, str, str]]:
        known = self._supervisor.states() if self.is_running() else {}
        for service in self.services:
            process = known.get(service.name)
            if not process or process["statename"] not in ALIVE:
                yield service, process["statename"].lower() if process else "stopped", "not running"
            else:
                yield (
                    service,
                    f"up {times.rough(process['now'] - process['start'])}",
                    self.answers(service),
                )

    def run(self, command: Sequence[str], service: Service = APP, **options) -> subprocess.CompletedProcess:
        prepare.make_secrets()
        environment = prepare.environment(self.settings, {})
        folder = {"nginx": prepare.NGINX, "prometheus": prepare.PROMETHEUS}.get(service.name, ROOT / "app")
        return subprocess.run(command, cwd=folder, env=environment, check=False, **options)

    def url(self, service: Service, path: str = "/") -> str:
        scheme = "https" if service.tls else "http"
        return f"{scheme}://127.0.0.1:{self.settings[service.port]}{path}" if service.port else ""

    def read(self, service: Service, path: str, *, port: str = "") -> str:
        response = http.get(f"http://127.0.0.1:{self.settings[port or service.port]}{path}", timeout=5)
        response.raise_for_status()
        return response.text

    def logs(self, wanted: Sequence[Service], *, lines: int, follow: bool) -> None:
        files = [path for path in (LOGS / f"{service.name}.log" for service in wanted) if path.exists()]
        if not files:
            raise LabError("there are no logs yet: start the lab with `make up`.")
        # Python ignores SIGPIPE and tail would inherit that, but `make logs | head` should exit quietly.
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        os.execvp("tail", ["tail", "-n", str(lines), *(["-F"] if follow else []), *map(str, files)])

    def _locust(self, variables: Mapping[str, str], arguments: Sequence[str], port: str = "") -> Locust:
        shop = f"https://127.0.0.1:{self.settings['SHOP_HTTPS_PORT']}"
        LOCUST_HOME.mkdir(parents=True, exist_ok=True)
        environment = {
            **for_services(),
            "HOME": str(LOCUST_HOME),
            "LAB_CA_FILE": str(self.ca_file),
            "LAB_TOKEN_FILE": str(self.token_file),
            # Identifies Locust as a process of this checkout.
            "LAB": str(STATE),
            "SHOP_HTTP_URL": f"http://127.0.0.1:{self.settings['SHOP_HTTP_PORT']}",
            **variables,
        }
        # Do not run the script that pip installs, because its #! line does not support every character in Python's
        # path.
        locust = [str(VENV / "bin" / "python"), "-m", "locust", "--locustfile", LOCUSTFILE]
        return [*locust, "--host", shop, *arguments], LOCUST_HOME, environment

    def _remove_data(self) -> None:
        prepare.remove_data()

    def _start(self, *, only_stopped: bool = False) -> None:
        states = self._supervisor.states()
        waiting = [
            service for service in self.services if not only_stopped or states[service.name]["statename"] not in ALIVE
        ]
        for service in waiting:
            self._supervisor.start(service.name)
            if service.awaited:
                self._await(service)
        for service in waiting:
            if not service.awaited:
                self._await(service)
        self._await_targets()

    def _await(self, service: Service) -> None:
        with console.step(service.name), self._with_log_error(service.name):
            self.wait(lambda: self._problem(service), READY_SECONDS)

    def _await_targets(self) -> None:
        # If Prometheus cannot watch its target file, only its log says why.
        with self._with_log_error("prometheus"):
            super()._await_targets()

    @contextmanager
    def _with_log_error(self, name: str) -> Iterator[None]:
        """Add the last error in a service's log to any LabError that does not quote the log yet."""
        try:
            yield
        except LabError as error:
            logged = self._supervisor.last_error(name)
            if logged and LAST_LOG_LINE not in error.message:
                raise LabError(f"{error.message.rstrip('.')}. Last error in the log of {name}: {logged}") from error
            raise

    def _problem(self, service: Service) -> str:
        process = self._supervisor.states()[service.name]
        if process["statename"] == "BACKOFF":
            line = self._supervisor.last_log_line(service.name)
            raise LabError(f"{service.name} failed to start. {LAST_LOG_LINE}: {line}")
        return self.answers(service) if process["statename"] in ALIVE else f"{service.name} is not running"

    def end_stray_load(self) -> None:
        self._end_orphans(LOCUSTFILE)

    def _stop(self) -> None:
        # Stop a load run before the shop, so that the simulated users can finish.
        self.end_stray_load()
        self.running_settings.unlink(missing_ok=True)
        if self.is_running():
            supervisord = psutil.Process(self._supervisor.pid())
            # A lab that was started from an older version of the checkout lacks the services added since then.
            known = self._supervisor.states()
            for service in reversed(self.services):
                if service.name in known:
                    self._supervisor.stop(service.name)
            self._supervisor.shutdown()
            with suppress(psutil.TimeoutExpired):
                supervisord.wait(timeout=20)
        self._end_orphans()
        for directory in prepare.multiprocess_directories():
            shutil.rmtree(directory, ignore_errors=True)

    def _end_orphans(self, argument: str = "") -> None:
        """Stop processes left behind by a killed supervisord or load test; with ``argument``, only those that have it.

        Takes up to five rounds, because an exiting master process may still respawn a child.
        """
        for _ in range(5):
            orphans = self._orphans(argument)
            if not orphans:
                return
            for process in orphans:
                with suppress(psutil.NoSuchProcess):
                    process.terminate()
            _, alive = psutil.wait_procs(orphans, timeout=10)
            for process in alive:
                with suppress(psutil.NoSuchProcess):
                    process.kill()
        if orphans := self._orphans(argument):
            raise LabError(f"process {orphans[0].pid} of this lab cannot be stopped: kill it yourself.")

    @staticmethod
    def _orphans(argument: str = "") -> list[psutil.Process]:
        own = {os.getpid(), *(parent.pid for parent in psutil.Process().parents())}
        orphans = []
        for process in psutil.process_iter():
            try:
                if process.pid in own or (argument and argument not in process.cmdline()):
                    continue
                if _is_of_this_lab(process):
                    orphans.append(process)
            except (psutil.Error, OSError):
                continue
        return orphans


def _set_limits() -> str:
    """Set the open file limit for the lab's processes, and return it. Raise LabError if any limit is too low.

    Some systems allow 10^9 open files. The lab sets a lower limit, because some programs use memory or time for each
    possible file.
    """
    for limit, (minimum, what, option) in LIMITS.items():
        soft, _ = resource.getrlimit(limit)
        if soft != resource.RLIM_INFINITY and soft < minimum:
            raise LabError(f"the limit of {soft} {what} is too low: raise it to {minimum} (`ulimit {option}`).")
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    files = MAX_FILES if hard == resource.RLIM_INFINITY else min(hard, MAX_FILES)
    if files < MIN_FILES:
        raise LabError(f"the limit of {files} open files is too low: raise it to {MIN_FILES} (`ulimit -n`).")
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, hard))
    return f"{files} open files; the other limits are high enough"


def _is_of_this_lab(process: psutil.Process) -> bool:
    """Return whether a process has this checkout's ``LAB`` in its environment.

    NGINX and uWSGI overwrite their environment with a process title, so they are recognized by title and working
    directory.
    """
    if process.environ().get("LAB") == str(STATE):
        return True
    title = " ".join(process.cmdline())
    return title.startswith(("nginx: ", "uWSGI ")) and Path(process.cwd()) in (STATE, ROOT / "app")
