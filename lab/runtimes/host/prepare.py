"""Prepare the host runtime before its first process starts: folders, rendered files, secrets and certificates."""

import hashlib
import os
import secrets
import shutil
import subprocess
import sysconfig
from collections.abc import Mapping, Sequence
from pathlib import Path
from string import Template
from urllib.parse import quote

from lab import console
from lab.paths import LOGS, ROOT, STATE, VENV, write_file
from lab.runtimes import certificates
from lab.runtimes.environment import for_services
from lab.runtimes.host.programs import UNPACKED

NGINX = STATE / "nginx"
PROMETHEUS = STATE / "prometheus"
SECRET_KEY_FILE = STATE / "secrets" / "django-secret-key"
TOKEN_FILE = STATE / "secrets" / "lab-token"
#: The shared memory file system, and a folder that exists if logind is running.
MEMORY = Path("/dev/shm")
LOGIND = Path("/run/systemd/users")
#: The highest user ID of system users, whose shared memory logind does not remove.
LAST_SYSTEM_USER = 999
#: Enough space for the metric files of the maximum number of workers (see tests/config/test_extremes.py).
METRICS_BYTES = 128 * 1024 * 1024
#: The receiver's URL in alertmanager.yml.
RECEIVER_IN_CONTAINERS = "http://receiver:8095/"
#: The end of a `listen` directive that enables HTTP/2: first for NGINX 1.25.1 and later, then for older versions.
HTTP2 = ("; http2 on; include http2.conf", " http2; include http2.conf")
#: The folders and files in the checkout that the processes read or are started from.
SOURCES = (
    *("alertmanager", "app", "blackbox", "grafana", "host", "nginx", "prometheus", "telemetry/src"),
    *("lab/dashboards", "lab/runs/report", "lab/errors.py", "lab/http.py", "lab/paths.py", "lab/prometheus.py"),
    "lab/times.py",
)


def environment(settings: Mapping[str, str], programs: Mapping[str, Path]) -> dict[str, str]:
    """Return the environment for all of the lab's processes.

    ``LAB`` is the path of this checkout's ``.lab``. `make down` uses it to recognize this lab's processes.
    """
    chosen = {name: value for name, value in settings.items() if value}
    database = STATE / "data" / "shop.sqlite3"
    return {
        **for_services(),
        "PATH": os.pathsep.join(
            (str(STATE / "venv" / "bin"), os.environ.get("PATH", os.defpath), str(UNPACKED / "usr" / "bin"))
        ),
        "ROOT": str(ROOT),
        "LAB": str(STATE),
        # Prefixed, because NGINX reads the variable NGINX as a list of sockets to inherit.
        **{f"PROGRAM_{name.upper().replace('-', '_')}": str(path) for name, path in programs.items()},
        # If started as root, NGINX would run its workers as nobody, which may have no access to the checkout.
        "NGINX_USER": "user root;" if os.getuid() == 0 else "",
        # uWSGI ignores the locale when it searches for Python packages. Below a path with an ü, it would find none.
        "PYTHONPATH": os.pathsep.join(
            (sysconfig.get_path("purelib", vars={"base": str(VENV)}), str(ROOT / "telemetry" / "src"))
        ),
        # Otherwise Go programs would use threads and memory for every core of a large machine.
        "GOMAXPROCS": "2",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONUNBUFFERED": "1",
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "SECRET_KEY_FILE": str(SECRET_KEY_FILE),
        "LAB_TOKEN_FILE": str(TOKEN_FILE),
        "DATABASE_URL": settings["LAB_DATABASE_URL"] or f"sqlite:///{quote(str(database))}",
        "CACHE_URL": settings["LAB_CACHE_URL"] or "locmem://",
        "STATIC_ROOT": str(NGINX / "static"),
        # Browsers apply HSTS to all ports on a host. On localhost, it would break http://localhost:9090.
        "HSTS_SECONDS": "0",
        "PROMETHEUS_MULTIPROC_DIR": str(multiprocess_directory()),
        "APP_FIFO": str(STATE / "run" / "uwsgi.fifo"),
        **chosen,
    }


def multiprocess_directory() -> Path:
    """Return the folder for the workers' metric files: in shared memory if they are safe there, otherwise on disk.

    Once the folder exists, it stays in use, even if the shared memory becomes safe or unsafe.
    """
    in_memory, on_disk = multiprocess_directories()
    if in_memory.exists() or (not on_disk.exists() and memory_is_safe()):
        return in_memory
    return on_disk


def multiprocess_directories() -> tuple[Path, Path]:
    """Return the two possible folders for the workers' metric files: in shared memory, and on disk."""
    name = f"pomar-{hashlib.sha256(os.fsencode(STATE)).hexdigest()[:12]}"
    return MEMORY / name, STATE / "run" / "metrics"


def memory_is_safe() -> bool:
    """Return whether files in shared memory outlive the user's session and there is enough space for them.

    When a regular user's last session ends, logind deletes the user's files there (RemoveIPC in logind.conf, on by
    default). If there is no space for a page of a mapped file, SIGBUS kills the worker.
    """
    if LOGIND.exists() and os.getuid() > LAST_SYSTEM_USER:
        return False
    try:
        return os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free >= METRICS_BYTES
    except OSError:
        return False


def sources_digest() -> str:
    """Return a digest of the files in the checkout that the processes use, to detect changes."""
    digest = hashlib.sha256()
    for path in sorted(path for each in SOURCES for path in (ROOT / each, *(ROOT / each).rglob("*"))):
        if path.is_file() and path.suffix != ".pyc":
            digest.update(f"{path.relative_to(ROOT)}\0".encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()


def make_files(settings: Mapping[str, str], environment: Mapping[str, str]) -> None:
    """Create or update everything that the processes read: folders, links, rendered files, secrets and certificates.

    ``environment`` is the environment of the processes.
    """
    for directory in (
        *(NGINX / name for name in ("conf", "logs", "made", "run", "static", "tmp")),
        *(STATE / name for name in ("alertmanager", "data", "pushgateway", "receiver", "run")),
        PROMETHEUS / "targets",
        PROMETHEUS / "drill",
        LOGS,
    ):
        directory.mkdir(parents=True, exist_ok=True)
    # A drill that was killed may have left a rule that keeps Prometheus from starting.
    for file in (PROMETHEUS / "drill").iterdir():
        file.unlink()
    make_secrets()
    hosts = settings["SHOP_HOSTS"].split(",")
    for sentence in certificates.ensure(STATE / "tls", hosts).done:
        console.console.print(f"    {sentence}", soft_wrap=True)

    _link_all(ROOT / "nginx", NGINX / "conf")
    for name in ("shop.crt", "shop.key"):
        _link(STATE / "tls" / name, NGINX / "made" / name)
    write_file(NGINX / "made" / "lab-token.conf", f"{TOKEN_FILE.read_text()} right;\n", 0o600)
    listen = {
        **settings,
        "LISTEN_ADDRESS": "127.0.0.1",
        "SHOP_HTTPS_AUTHORITY_PORT": f":{settings['SHOP_HTTPS_PORT']}",
        "SHOP_HOSTS": " ".join(hosts),
    }
    main = f"daemon off; {environment['NGINX_USER']}"
    write_listen_conf(NGINX, listen, [environment["PROGRAM_NGINX"], "-g", main], env=dict(environment))

    _link(ROOT / "prometheus" / "prometheus.yml", PROMETHEUS / "prometheus.yml")
    _link(ROOT / "prometheus" / "rules", PROMETHEUS / "rules")
    _render(ROOT / "prometheus" / "targets" / "host.yaml", PROMETHEUS / "targets" / "lab.yaml", settings)
    (STATE / "alertmanager" / "alertmanager.yml").write_text(alertmanager_yml(settings))


def write_listen_conf(prefix: Path, values: Mapping[str, str], nginx: Sequence[str], **options) -> None:
    """Render NGINX's listen.conf. HTTP/2 is enabled if ``nginx -t`` accepts nginx/http2.conf."""
    test = [*nginx, "-t", "-e", "stderr", "-p", f"{prefix}/", "-c", "conf/nginx.conf"]
    for http2 in (*HTTP2, ""):
        target = prefix / "made" / "listen.conf"
        _render(ROOT / "nginx" / "listen.conf.template", target, {**values, "HTTP2": http2})
        if http2 and subprocess.run(test, stdin=subprocess.DEVNULL, capture_output=True, **options).returncode == 0:
            return


def alertmanager_yml(settings: Mapping[str, str]) -> str:
    """Return Alertmanager's configuration with the receiver's URL on this machine."""
    # Not a string.Template, because Alertmanager's own templates may contain a $.
    text = (ROOT / "alertmanager" / "alertmanager.yml").read_text()
    return text.replace(RECEIVER_IN_CONTAINERS, f"http://127.0.0.1:{settings['RECEIVER_PORT']}/")


def make_secrets() -> None:
    """Create the shop's secret key and the token that identifies the lab's own load, if they do not exist."""
    for file, value in ((SECRET_KEY_FILE, secrets.token_urlsafe(64)), (TOKEN_FILE, secrets.token_hex(16))):
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not file.exists():
            write_file(file, value, 0o600)


def remove_data() -> None:
    """Delete the lab's data and generated files, but not its downloads."""
    for name in (
        "alertmanager",
        "data",
        "logs",
        "nginx",
        "prometheus",
        "pushgateway",
        "receiver",
        "reports",
        "run",
        "secrets",
        "tls",
    ):
        shutil.rmtree(STATE / name, ignore_errors=True)


def _render(template: Path, target: Path, values: Mapping[str, str]) -> None:
    target.write_text(Template(template.read_text()).substitute(values))


def _link(source: Path, target: Path) -> None:
    if target.is_symlink() and target.readlink() == source:
        return
    if target.is_symlink() or target.exists():
        target.unlink()
    target.symlink_to(source)


def _link_all(source: Path, target: Path) -> None:
    for stale in target.iterdir():
        if stale.is_symlink():
            stale.unlink()
    for path in source.iterdir():
        _link(path, target / path.name)
