"""The host runtime's verbs."""

import errno
import fcntl
import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import requests

from lab import local, progress
from lab.errors import LabError
from lab.host import ports, prepare, programs
from lab.host.supervisor import Supervisor
from lab.parts import PARTS, Part
from lab.paths import LOGS, ROOT, STATE

#: What supervisord calls a process that lives: the first second it is STARTING.
ALIVE = ("STARTING", "RUNNING")
#: Written when a start is complete: it may hold a password, in a URL.
RUNNING_SETTINGS = STATE / "run" / "settings.json"
READY_SECONDS = 45
TARGETS_SECONDS = 30


class HostRuntime:
    """The lab as processes of this machine.

    Every verb that changes something holds a lock, so two of them never meet.
    """

    def __init__(self, settings: dict[str, str]) -> None:
        self._supervisor = Supervisor()
        self._wanted = settings
        self.settings = self._of_running_lab() or settings

    def is_running(self) -> bool:
        """Say whether this checkout's lab runs."""
        return self._supervisor.is_running()

    def up(self) -> None:
        """Start what does not run yet and return when every part works and Prometheus reaches every target.

        On a lab that runs it changes nothing. Raises LabError, and leaves nothing running, when a fresh start fails.
        """
        with self._lock():
            if running := self._of_running_lab():
                self._refuse_other_settings(running)
                self._start(only_stopped=True)
                return
            self._stop()
            self.settings = self._wanted
            ports.refuse_taken(self.settings, [port for part in PARTS for port in part.ports])
            try:
                found = programs.find_all()
                environment = prepare.environment(self.settings, found)
                with progress.step("files and certificates"):
                    prepare.make_files(self.settings)
                self._supervisor.launch(environment)
                # It takes Prometheus up to ten seconds to begin to scrape: that time is used.
                self._supervisor.start("prometheus")
                with progress.step("database, catalogue and static files"):
                    prepare.make_shop(environment)
                self._start()
                # Last: a lab that runs without this file was interrupted while it started.
                prepare.write_private(RUNNING_SETTINGS, json.dumps(self.settings))
            except BaseException:
                self._stop()
                raise

    def down(self) -> None:
        """Stop everything; the data stays."""
        with self._lock():
            self._stop()

    def stop(self, part: Part) -> None:
        """Stop one part, which then stays stopped until it is started."""
        with self._lock():
            self._require_running()
            self._supervisor.stop(part.name)

    def start(self, part: Part) -> None:
        """Start one part and return when it works."""
        with self._lock():
            self._require_running()
            self._supervisor.start(part.name)
            self._await(part)

    def restart(self, part: Part) -> None:
        """Stop one part, start it, and return when it works again."""
        self.stop(part)
        self.start(part)

    def clean(self) -> None:
        """Stop everything and remove the data."""
        with self._lock():
            self._stop()
            prepare.remove_data()

    def states(self) -> Iterator[tuple[Part, str, str]]:
        """Yield each part with its process's state and what is wrong with it (nothing when it works)."""
        known = self._supervisor.states() if self.is_running() else {}
        for part in PARTS:
            process = known.get(part.name)
            if not process or process["statename"] not in ALIVE:
                yield part, process["statename"].lower() if process else "stopped", "not running"
            else:
                yield (
                    part,
                    f"up {progress.duration(process['now'] - process['start'])}",
                    part.trouble(self.settings),
                )

    def run(self, command: Sequence[str], **options) -> subprocess.CompletedProcess:
        """Run a command as the shop's part ``app`` would see it: its folder, its environment, this machine."""
        prepare.make_secret_key()
        environment = prepare.environment(self.settings, {})
        return subprocess.run(command, cwd=ROOT / "app", env=environment, check=False, **options)

    def manage(self, *arguments: str) -> str:
        """Run one of the shop's management commands and return what it printed."""
        prepare.make_secret_key()
        return prepare.manage(prepare.environment(self.settings, {}), *arguments)

    def _start(self, *, only_stopped: bool = False) -> None:
        states = self._supervisor.states()
        waiting = [part for part in PARTS if not only_stopped or states[part.name]["statename"] not in ALIVE]
        for part in waiting:
            self._supervisor.start(part.name)
            if part.awaited:
                self._await(part)
        for part in waiting:
            if not part.awaited:
                self._await(part)
        with progress.step("every target scraped"):
            self._wait(self._missing_targets, TARGETS_SECONDS)

    def _await(self, part: Part) -> None:
        with progress.step(part.name):
            self._wait(lambda: self._trouble(part), READY_SECONDS)

    def _trouble(self, part: Part) -> str:
        process = self._supervisor.states()[part.name]
        if process["statename"] == "BACKOFF":
            raise LabError(f"{part.name} does not start; it said last: {self._supervisor.last_words(part.name)}")
        return part.trouble(self.settings) if process["statename"] in ALIVE else "it is not running"

    def _missing_targets(self) -> str:
        port = self.settings["PROMETHEUS_PORT"]
        try:
            answer = local.get(f"http://localhost:{port}/api/v1/targets?state=active", timeout=2)
            targets = answer.json()["data"]["activeTargets"]
        except (requests.RequestException, KeyError) as error:
            return f"Prometheus does not answer ({type(error).__name__})"
        missing = [target["labels"]["job"] for target in targets if target["health"] != "up"]
        if not targets:
            return "Prometheus has read no targets yet"
        return f"Prometheus does not reach {', '.join(sorted(missing))}" if missing else ""

    @staticmethod
    def _wait(trouble: Callable[[], str], seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while found := trouble():
            if time.monotonic() > deadline:
                raise LabError(f"{found}, after {seconds} s; `make logs` shows what each part said.")
            time.sleep(0.1)

    def _of_running_lab(self) -> dict[str, str] | None:
        """Return the settings of the lab that runs; nothing when none does, or when its start was interrupted."""
        if not RUNNING_SETTINGS.exists() or not self.is_running():
            return None
        return json.loads(RUNNING_SETTINGS.read_text())

    def _refuse_other_settings(self, running: dict[str, str]) -> None:
        for name, value in self._wanted.items():
            if running.get(name) != value:
                raise LabError(f"the lab runs with another {name}: `make down` first, to start it with this one.")

    def _stop(self) -> None:
        RUNNING_SETTINGS.unlink(missing_ok=True)
        if self.is_running():
            supervisord = psutil.Process(self._supervisor.pid())
            for part in reversed(PARTS):
                self._supervisor.stop(part.name)
            self._supervisor.shutdown()
            with suppress(psutil.TimeoutExpired):
                supervisord.wait(timeout=20)
        self._end_orphans()
        shutil.rmtree(prepare.multiprocess_directory(), ignore_errors=True)

    def _end_orphans(self) -> None:
        """End what an earlier supervisord, killed without warning, left behind.

        More than one round, since a master that is ending may still start a child anew.
        """
        for _ in range(5):
            orphans = self._orphans()
            if not orphans:
                return
            for process in orphans:
                with suppress(psutil.NoSuchProcess):
                    process.terminate()
            _, alive = psutil.wait_procs(orphans, timeout=10)
            for process in alive:
                with suppress(psutil.NoSuchProcess):
                    process.kill()
        if orphans := self._orphans():
            raise LabError(f"process {orphans[0].pid} of this lab does not end: end it by hand.")

    @staticmethod
    def _orphans() -> list[psutil.Process]:
        own = {os.getpid(), *(parent.pid for parent in psutil.Process().parents())}
        orphans = []
        for process in psutil.process_iter():
            try:
                if process.pid not in own and _is_of_this_lab(process):
                    orphans.append(process)
            except (psutil.Error, OSError):
                continue
        return orphans

    def _require_running(self) -> None:
        if not self.is_running():
            raise LabError("the lab is not running: start it with `make up`.")

    @contextmanager
    def _lock(self) -> Iterator[None]:
        try:
            STATE.mkdir(exist_ok=True)
            LOGS.mkdir(exist_ok=True)
            file = os.open(STATE / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise LabError(f"{STATE} cannot hold the lab ({error.strerror}): make it writable.") from error
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise LabError("another `make` is starting or stopping this lab: wait for it to end.") from error
        try:
            yield
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM):
                raise LabError(f"{error.filename or 'the system'}: {error.strerror or error}.") from error
            where = error.filename or STATE
            raise LabError(f"{where}: {error.strerror}: free some space there, or make it writable.") from error
        finally:
            os.close(file)


def _is_of_this_lab(process: psutil.Process) -> bool:
    """Say whether a process carries this checkout's ``LAB``.

    NGINX and uWSGI write their titles over their environment: they are known by title and folder.
    """
    if process.environ().get("LAB") == str(STATE):
        return True
    title = " ".join(process.cmdline())
    return title.startswith(("nginx: ", "uWSGI ")) and Path(process.cwd()) in (STATE, ROOT / "app")
