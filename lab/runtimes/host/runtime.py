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

from lab import console, http
from lab.errors import LabError
from lab.paths import LOGS, ROOT, STATE, VENV
from lab.runtimes import certificates, ports, settings
from lab.runtimes.base import APP, READY_SECONDS, WITH_THE_LAB, Runtime, load_runs, run_locust
from lab.runtimes.environment import for_services
from lab.runtimes.host import prepare, programs
from lab.runtimes.host.supervisor import Supervisor
from lab.runtimes.services import Part
from lab.runtimes.services import part as part_named

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
            if running := self._of_running_lab():
                self._refuse_other_settings(running)
                if not load_runs():
                    self.end_stray_load()
                if running.get("SOURCES") == prepare.sources_digest():
                    self._start(only_stopped=True)
                    return
                console.console.print("Files in the checkout have changed: restarting the lab.")
            self._stop()
            _set_limits()
            self.settings = self._wanted
            ports.refuse_taken(self.settings, [port for part in self.parts for port in part.ports])
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
                    prepare.make_shop(environment)
                self._start()
                # Last: a lab that runs without this file was interrupted while it started.
                self._remember_settings(SOURCES=sources)
            except BaseException:
                self._stop()
                raise

    def stop(self, part: Part) -> None:
        with self._lock():
            self.require_running()
            self._supervisor.stop(part.name)

    def start(self, part: Part) -> None:
        with self._lock():
            self.require_running()
            self._supervisor.start(part.name)
            self._await(part)

    def reload(self, part: Part) -> None:
        with self._lock():
            self.require_running()
            self._supervisor.signal(part.name, "HUP")

    def certify(self, lifetime: timedelta | None) -> None:
        hosts = self.settings["SHOP_HOSTS"].split(",")
        if lifetime:
            certificates.issue(STATE / "tls", hosts, lifetime)
        else:
            certificates.ensure(STATE / "tls", hosts)
        self.reload(part_named("nginx"))

    def states(self) -> Iterator[tuple[Part, str, str]]:
        known = self._supervisor.states() if self.is_running() else {}
        for part in self.parts:
            process = known.get(part.name)
            if not process or process["statename"] not in ALIVE:
                yield part, process["statename"].lower() if process else "stopped", "not running"
            else:
                yield (
                    part,
                    f"up {console.duration(process['now'] - process['start'])}",
                    self.answers(part),
                )

    def run(self, command: Sequence[str], part: Part = APP, **options) -> subprocess.CompletedProcess:
        prepare.make_secrets()
        environment = prepare.environment(self.settings, {})
        folder = {"nginx": prepare.NGINX, "prometheus": prepare.PROMETHEUS}.get(part.name, ROOT / "app")
        return subprocess.run(command, cwd=folder, env=environment, check=False, **options)

    def manage(self, *arguments: str) -> str:
        prepare.make_secrets()
        return prepare.manage(prepare.environment(self.settings, {}), *arguments)

    def url(self, part: Part, path: str = "/") -> str:
        scheme = "https" if part.tls else "http"
        return f"{scheme}://127.0.0.1:{self.settings[part.port]}{path}" if part.port else ""

    def read(self, part: Part, path: str, *, port: str = "") -> str:
        answer = http.get(f"http://127.0.0.1:{self.settings[port or part.port]}{path}", timeout=5)
        answer.raise_for_status()
        return answer.text

    def logs(self, wanted: Sequence[Part], *, lines: int, follow: bool) -> None:
        files = [path for path in (LOGS / f"{part.name}.log" for part in wanted) if path.exists()]
        if not files:
            raise LabError("nothing is logged yet: start the lab with `make up`.")
        # Python ignores it, and what it becomes would inherit that: `make logs | head` is no error.
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        os.execvp("tail", ["tail", "-n", str(lines), *(["-F"] if follow else []), *map(str, files)])

    def shop(self, variables: Mapping[str, str], result: Path) -> int:
        return self._locust(["--headless"], {**variables, "LAB_LOAD_RESULT": str(result)})

    def shop_from_page(self, variables: Mapping[str, str]) -> int:
        ports.refuse_taken(self.settings, ["LOCUST_PORT"])
        return self._locust(["--web-host", "127.0.0.1", "--web-port", self.settings["LOCUST_PORT"]], variables)

    def _locust(self, arguments: Sequence[str], variables: Mapping[str, str]) -> int:
        shop = f"https://127.0.0.1:{self.settings['SHOP_HTTPS_PORT']}"
        LOCUST_HOME.mkdir(parents=True, exist_ok=True)
        environment = {
            **for_services(),
            "HOME": str(LOCUST_HOME),
            "LAB_CA_FILE": str(self.ca_file),
            "LAB_TOKEN_FILE": str(self.token_file),
            # By which it is known as this checkout's.
            "LAB": str(STATE),
            **WITH_THE_LAB,
            "SHOP_HTTP_URL": f"http://127.0.0.1:{self.settings['SHOP_HTTP_PORT']}",
            **variables,
        }
        # No script of pip's, whose first line holds the path of its Python: that cannot hold each character.
        locust = [str(VENV / "bin" / "python"), "-m", "locust", "--locustfile", LOCUSTFILE]
        return run_locust([*locust, "--host", shop, *arguments], cwd=LOCUST_HOME, env=environment)

    def _remove_data(self) -> None:
        prepare.remove_data()

    def _start(self, *, only_stopped: bool = False) -> None:
        states = self._supervisor.states()
        waiting = [part for part in self.parts if not only_stopped or states[part.name]["statename"] not in ALIVE]
        for part in waiting:
            self._supervisor.start(part.name)
            if part.awaited:
                self._await(part)
        for part in waiting:
            if not part.awaited:
                self._await(part)
        self._await_targets()

    def _await(self, part: Part) -> None:
        with console.step(part.name), self._with_last_words(part.name):
            self.wait(lambda: self._trouble(part), READY_SECONDS)

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

    def _trouble(self, part: Part) -> str:
        process = self._supervisor.states()[part.name]
        if process["statename"] == "BACKOFF":
            raise LabError(f"{part.name} does not start; it said last: {self._supervisor.last_words(part.name)}")
        return self.answers(part) if process["statename"] in ALIVE else "it is not running"

    def end_stray_load(self) -> None:
        self._end_orphans(LOCUSTFILE)

    def _stop(self) -> None:
        # While the shop still works, so that its visitors can finish.
        self.end_stray_load()
        self.running_settings.unlink(missing_ok=True)
        if self.is_running():
            supervisord = psutil.Process(self._supervisor.pid())
            # A lab that an older checkout started has no part that came since.
            known = self._supervisor.states()
            for part in reversed(self.parts):
                if part.name in known:
                    self._supervisor.stop(part.name)
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


def _set_limits() -> None:
    """Let each process of the lab open as many files as it needs; raises LabError when a limit is lower than that.

    Not as many as some systems allow, which is 10^9: there are programs that use memory or time for each.
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


def _is_of_this_lab(process: psutil.Process) -> bool:
    """Say whether a process carries this checkout's ``LAB``.

    NGINX and uWSGI write their titles over their environment: they are known by title and folder.
    """
    if process.environ().get("LAB") == str(STATE):
        return True
    title = " ".join(process.cmdline())
    return title.startswith(("nginx: ", "uWSGI ")) and Path(process.cwd()) in (STATE, ROOT / "app")
