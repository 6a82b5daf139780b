"""The lab in a Kubernetes cluster."""

import base64
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from functools import cached_property
from pathlib import Path

from lab import console
from lab.errors import LabError
from lab.paths import LOGS, ROOT, STATE, write_file
from lab.runtimes import ports, services
from lab.runtimes.base import APP, READY_SECONDS, Check, Locust, Runtime
from lab.runtimes.compose import images as compose_images
from lab.runtimes.compose.engine import Compose
from lab.runtimes.compose.pod import FIXED, ON_LOOPBACK, PORTS, PUBLISHED
from lab.runtimes.environment import for_tools
from lab.runtimes.kubernetes import images, values
from lab.runtimes.kubernetes.forwards import Forwards
from lab.runtimes.kubernetes.kubectl import Kubectl
from lab.runtimes.kubernetes.objects import Objects
from lab.runtimes.kubernetes.pods import Pods
from lab.runtimes.kubernetes.values import CHART, PRESET
from lab.runtimes.services import Service

OWN = STATE / "kubernetes"
NAMESPACE = "pomar-lab"
RELEASE = "pomar"
#: The annotation of the namespace that says which checkout installed it.
CHECKOUT = "pomar/checkout"
VALUES = OWN / "values.json"
#: The containers of the shop's pod. Each of the other services has a pod of its own.
IN_THE_POD = ("app", "nginx", "nginx-exporter", "uwsgi-exporter", "access-log-exporter")
SELECTOR = f"app.kubernetes.io/instance={RELEASE}"
WEB = f"{SELECTOR},app.kubernetes.io/component=web"
#: The Jobs of the chart, with the text to show when each has finished.
JOBS = {"prepare": "secrets and certificate", "migrate": "database, catalogue and static files"}
#: An image that does not exist. A container that gets it stays stopped.
NO_IMAGE = "localhost/pomar/stopped:1"
#: Long enough for a cluster that pulls all images.
START_SECONDS = 600
STOP_SECONDS = 90
LOAD = f"{RELEASE}-loadtest"
#: The services with pages, apart from the shop, and the ports of their pods.
PAGES = {"prometheus": "9090", "alertmanager": "9093", "pushgateway": "9091", "receiver": "8095", "grafana": "3000"}


class KubernetesRuntime(Runtime):
    """The lab as a Helm release in a namespace of its own.

    ``environment`` contains the variables ``KUBE_CONTEXT`` (the kubectl context; by default, that of the running lab),
    ``KUBE_VALUES`` (a values file that overrides the lab's values), and ``IMAGE_REGISTRY`` or ``IMAGE_LOADER`` (how
    images get into the cluster).
    """

    name = "kubernetes"
    ca_file = OWN / "ca.crt"
    token_file = OWN / "lab-token"
    running_settings = OWN / "settings.json"

    def __init__(self, wanted: dict[str, str], environment: Mapping[str, str]) -> None:
        self._environment = environment
        self._not_here = [name for name in ("LAB_DATABASE_URL", "LAB_CACHE_URL") if wanted[name]]
        if not environment.get("KUBE_CONTEXT") and self.running_settings.exists():
            self.context = json.loads(self.running_settings.read_text())["KUBE_CONTEXT"]
        else:
            self.context = environment.get("KUBE_CONTEXT", "")
        self._forwards = Forwards(OWN / "forwards.json")
        super().__init__(wanted | FIXED | {"KUBE_CONTEXT": self.context})

    @cached_property
    def kubectl(self) -> Kubectl:
        """kubectl for the lab's namespace. Raises LabError if no cluster was named."""
        if not self.context:
            raise LabError("KUBE_CONTEXT is missing: set it to a name that `kubectl config get-contexts` lists.")
        return Kubectl(self.context, NAMESPACE)

    @property
    def provides(self) -> frozenset[str]:
        return frozenset({"postgres", "redis"} | ({"grafana"} if self.settings["IMAGES"] == "official" else set()))

    @property
    def labels(self) -> dict[str, str]:
        return {"namespace": NAMESPACE}

    def is_running(self) -> bool:
        return bool(self.context) and bool(self.kubectl.get("deployments", f"--selector={WEB}"))

    def _of_running_lab(self) -> dict[str, str] | None:
        try:
            return super()._of_running_lab()
        except LabError as error:
            raise LabError(
                f"the lab was started in the cluster {self.context}, which cannot be read ({error.message}): start the "
                f"cluster, or delete {self.running_settings}, and this checkout no longer uses the lab there."
            ) from error

    def checks(self) -> tuple[Check, ...]:
        return (
            Check("cluster", self._refuse_no_cluster, fresh=False),
            Check("namespace", self._refuse_other_checkout, fresh=False),
            Check("values", self._refuse_no_values, fresh=False),
            Check("database and cache", self._refuse_other_database, fresh=False),
            Check("images", lambda: images.how(self.context, self._environment), fresh=False),
            Check("running lab", self._refuse_other_settings, fresh=False),
            Check("ports", self._refuse_taken_ports),
        )

    def up(self) -> None:
        with self._lock():
            self._check(fresh=False)
            running = self._of_running_lab()
            if running and self._wanted["IMAGES"] == "auto":
                self._wanted = self._wanted | {"IMAGES": running["IMAGES"]}
            fresh = not self.is_running()
            if fresh:
                self._forwards.stop()
                self._check(fresh=True)
            kind, why = compose_images.choose(self._wanted)
            console.console.print(f"Images: {kind}, because {why}.", soft_wrap=True)
            self.settings = self._wanted | {"IMAGES": kind}
            try:
                OWN.mkdir(mode=0o700, exist_ok=True)
                self._install(kind)
                self._show_start()
                self._take_ca()
                self._forward()
                self._remember_settings()
            except BaseException:
                if fresh:
                    with suppress(LabError):
                        self._stop()
                raise

    def stop(self, service: Service) -> None:
        with self._lock():
            if service.name in IN_THE_POD:
                # A pod with a stopped container is not ready. Requests must reach it nevertheless, as on the other
                # runtimes, because otherwise every fault would be the same: the shop cannot be reached.
                self._serve_from_unready_pods(True)
                for name in self.pods():
                    self._set_image(name, service, NO_IMAGE)
                    # Without this, the container first waits until Prometheus has read its final counts.
                    with suppress(LabError):
                        self.kubectl("exec", name, f"--container={service.name}", "--", "kill", "1")
                self.wait(lambda: "" if self._problem(service) else f"{service.name} is still running", STOP_SECONDS)
            else:
                self._scale(service, 0)

    def start(self, service: Service) -> None:
        with self._lock():
            if service.name in IN_THE_POD:
                (deployment,) = self.kubectl.get("deployments", f"--selector={WEB}")
                for name in self.pods():
                    self._set_image(name, service, _image_of(deployment["spec"]["template"], service.name))
            else:
                self._scale(service, 1)
            with console.step(service.name):
                self.wait(lambda: self._problem(service), STOP_SECONDS)
            objects = self._objects()
            if service.name in IN_THE_POD and not any(objects.problem("web", name) for name in IN_THE_POD):
                self._serve_from_unready_pods(False)

    def restart(self, service: Service) -> None:
        """Replace the pods of a service, as `kubectl rollout restart` does, and return when the new ones work."""
        with self._lock():
            workload = self._objects().workload(_place(service)[0])
            self.kubectl("rollout", "restart", workload)
            with console.step(f"{workload} replaced"):
                self.kubectl("rollout", "status", workload, "--timeout=100s")
                self.wait(lambda: self._problem(service), READY_SECONDS)

    def reload(self, service: Service) -> None:
        with self._lock():
            component, container = _place(service)
            for name in self._pods(component).states():
                self.kubectl("exec", name, f"--container={container}", "--", "kill", "-HUP", "1")

    def certify(self, lifetime: timedelta | None) -> None:
        raise LabError("on Kubernetes, a new certificate takes minutes to reach NGINX: use another runtime for this.")

    def states(self) -> Iterator[tuple[Service, str, str]]:
        objects = self._objects()
        for service in self.services:
            yield service, objects.state(*_place(service)), self._problem(service, objects)

    def url(self, service: Service, path: str = "/") -> str:
        if not service.page:
            return ""
        scheme = "https" if service.tls else "http"
        return f"{scheme}://127.0.0.1:{self.settings[service.port]}{path}"

    def pods(self) -> dict[str, str]:
        return self._pods("web").states()

    def read(self, service: Service, path: str, *, port: str = "", pod: str = "") -> str:
        name = port or service.port
        number = int(self.settings[name])
        try:
            pod = pod or self._a_pod(service)
        except LabError as error:
            raise ConnectionError(error.message) from error
        if name not in ON_LOOPBACK:
            return self._pods(_place(service)[0]).read(pod, number, path)
        script = "import sys, urllib.request; sys.stdout.write(urllib.request.urlopen(sys.argv[1]).read().decode())"
        command = ["python3", "-c", script, f"http://127.0.0.1:{number}{path}"]
        done = self._exec(pod, APP, command, capture_output=True, text=True, stdin=subprocess.DEVNULL)
        if done.returncode:
            raise ConnectionError(f"{path} on port {number}: {console.last_line(done.stderr)}")
        return done.stdout

    def run(self, command: Sequence[str], service: Service = APP, **options) -> subprocess.CompletedProcess:
        return self._exec(self._a_pod(service), service, command, **options)

    def _exec(self, pod: str, service: Service, command: Sequence[str], **options) -> subprocess.CompletedProcess:
        shown = not options.keys() & {"stdin", "stdout", "capture_output"}
        terminal = ["--tty"] if shown and sys.stdin.isatty() and sys.stdout.isatty() else []
        whole = self.kubectl.command("exec", "--stdin", *terminal, pod, f"--container={service.name}", "--", *command)
        return subprocess.run(whole, env=for_tools(), **options)

    def _a_pod(self, service: Service) -> str:
        """Return a pod of a service that is running and not being stopped. Raises LabError if there is none."""
        for name, change in self._pods(_place(service)[0]).states().items():
            if not change:
                return name
        raise LabError(f"no pod of {service.name} is running: see `make status`.")

    def logs(self, wanted: Sequence[Service], *, lines: int, follow: bool) -> None:
        self.require_running()
        options = [f"--tail={lines}", "--prefix", "--max-log-requests=50", *(["--follow"] if follow else [])]
        if len(wanted) == 1:
            component, container = _place(wanted[0])
            chosen = [f"--selector={SELECTOR},app.kubernetes.io/component={component}", f"--container={container}"]
        else:
            chosen = [f"--selector={SELECTOR}", "--all-containers"]
        command = self.kubectl.command("logs", *options, *chosen)
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        os.execvpe(command[0], command, for_tools())

    def shop(self, variables: Mapping[str, str], result: Path) -> int:
        inner = f"/reports/{result.name}"
        self._start_load()
        try:
            code = super().shop(variables, Path(inner))
            read = subprocess.run(
                self.kubectl.command("exec", f"job/{LOAD}", "--", "cat", inner),
                env=for_tools(),
                capture_output=True,
                text=True,
            )
            # There is no result if the run could not start.
            if read.returncode == 0:
                result.write_text(read.stdout, encoding="utf-8")
        finally:
            self.end_stray_load()
        return code

    def shop_from_page(self, variables: Mapping[str, str]) -> int:
        raise LabError("on Kubernetes, Locust has no web page: use `make load`.")

    def end_stray_load(self) -> None:
        self.kubectl("delete", "job", LOAD, "--ignore-not-found", "--wait")

    def notes(self) -> list[tuple[str, str, str]]:
        rows = [*super().notes(), ("cluster", self.context, f"its kubectl context; the namespace is {NAMESPACE}")]
        if "grafana" in self.provides:
            password = self._secret(f"{RELEASE}-secrets", "grafana-admin-password")
            rows.append(("Grafana admin", password, "password for the user admin; viewing needs no login"))
        return rows

    def _locust(self, variables: Mapping[str, str], arguments: Sequence[str], port: str = "") -> Locust:
        terminal = {"LAB_LOAD_TERMINAL": "1"} if sys.stdout.isatty() else {}
        given = {
            "LAB_CA_FILE": "/secrets/ca.crt",
            "LAB_TOKEN_FILE": "/secrets/lab-token",
            "SHOP_HTTP_URL": f"http://{RELEASE}:{self.settings['SHOP_HTTP_PORT']}",
            **variables,
            **terminal,
        }
        shop = f"https://{RELEASE}:{self.settings['SHOP_HTTPS_PORT']}"
        locust = ["locust", "--locustfile", "loadtest/locustfile.py", "--host", shop, *arguments]
        inner = ["env", *(f"{name}={value}" for name, value in given.items()), *locust]
        return self.kubectl.command("exec", "--stdin", f"job/{LOAD}", "--", *inner), ROOT, for_tools()

    def _start_load(self) -> None:
        """Start the Job in which Locust runs, and return when it is ready."""
        image = json.loads(VALUES.read_text())["images"]["prepare"]
        manifest = json.loads((Path(__file__).parent / "loadtest.json").read_text())
        manifest["spec"]["template"]["spec"]["containers"][0]["image"] = image
        self.kubectl.apply(manifest)
        self.kubectl("wait", "--for=condition=Ready", "pod", f"--selector=job-name={LOAD}", "--timeout=60s")

    def _install(self, kind: str) -> None:
        compose = Compose(self.settings, kind)
        if kind == "official":
            compose_images.build(compose)
        else:
            compose_images.make(compose, self.settings, kind)
        nodes = [
            {name for image in node["status"].get("images", ()) for name in image.get("names") or ()}
            for node in self.kubectl.get("nodes")
        ]
        there = set.intersection(*nodes) if nodes else set()
        names = images.hand_over(images.of_services(compose), self.context, self._environment, there)
        write_file(VALUES, json.dumps(values.of_lab(self.settings, kind, names), indent=2))
        metadata = {"name": NAMESPACE, "annotations": {CHECKOUT: str(ROOT)}}
        self.kubectl.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})
        with console.step("release installed"):
            self.kubectl.upgrade(RELEASE, CHART, self.value_files)

    @property
    def value_files(self) -> list[Path]:
        """The files of values for the chart. Later ones override earlier ones."""
        own = self._environment.get("KUBE_VALUES")
        return [PRESET, VALUES, *([Path(own)] if own else [])]

    def _show_start(self) -> None:
        """Show each service when it works. Raises LabError if one fails or takes too long."""
        began = time.monotonic()
        waiting = {**JOBS, **{service.name: service.name for service in self.services}}
        with console.console.status("") as status:
            while waiting:
                objects = self._objects()
                for name, shown in list(waiting.items()):
                    problem = (
                        objects.job_problem(name) if name in JOBS else objects.problem(*_place(services.named(name)))
                    )
                    if not problem:
                        console.done(shown, time.monotonic() - began)
                        del waiting[name]
                status.update(f"{', '.join(waiting.values())} …")
                if failed := objects.failure():
                    raise LabError(self._why_not_started(*failed))
                if time.monotonic() - began > START_SECONDS:
                    name = next(iter(waiting))
                    raise LabError(
                        f"{name} is not ready after {START_SECONDS} s: see "
                        f"`kubectl --context={self.context} --namespace={NAMESPACE} get events`."
                    )
                time.sleep(0.5)

    def _why_not_started(self, pod: str, container: str, reason: str) -> str:
        log = LOGS / f"kubernetes-{container}.log"
        said = ""
        for which in ("--previous", "--previous=false"):
            with suppress(LabError):
                said = said or self.kubectl("logs", pod, f"--container={container}", which)
        log.write_text(said)
        if not said:
            return f"{container} failed to start: {reason}."
        return f"{container} failed to start: {reason}. Last log line: {console.last_line(said)} (full log: {log})"

    def _forward(self) -> None:
        """Forward the ports of all services with pages, and return when Prometheus scrapes every target."""
        wanted = [
            (name, self.settings[services.named(name).port], port)
            for name, port in PAGES.items()
            if services.named(name) in self.services
        ]
        wanted += [("web", self.settings[name], PORTS[name]) for name in PUBLISHED]
        with console.step("ports forwarded"):
            self._forwards.start(self.kubectl, SELECTOR, wanted)
            for service in self.services:
                self.wait(lambda service=service: self.answers(service), READY_SECONDS)
        self._await_targets()

    def _problem(self, service: Service, objects: Objects | None = None) -> str:
        found = (objects or self._objects()).problem(*_place(service))
        if not found and service.page and not self._forwards.are_running():
            return "its port is not forwarded: run `make up` to fix it"
        return found or self.answers(service)

    def _objects(self) -> Objects:
        return Objects(self.kubectl.get("deployments,statefulsets,jobs,pods", f"--selector={SELECTOR}"))

    def _pods(self, component: str) -> Pods:
        return Pods(self.kubectl.page, NAMESPACE, f"{SELECTOR},app.kubernetes.io/component={component}")

    def _scale(self, service: Service, replicas: int) -> None:
        self.kubectl("scale", self._objects().workload(service.name), f"--replicas={replicas}")
        if not replicas:
            self.kubectl(
                "wait",
                "--for=delete",
                "pod",
                f"--selector={SELECTOR},app.kubernetes.io/component={service.name}",
                f"--timeout={STOP_SECONDS}s",
            )

    def _serve_from_unready_pods(self, also: bool) -> None:
        patch = {"spec": {"publishNotReadyAddresses": also}}
        self.kubectl("patch", "service", RELEASE, f"--patch={json.dumps(patch)}")

    def _set_image(self, pod: str, service: Service, image: str) -> None:
        self.kubectl("set", "image", f"pod/{pod}", f"{service.name}={image}")

    def _secret(self, name: str, key: str) -> str:
        (found,) = self.kubectl.get("secrets", f"--field-selector=metadata.name={name}")
        return base64.b64decode(found["data"][key]).decode()

    def _take_ca(self) -> None:
        """Copy the CA certificate, for browsers and curl, and the lab token, which identifies the lab's own load."""
        write_file(self.ca_file, self._secret(f"{RELEASE}-tls", "ca.crt"))
        write_file(self.token_file, self._secret(f"{RELEASE}-secrets", "app-lab-token"), 0o600)

    def _namespace(self) -> dict | None:
        found = self.kubectl.get("namespaces", f"--field-selector=metadata.name={NAMESPACE}")
        return found[0] if found else None

    def _refuse_no_cluster(self) -> str:
        said = json.loads(self.kubectl("version", "--output=json", "--request-timeout=10s"))
        return f"{self.context}, Kubernetes {said['serverVersion']['gitVersion']}"

    def _refuse_other_checkout(self) -> str:
        if not (found := self._namespace()):
            return f"{NAMESPACE} does not exist yet"
        checkout = (found["metadata"].get("annotations") or {}).get(CHECKOUT)
        if not checkout:
            raise LabError(
                f"the namespace {NAMESPACE} in {self.context} has no annotation {CHECKOUT}, so the lab did not create "
                "it: use another cluster, or delete the namespace if nobody needs it."
            )
        if checkout != str(ROOT):
            raise LabError(
                f"the lab of another checkout uses the namespace {NAMESPACE} in {self.context}: run "
                f"`make clean RUNTIME=kubernetes KUBE_CONTEXT={self.context}` in {checkout}."
            )
        return f"{NAMESPACE} is this checkout's"

    def _refuse_no_values(self) -> str:
        file = self._environment.get("KUBE_VALUES", "")
        if file and not Path(file).is_file():
            raise LabError(f"KUBE_VALUES is {file!r}, which is not a file: correct or unset it.")
        return f"those of {file}, too" if file else "those of the chart's preset lab"

    def _refuse_other_database(self) -> str:
        if self._not_here:
            raise LabError(
                "the Kubernetes runtime has its own database and cache: unset "
                f"{' and '.join(self._not_here)}, or use RUNTIME=host."
            )
        return "in the lab's own pods"

    def _refuse_taken_ports(self) -> str:
        return ports.refuse_taken(
            self.settings, [*(each.port for each in self.services if each.page), "SHOP_HTTP_PORT"]
        )

    def _stop(self) -> None:
        self._refuse_other_checkout()
        self._forwards.stop()
        if self._namespace():
            self.end_stray_load()
            with console.step("pods stopped, after Prometheus has read their final counts"):
                self.kubectl.helm("uninstall", RELEASE, "--ignore-not-found")
                # Otherwise a new lab would begin while Prometheus cannot scrape the old pods.
                self.kubectl("wait", "--for=delete", "pod", f"--selector={SELECTOR}", f"--timeout={STOP_SECONDS}s")
        self.running_settings.unlink(missing_ok=True)

    def _remove_data(self) -> None:
        if self._namespace():
            self.kubectl("delete", "namespace", NAMESPACE)
        for folder in (OWN, STATE / "logs", STATE / "reports"):
            shutil.rmtree(folder, ignore_errors=True)


def _place(service: Service) -> tuple[str, str]:
    """Return the component and the container of a service."""
    return ("web" if service.name in IN_THE_POD else service.name), service.name


def _image_of(template: Mapping, container: str) -> str:
    return next(each["image"] for each in template["spec"]["containers"] if each["name"] == container)
