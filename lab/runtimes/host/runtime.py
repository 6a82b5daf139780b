"""The lab as processes of this machine."""

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

#: What supervisord calls a process that lives: the first second it is STARTING.
ALIVE = ("STARTING", "RUNNING")
#: How many files a process of the lab may open, and how many it must be able to.
FILES = 65_536
FEWEST_FILES = 2_048
#: Other limits of a process: the least that the lab runs with, what is limited, and the option of `ulimit`.
LIMITS = {
    resource.RLIMIT_AS: (2 * 1024**3, "bytes of address space", "-v"),
    resource.RLIMIT_FSIZE: (1024**3, "bytes in a file", "-f"),
    resource.RLIMIT_NPROC: (512, "processes and threads of this user", "-u"),
}
#: What makes the shop's database, catalogue and static files; each changes nothing when it was done before.
MAKE_SHOP = (("migrate", "--no-input"), ("seed_catalogue",), ("collectstatic", "--no-input"))
#: Where Locust runs: it reads ~/.locust.conf, and locust.conf and pyproject.toml in its folder, and finds none here.
LOCUST_HOME = STATE / "locust"
LOCUSTFILE = str(ROOT / "loadtest" / "locustfile.py")


class HostRuntime(Runtime):
    """The lab as processes of this machine, under supervisord."""

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
            # Before they are read: what changes while the lab starts is noticed by the next `make up`.
            sources = prepare.sources_digest()
            try:
                found = programs.find_all()
                environment = prepare.environment(self.settings, found)
                with console.step("files and certificates"):
                    prepare.make_files(self.settings, environment)
                self._supervisor.launch(environment)
                # It takes Prometheus up to ten seconds to begin to scrape: that time is used.
                self._supervisor.start("prometheus")
                with console.step("database, catalogue and static files"):
                    for command in MAKE_SHOP:
                        self.manage(*command)
                self._start()
                # Last: a lab that runs without this file was interrupted while it started.
                self._remember_settings(SOURCES=sources)
            except BaseException:
                self._stop()
                raise

    def checks(self) -> tuple[Check, ...]:
        names = [port for service in self.services for port in service.ports]
        return (
            Check("running lab", self._refuse_other_settings, fresh=False),
            Check("limits", _set_limits),
            Check("ports", lambda: ports.refuse_taken(self._wanted, names)),
            Check("programs", programs.check),
        )

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
        answer = http.get(f"http://127.0.0.1:{self.settings[port or service.port]}{path}", timeout=5)
        answer.raise_for_status()
        return answer.text

    def logs(self, wanted: Sequence[Service], *, lines: int, follow: bool) -> None:
        files = [path for path in (LOGS / f"{service.name}.log" for service in wanted) if path.exists()]
        if not files:
            raise LabError("nothing is logged yet: start the lab with `make up`.")
        # Python ignores it, and what it becomes would inherit that: `make logs | head` is no error.
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
            # By which it is known as this checkout's.
            "LAB": str(STATE),
            "SHOP_HTTP_URL": f"http://127.0.0.1:{self.settings['SHOP_HTTP_PORT']}",
            **variables,
        }
        # No script of pip's, whose first line holds the path of its Python: that cannot hold each character.
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
        with console.step(service.name), self._with_last_words(service.name):
            self.wait(lambda: self._trouble(service), READY_SECONDS)

    def _await_targets(self) -> None:
        # Prometheus says in its log alone why it cannot watch the file of its targets.
        with self._with_last_words("prometheus"):
            super()._await_targets()

    @contextmanager
    def _with_last_words(self, name: str) -> Iterator[None]:
        """Add to a LabError the last error in a service's log, unless it has that."""
        try:
            yield
        except LabError as error:
            said = self._supervisor.last_error(name)
            if said and "said last" not in error.message:
                raise LabError(f"{error.message.rstrip('.')} The log of {name} says: {said}") from error
            raise

    def _trouble(self, service: Service) -> str:
        process = self._supervisor.states()[service.name]
        if process["statename"] == "BACKOFF":
            raise LabError(f"{service.name} does not start; it said last: {self._supervisor.last_words(service.name)}")
        return self.answers(service) if process["statename"] in ALIVE else "it is not running"

    def end_stray_load(self) -> None:
        self._end_orphans(LOCUSTFILE)

    def _stop(self) -> None:
        # While the shop still works, so that its visitors can finish.
        self.end_stray_load()
        self.running_settings.unlink(missing_ok=True)
        if self.is_running():
            supervisord = psutil.Process(self._supervisor.pid())
            # A lab that an older checkout started has no service that came since.
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
        """End what an earlier supervisord or load, killed without warning, left behind, or what has this argument.

        More than one round, since a master that is ending may still start a child anew.
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
            raise LabError(f"process {orphans[0].pid} of this lab does not end: end it by hand.")

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
    """Let each process of the lab open as many files as it needs, and return how many.

    Not as many as some systems allow, which is 10^9: there are programs that use memory or time for each. Raises
    LabError when this or another limit is too low.
    """
    for limit, (least, what, option) in LIMITS.items():
        soft, _ = resource.getrlimit(limit)
        if soft != resource.RLIM_INFINITY and soft < least:
            raise LabError(f"the limit of {soft} {what} is too low: raise it to {least} (`ulimit {option}`).")
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = FILES if hard == resource.RLIM_INFINITY else min(hard, FILES)
    if most < FEWEST_FILES:
        raise LabError(f"the limit of {most} open files is too low: raise it to {FEWEST_FILES} (`ulimit -n`).")
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    return f"{most} open files; the other limits are high enough"


def _is_of_this_lab(process: psutil.Process) -> bool:
    """Say whether a process carries this checkout's ``LAB``.

    NGINX and uWSGI write their titles over their environment: they are known by title and folder.
    """
    if process.environ().get("LAB") == str(STATE):
        return True
    title = " ".join(process.cmdline())
    return title.startswith(("nginx: ", "uWSGI ")) and Path(process.cwd()) in (STATE, ROOT / "app")
