"""From a bare Python to the lab's own environment: ``python3 lab/bootstrap.py COMMAND…``.

Makes ``.lab/venv`` from the hashed requirements when they have changed since the last time, then becomes
``python -m lab COMMAND…`` in it. Uses the standard library only.
"""

# ruff: noqa: E402
# Not signal, which imports more.
import _signal

if __name__ == "__main__":
    # Ctrl-C waits until the imports are done and it can be answered with a sentence.
    _signal.pthread_sigmask(_signal.SIG_BLOCK, {_signal.SIGINT})

import ast
import fcntl
import hashlib
import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import sysconfig
import time
import unicodedata
from pathlib import Path
from typing import NoReturn

ROOT = Path(__file__).resolve().parent.parent
# As the first folder, since Python may have put this file's own there, or none (-I, PYTHONSAFEPATH).
sys.path.insert(0, str(ROOT))

from lab.runtimes import environment

REQUIREMENTS = ROOT / "requirements"
STATE = ROOT / ".lab"
VENV = STATE / "venv"
PYTHON = VENV / "bin" / "python"
STAMP = VENV / "requirements.sha256"
#: No PYTHON… variable of the user's shell, no packages of the user's, and UTF-8 whatever the locale.
FLAGS = ("-E", "-s", "-X", "utf8")
PIP_LOG = STATE / "logs" / "pip.log"
#: Characters of a path to which a shell, uWSGI, NGINX, mtail, Locust, SQLite's URLs, the PATH or Docker give a meaning.
REFUSED_CHARACTERS = '"#$%*,:?[\\`'


def fail(sentence: str) -> NoReturn:
    """End with one sentence on stderr."""
    sys.exit(f"lab: {sentence}")


def refused_character(path: str) -> str:
    """Return the first character for which the lab does not run in ``path``, as Python writes it; nothing if none."""
    # As UTF-8, whatever the locale says: a byte that is none is a lone surrogate here.
    for character in os.fsencode(path).decode("utf-8", "surrogateescape"):
        if character in REFUSED_CHARACTERS or unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp"):
            return ascii(character)
    return ""


def wanted() -> str:
    """Return the digest of all that the environment is made from: the locked requirements, this Python, its place."""
    digest = hashlib.sha256(f"{sys.version} {VENV.resolve()}".encode())
    for path in sorted(REQUIREMENTS.glob("*.txt")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def is_current() -> bool:
    """Say whether the environment stands and is made from today's requirements."""
    try:
        return STAMP.read_text() == wanted() and PYTHON.exists()
    except OSError:
        return False


def of_pip() -> dict[str, str]:
    """Return pip's environment. Of the user's own configuration of pip it has where packages come from, and no more.

    All of that is in variables, so that no file of pip's (``user = true``, ``target = …``) is read.
    """
    own = environment.for_tools()
    command = [PYTHON, "-I", "-m", "pip", "config", "list"]
    # With `user = true` in a file, pip would list the user's own file alone.
    listed = subprocess.run(command, env=own | {"PIP_USER": "0"}, capture_output=True, text=True)
    if listed.returncode != 0:
        fail(f"pip's configuration cannot be read: {(listed.stderr.strip().splitlines() or ['no reason given'])[-1]}")
    given = {}
    for line in listed.stdout.splitlines():
        name, _, value = line.partition("=")
        section, _, key = name.rpartition(".")
        given[section, key] = value
    settings = {name: value for name, value in own.items() if not name.startswith("PIP_")}
    # What comes later wins, as in pip.
    for section in ("global", "install", ":env:"):
        for key in environment.PIP:
            if (section, key) in given:
                settings[f"PIP_{key.upper().replace('-', '_')}"] = ast.literal_eval(given[section, key])
    return settings | {"PIP_CONFIG_FILE": os.devnull}


def install(*names: str, env: dict[str, str]) -> subprocess.Popen:
    """Begin to install locked requirements files into the environment; pip's output goes to its log."""
    command = [PYTHON, "-I", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes"]
    files = [argument for name in names for argument in ("-r", str(REQUIREMENTS / f"{name}.txt"))]
    with PIP_LOG.open("a") as log:
        return subprocess.Popen([*command, *files], env=env, stdout=log, stderr=log)


def last_error() -> str:
    """Return pip's last line that says ERROR, or its last line."""
    lines = [line.strip() for line in PIP_LOG.read_text(errors="replace").splitlines() if line.strip()]
    errors = [line for line in lines if "ERROR" in line]
    return (errors or lines or ["pip said nothing"])[-1]


def lab_runs() -> bool:
    """Say whether processes of the lab run in the environment."""
    try:
        os.kill(int((STATE / "run" / "supervisord.pid").read_text()), 0)
    except (OSError, ValueError):
        return False
    return True


def make_environment() -> None:
    """Make the virtual environment anew; on failure leave none behind."""
    if importlib.util.find_spec("venv") is None or importlib.util.find_spec("ensurepip") is None:
        fail("this Python has no venv module: install it (on Debian: apt install python3-venv).")
    began = time.monotonic()
    print("Making the lab's Python environment, once for these requirements …", flush=True)
    shutil.rmtree(VENV, ignore_errors=True)
    PIP_LOG.parent.mkdir(parents=True, exist_ok=True)
    PIP_LOG.write_text("")
    made = [sys.executable, "-I", "-m", "venv", VENV]
    subprocess.run(made, env=environment.for_tools(), check=True, stdout=subprocess.DEVNULL)
    # What an editable install would write. A relative path is read the same under every locale.
    packages = sysconfig.get_path("purelib", "venv", {"base": str(VENV)})
    Path(packages, "pomar_telemetry.pth").write_text(f"{os.path.relpath(ROOT / 'telemetry' / 'src', packages)}\n")
    env = of_pip()
    packages, uwsgi = install("lab", env=env), install("uwsgi", env=env)
    if uwsgi.wait() != 0:
        print("uWSGI cannot be compiled here: taking the pyuwsgi wheel of the same program.", flush=True)
        uwsgi = install("pyuwsgi", env=env)
    if packages.wait() != 0 or uwsgi.wait() != 0:
        reason = last_error()
        shutil.rmtree(VENV, ignore_errors=True)
        fail(
            f"the Python packages cannot be installed: is the network there? pip said: {reason} (all of it: {PIP_LOG})"
        )
    STAMP.write_text(wanted())
    print(f"Python environment ready in {time.monotonic() - began:.0f} s.", flush=True)


def main() -> None:
    """Make the environment when it is not current, then become the lab's command in it."""
    if sys.version_info < (3, 11):  # noqa: UP036 (it runs on the machine's own Python, which may be older)
        fail(
            f"Python 3.11 or newer is needed, this is {sys.version.split()[0]}: install it, or make PYTHON=python3.12."
        )
    if character := refused_character(str(ROOT)):
        fail(f"the path of this checkout contains {character}: move it out of {str(ROOT)!a} to a path without that.")
    if not is_current() and lab_runs():
        if sys.argv[1:2] != ["down"]:
            fail("the lab that runs was started with other requirements or another Python: `make down` first.")
    elif not is_current():
        try:
            STATE.mkdir(exist_ok=True)
            with (STATE / "bootstrap.lock").open("w") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                if not is_current():
                    make_environment()
        except KeyboardInterrupt:
            shutil.rmtree(VENV, ignore_errors=True)
            fail("stopped while the Python environment was made; run the same command again.")
        except (OSError, subprocess.CalledProcessError) as error:
            shutil.rmtree(VENV, ignore_errors=True)
            fail(f"{STATE} cannot hold the lab ({error}): free some space there, or make it writable.")
    os.chdir(ROOT)
    # Until lab/__main__.py can answer it.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    os.execv(PYTHON, [str(PYTHON), *FLAGS, "-m", "lab", *sys.argv[1:]])


if __name__ == "__main__":
    for stream in filter(None, (sys.stdout, sys.stderr)):
        stream.reconfigure(errors="replace")
    try:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
        main()
    except KeyboardInterrupt:
        fail("interrupted before anything was changed.")
    except BrokenPipeError:
        sys.exit(1)
