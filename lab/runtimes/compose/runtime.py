"""The lab as containers under Docker Compose."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from pathlib import Path

from lab import console
from lab.errors import LabError
from lab.paths import LOGS, ROOT, STATE
from lab.runtimes import ports, services
from lab.runtimes.base import APP, READY_SECONDS, Check, Locust, Runtime, load_runs
from lab.runtimes.compose import engine, files, images
from lab.runtimes.compose import prepare as prepare_script
from lab.runtimes.compose.engine import Compose, Container, docker
from lab.runtimes.compose.inside import Inside
from lab.runtimes.compose.pod import FIXED, ON_LOOPBACK
from lab.runtimes.services import Service

OWN = STATE / "compose"
START_LOG = "compose.log"
#: Long enough for a first start on a slow machine.
START_SECONDS = 240
#: Services that run once before the others and exit, with the text to show for each.
ONE_SHOTS = {"prepare": "secrets and certificates", "migrate": "database, catalogue and static files"}
KINDS = {
    "official": "official ones",
    "debian": "built from Debian packages",
    "lookalike": "look-alikes of the official ones, built from Debian packages",
}


def own_containers() -> dict[str, Container]:
    """Return the containers of this checkout's lab by service."""
    return {name: each for name, each in engine.containers().items() if each.checkout == str(ROOT)}


def _kind_of(containers: Mapping[str, Container]) -> str:
    """Return the kind of images that these containers use, or ``official`` if there are no containers."""
    image = containers["shop"].image if "shop" in containers else ""
    if image.startswith(engine.LOOKALIKE):
        return "lookalike"
    return "debian" if image.startswith("localhost/") else "official"


def _same_life(service: str, known: Mapping[str, Container], before: Mapping[str, Container]) -> bool:
    """Return whether a service's container is the same as before and has not been restarted since."""
    return service in known and service in before and known[service].life == before[service].life


class ComposeRuntime(Runtime):
    """The lab as containers. An engine can run only one lab, because the names and networks are fixed."""

    name = "compose"
    ca_file = OWN / "ca.crt"
    token_file = OWN / "lab-token"
    locust_address = "0.0.0.0"
    running_settings = OWN / "settings.json"

    def __init__(self, wanted: dict[str, str]) -> None:
        self._not_here = [name for name in ("LAB_DATABASE_URL", "LAB_CACHE_URL") if wanted[name]]
        super().__init__(wanted | FIXED)
        self._inside = Inside()

    @property
    def provides(self) -> frozenset[str]:
        return frozenset({"containers", "postgres", "redis"} | ({"grafana"} if self.kind == "official" else set()))

    @property
    def kind(self) -> str:
        """The kind of images that the lab is using or would use: ``official``, ``debian`` or ``lookalike``."""
        if self.settings["IMAGES"] != "auto":
            return self.settings["IMAGES"]
        # The lab was started with `docker compose`, or has not been started yet.
        return _kind_of(own_containers())

    @property
    def _compose(self) -> Compose:
        return Compose(self.settings, self.kind)

    def is_running(self) -> bool:
        return any(container.state in ("running", "restarting") for container in own_containers().values())

    def up(self) -> None:
        with self._lock():
            self._check(fresh=False)
            if running := self._of_running_lab():
                if self._wanted["IMAGES"] == "auto":
                    self._wanted = self._wanted | {"IMAGES": running["IMAGES"]}
                if not load_runs():
                    self.end_stray_load()
            else:
                self.running_settings.unlink(missing_ok=True)
            fresh = not self.is_running()
            if fresh:
                self._check(fresh=True)
                kind, why = images.choose(self._wanted)
            else:
                kind, why = _kind_of(own_containers()), "they are already running"
            console.console.print(f"Images: {KINDS[kind]}, because {why}.", soft_wrap=True)
            self.settings = self._wanted | {"IMAGES": kind}
            if fresh:
                # Check again, because the official images include Grafana, which needs another port.
                self._refuse_taken_ports()
            mounted = self._compose.mounted()
            files.make_readable(path for paths in mounted.values() for path in paths)
            images.make(self._compose, self.settings, kind)
            try:
                self._stop_changed(mounted)
                self._restore_pod_network()
                self._start()
                self._remember_settings(SHOP_CONTAINER=self._container(services.named("shop")).id)
            except BaseException:
                if fresh:
                    with contextlib.suppress(LabError):
                        self._stop()
                raise

    def checks(self) -> tuple[Check, ...]:
        return (
            Check("lab in this engine", self._refuse_other_checkout, fresh=False),
            Check("database and cache", self._refuse_other_database, fresh=False),
            Check("running lab", self._refuse_other_settings, fresh=False),
            Check("CPUs and memory", lambda: engine.refuse_limits(self._wanted, engine.info())),
            Check("ports", self._refuse_taken_ports),
        )

    def stop(self, service: Service) -> None:
        with self._lock():
            docker("stop", self._container(service).id)

    def start(self, service: Service) -> None:
        with self._lock():
            docker("start", self._container(service).id)
            # If the service was `shop`, the other members of the pod have lost their network.
            self._restore_pod_network()
            with console.step(service.name):
                self.wait(lambda: self._problem(service, own_containers()), READY_SECONDS)

    def reload(self, service: Service) -> None:
        with self._lock():
            docker("kill", "--signal", "HUP", self._container(service).id)

    def certify(self, lifetime: timedelta | None) -> None:
        command = ["prepare", "python", "-m", prepare_script.__name__, *([str(lifetime.days)] if lifetime else [])]
        self._compose.must("run", "--rm", "--no-deps", "--no-TTY", *command)
        self.reload(services.named("nginx"))

    def states(self) -> Iterator[tuple[Service, str, str]]:
        known = own_containers()
        # The lab may have been started with `docker compose` and a new CA.
        with contextlib.suppress(LabError):
            if "prepare" in known:
                self._take_ca(known["prepare"])
        for service in self.services:
            container = known.get(service.name)
            state = container.state if container else "stopped"
            yield service, container.health or state if state == "running" else state, self._problem(service, known)

    def answers(self, service: Service) -> str:
        prepare = own_containers().get("prepare") if service.tls and not self.ca_file.exists() else None
        if prepare:
            with contextlib.suppress(LabError):
                self._take_ca(prepare)
        return super().answers(service)

    def url(self, service: Service, path: str = "/") -> str:
        if not service.page:
            return ""
        scheme = "https" if service.tls else "http"
        return f"{scheme}://127.0.0.1:{self.settings[service.port]}{path}"

    def read(self, service: Service, path: str, *, port: str = "", pod: str = "") -> str:
        port = port or service.port
        host = "127.0.0.1" if port in ON_LOOPBACK else "shop-metrics"
        return self._inside.get(f"http://{host}:{self.settings[port]}{path}")

    def run(self, command: Sequence[str], service: Service = APP, **options) -> subprocess.CompletedProcess:
        # Docker refuses --tty if input or output is not a terminal.
        shown = not options.keys() & {"stdin", "stdout", "capture_output"}
        terminal = ["--tty"] if shown and sys.stdin.isatty() and sys.stdout.isatty() else []
        container = self._container(service).id
        return subprocess.run(["docker", "exec", "--interactive", *terminal, container, *command], **options)

    def logs(self, wanted: Sequence[Service], *, lines: int, follow: bool) -> None:
        if not own_containers():
            raise LabError("there are no logs yet: start the lab with `make up`.")
        names = [service.name for service in wanted]
        arguments = ["logs", "--tail", str(lines), *(["--follow"] if follow else []), *names]
        command = self._compose.command(*arguments)
        # As on the host runtime: `make logs | head` should exit quietly.
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        os.execvpe(command[0], command, self._compose.environment())

    def shop(self, variables: Mapping[str, str], result: Path) -> int:
        inner = Path("/reports") / result.name
        code = super().shop(variables, inner)
        # There is no result if the run could not start.
        command, environment = self._one_off([], ["cat", str(inner)]), self._compose.environment()
        read = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
        if read.returncode == 0:
            result.write_text(read.stdout, encoding="utf-8")
        return code

    def end_stray_load(self) -> None:
        found = engine.loads(ROOT)
        # The load run may have finished in the meantime.
        with contextlib.suppress(LabError):
            if found:
                docker("stop", *found)

    def notes(self) -> list[tuple[str, str, str]]:
        rows = super().notes()
        if "grafana" in self.provides:
            password = self._inner_file("grafana", "/run/secrets/grafana/admin-password")
            return [*rows, ("Grafana admin", password, "password for the user admin; viewing needs no login")]
        return [
            *rows,
            (
                "Grafana",
                "not included",
                "Debian has no Grafana package: see the dashboards above, or use IMAGES=official",
            ),
        ]

    def _locust(self, variables: Mapping[str, str], arguments: Sequence[str], port: str = "") -> Locust:
        # Locust's output passes through the docker command, so Locust itself sees no terminal.
        terminal = {"LAB_LOAD_TERMINAL": "1"} if sys.stdout.isatty() else {}
        options = [f"--env={name}={value}" for name, value in (variables | terminal).items()]
        if port:
            options += ["--publish", f"127.0.0.1:{port}:{port}"]
        command = ["locust", "--locustfile", "loadtest/locustfile.py", "--host", "https://shop:8443", *arguments]
        return self._one_off(options, command), ROOT, self._compose.environment()

    def _one_off(self, options: Sequence[str], command: Sequence[str]) -> list[str]:
        whole = ["--profile", "load", "run", "--rm", "--no-deps", "--no-TTY", *options, "loadtest", *command]
        return self._compose.command(*whole)

    def _start(self) -> None:
        """Start all services with Compose, showing each one when it works."""
        before = own_containers()
        starting = self._compose.start(START_LOG, "up", "--detach", "--no-build", "--remove-orphans")
        try:
            self._show_start(starting, before)
        finally:
            if starting.poll() is None:
                engine.end(starting)
        self._await_targets()

    def _show_start(self, starting: subprocess.Popen, before: Mapping[str, Container]) -> None:
        """Show each service when it works. Raise LabError if Compose fails or takes too long."""
        began = time.monotonic()
        waiting = {**ONE_SHOTS, **{service.name: service.name for service in self.services}}
        with console.console.status("") as status:
            while waiting or starting.poll() is None:
                # Check Compose before the containers: once it has exited, they are in their final state.
                ended = starting.poll() is not None
                known = own_containers()
                for service, shown in list(waiting.items()):
                    # Ignore a container from an earlier start, because Compose may still recreate it.
                    if not ended and _same_life(service, known, before):
                        continue
                    if not self._is_waited_for(service, known):
                        console.done(shown, time.monotonic() - began)
                        del waiting[service]
                        if service == "prepare":
                            self._take_ca(known[service])
                status.update(f"{', '.join(waiting.values())} …")
                failed = starting.poll() not in (None, 0) or (ended and self._has_failed(known, before))
                if failed or time.monotonic() - began > START_SECONDS:
                    raise LabError(self._why_not_started(own_containers(), before, waiting))
                time.sleep(0.2)

    def _is_waited_for(self, service: str, known: Mapping[str, Container]) -> bool:
        if service in ONE_SHOTS:
            container = known.get(service)
            return not container or container.state != "exited" or container.exit_code != 0
        return bool(self._problem(services.named(service), known))

    @staticmethod
    def _has_failed(known: Mapping[str, Container], before: Mapping[str, Container]) -> list[Container]:
        """Return the one-shot services that failed in this start.

        Compose's own error names only the services that wait for them.
        """
        ran = [known[name] for name in ONE_SHOTS if name in known and not _same_life(name, known, before)]
        return [container for container in ran if container.state == "exited" and container.exit_code != 0]

    def _why_not_started(
        self, known: Mapping[str, Container], before: Mapping[str, Container], waiting: Iterable[str]
    ) -> str:
        failed = self._has_failed(known, before)
        exited = [container for container in known.values() if container.state in ("exited", "restarting")]
        unhealthy = [container for container in known.values() if container.health == "unhealthy"]
        for container in [*failed, *exited, *unhealthy]:
            if container.service in ONE_SHOTS and container not in failed:
                continue
            # Saved to a file, because a failed start leaves no container behind.
            log = LOGS / f"compose-{container.service}.log"
            with log.open("w") as file:
                subprocess.run(["docker", "logs", "--tail", "1000", container.id], stdout=file, stderr=file)
            line = console.last_line(log.read_text(errors="replace"))
            return f"{container.service} failed to start. Last log line: {line} (full log: {log})"
        for name in waiting:
            if name not in ONE_SHOTS and (problem := self._problem(services.named(name), known)):
                return f"{name} failed to start: {problem} (`make logs S={name}` shows its log)."
        log = LOGS / START_LOG
        return f"the lab failed to start: {console.last_line(log.read_text(errors='replace'))} (full log: {log})"

    def _problem(self, service: Service, known: Mapping[str, Container]) -> str:
        container = known.get(service.name)
        if not container or container.state != "running":
            return "not running"
        if self._has_lost_network(container, known):
            return "has lost the pod's network: run `make up` to fix it"
        if container.health == "starting":
            return "not healthy yet"
        if container.health == "unhealthy":
            return f"unhealthy: {container.last_check[:200] or 'its health check failed'}"
        return self.answers(service)

    @staticmethod
    def _has_lost_network(container: Container, known: Mapping[str, Container]) -> bool:
        """Return whether `shop`, which owns the pod's network, was restarted or recreated after this member started."""
        if not container.network_of:
            return False
        shop = known.get("shop")
        return not shop or shop.id != container.network_of or shop.started_at > container.started_at

    @staticmethod
    def _stop_changed(mounted: Mapping[str, Sequence[Path]]) -> None:
        """Stop the services whose mounted files have changed since they started. Compose then starts them in order.

        When a file is replaced, for example by `git pull`, a running container still sees the old one.
        """
        stale = {
            name: container.id
            for name, container in own_containers().items()
            if container.state == "running" and files.changed_at(mounted.get(name, ())) > container.started
        }
        if stale:
            with console.step(f"stopped because their files changed: {', '.join(stale)}"):
                docker("stop", *stale.values())

    def _restore_pod_network(self) -> None:
        """Restart pod members that have lost the pod's network. Neither Compose nor a restart policy does this."""
        known = own_containers()
        shop = known.get("shop")
        if not shop:
            return
        # If `shop` was recreated, Compose itself recreates the members.
        members = [container for container in known.values() if container.network_of == shop.id]
        if shop.state != "running":
            docker("start", shop.id)
            known = own_containers()
        stale = [
            container.id
            for container in members
            if container.state in ("running", "restarting") and self._has_lost_network(container, known)
        ]
        if stale:
            with console.step("pod network restored"):
                docker("restart", *stale)

    def _take_ca(self, prepare: Container) -> None:
        """Copy the CA certificate, for browsers and curl, and the lab token, which identifies the lab's own load."""
        OWN.mkdir(parents=True, exist_ok=True)
        OWN.chmod(0o700)
        docker("cp", f"{prepare.id}:/volumes/ca/ca.crt", str(self.ca_file))
        docker("cp", f"{prepare.id}:/volumes/loadtest-secrets/lab-token", str(self.token_file))

    def _inner_file(self, service: str, path: str) -> str:
        return docker("exec", self._container(services.named(service)).id, "cat", path).stdout.strip()

    def _container(self, service: Service) -> Container:
        self.require_running()
        container = own_containers().get(service.name)
        if not container:
            raise LabError(f"{service.name} has no container: run `make up` to create it.")
        return container

    def _refuse_taken_ports(self) -> str:
        # With IMAGES=auto, it is not known yet whether Grafana will be included.
        known = self.settings["IMAGES"] != "auto"
        published = [each.port for each in self.services if each.page and (known or each.name != "grafana")]
        found = ports.refuse_taken(self.settings, [*published, "SHOP_HTTP_PORT"])
        return found if known else f"{found}; Grafana's port is checked when its image has been pulled"

    def _refuse_other_settings(self) -> str:
        found = super()._refuse_other_settings()
        # A lab that was started with `docker compose` instead of `make up` has no saved settings.
        if self.is_running() and self._wanted["IMAGES"] not in ("auto", _kind_of(own_containers())):
            raise LabError("the lab is running with a different IMAGES: run `make down` first, then `make up`.")
        return found

    def _refuse_other_database(self) -> str:
        if self._not_here:
            raise LabError(
                "the Compose runtime has its own database and cache: unset "
                f"{' and '.join(self._not_here)}, or use RUNTIME=host."
            )
        return "in the lab's own containers"

    def _refuse_other_checkout(self) -> str:
        for container in engine.containers().values():
            if container.checkout != str(ROOT):
                raise LabError(
                    "the lab of another checkout is using this engine: run `make down RUNTIME=compose` in "
                    f"{container.checkout}."
                )
        return "no lab from another checkout"

    def _stop(self) -> None:
        self._refuse_other_checkout()
        self.end_stray_load()
        self.running_settings.unlink(missing_ok=True)
        self._inside.close()
        self._compose.must("--profile", "load", "down", "--remove-orphans")

    def _of_running_lab(self) -> dict[str, str] | None:
        """Return the running lab's settings, or None if none is running or it has been recreated without `make up`."""
        settings = super()._of_running_lab()
        shop = own_containers().get("shop") if settings else None
        return settings if shop and settings.pop("SHOP_CONTAINER", None) == shop.id else None

    def _remove_data(self) -> None:
        label = f"label={engine.LABEL}.project={engine.PROJECT}"
        volumes = docker("volume", "ls", "--quiet", "--filter", label).stdout.split()
        if volumes:
            docker("volume", "rm", *volumes)
        for folder in (OWN, STATE / "logs", STATE / "reports"):
            shutil.rmtree(folder, ignore_errors=True)
