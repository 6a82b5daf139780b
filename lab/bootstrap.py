"""Make the lab's Python environment and run a command in it: ``python3 lab/bootstrap.py COMMAND…``.

Makes ``.lab/venv`` from the requirements and their hashes if they have changed since the last time, then replaces
itself with ``python -m lab COMMAND…`` in that environment. Uses the standard library only.
"""

# ruff: noqa: E402
# Not signal, which imports more.
import _signal

if __name__ == "__main__":
    # Block Ctrl-C until the imports are done, so that it prints one sentence instead of a traceback.
    _signal.pthread_sigmask(_signal.SIG_BLOCK, {_signal.SIGINT})

import ast
import fcntl
import hashlib
import importlib.util
import os
import re
import shutil
import signal
import subprocess
import sys
import sysconfig
import tempfile
import time
import unicodedata
from pathlib import Path
from typing import NoReturn

ROOT = Path(__file__).resolve().parent.parent
# First on the path: Python puts the folder of this file there, or nothing (-I, PYTHONSAFEPATH).
sys.path.insert(0, str(ROOT))

from lab import network
from lab.runtimes import environment

REQUIREMENTS = ROOT / "requirements"
STATE = ROOT / ".lab"
VENV = STATE / "venv"
PYTHON = VENV / "bin" / "python"
STAMP = VENV / "requirements.sha256"
#: Ignore the shell's PYTHON… variables and the user's own packages, and use UTF-8 in every locale.
FLAGS = ("-E", "-s", "-X", "utf8")
PIP = (PYTHON, "-I", "-m", "pip")
PIP_LOG = STATE / "logs" / "pip.log"
#: uWSGI is installed at the same time by another pip.
UWSGI_LOG = STATE / "logs" / "pip-uwsgi.log"
#: Seconds between two lines of progress.
PROGRESS_SECONDS = 5
#: Characters with a special meaning in the shell, uWSGI, NGINX, mtail, Locust, SQLite URLs, the PATH or Docker.
REFUSED_CHARACTERS = '"#$%*,:?[\\`'


def fail(sentence: str) -> NoReturn:
    """Exit with code 1 and one sentence on stderr."""
    sys.exit(f"lab: {sentence}")


def refused_character(path: str) -> str:
    """Return the first character of a path with which the lab does not work, as a Python literal; empty if none."""
    # Decoded as UTF-8 in every locale: a byte that is not UTF-8 becomes a lone surrogate.
    for character in os.fsencode(path).decode("utf-8", "surrogateescape"):
        if character in REFUSED_CHARACTERS or unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp"):
            return ascii(character)
    return ""


def wanted() -> str:
    """Return a digest of what the environment is made from: the locked requirements, this Python, and the path."""
    digest = hashlib.sha256(f"{sys.version} {VENV.resolve()}".encode())
    for path in sorted(REQUIREMENTS.glob("*.txt")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def is_current() -> bool:
    """Say whether the environment exists and was made from the present requirements."""
    try:
        return STAMP.read_text() == wanted() and PYTHON.exists()
    except OSError:
        return False


def lab_runs() -> bool:
    """Say whether a lab is running from the environment."""
    try:
        os.kill(int((STATE / "run" / "supervisord.pid").read_text()), 0)
    except (OSError, ValueError):
        return False
    return True


def check_python() -> tuple[str, str]:
    """Check that this is Python 3.11 or newer."""
    version = sys.version.split()[0]
    if sys.version_info < (3, 11):  # noqa: UP036 (the machine's own Python runs this, and it may be older)
        return "", f"Python 3.11 or newer is needed, this is {version}: install it, or make PYTHON=python3.12."
    return f"{version} ({sys.executable})", ""


def check_path() -> tuple[str, str]:
    """Check that every program of the lab works with the path of the checkout."""
    path = str(ROOT)
    if character := refused_character(path):
        return "", f"the path of this checkout contains {character}: move it out of {path!a} to a path without that."
    return path, ""


def check_requirements() -> tuple[str, str]:
    """Check that no lab is running from an environment that must be replaced; `make down` may still use that one."""
    if is_current():
        return "ready, made from the present requirements", ""
    if lab_runs() and sys.argv[1:2] != ["down"]:
        return "", "the lab that runs was started with other requirements or another Python: `make down` first."
    return "to be made from requirements/, about a minute", ""


def check_venv() -> tuple[str, str]:
    """Check that this Python can make a virtual environment, unless the present one is current."""
    if is_current():
        return "not needed, the environment exists", ""
    if importlib.util.find_spec("venv") is None or importlib.util.find_spec("ensurepip") is None:
        return "", "this Python has no venv module: install it (on Debian: apt install python3-venv)."
    return "present", ""


def check_state() -> tuple[str, str]:
    """Check that ``.lab`` can be written, unless the environment in it is current."""
    if not is_current():
        try:
            STATE.mkdir(exist_ok=True)
            (STATE / "bootstrap.lock").touch()
        except OSError as error:
            return "", cannot_hold(error)
    return str(STATE), ""


def cannot_hold(error: Exception) -> str:
    """Return the sentence for a ``.lab`` that cannot be written."""
    return f"{STATE} cannot hold the lab ({error}): free some space there, or make it writable."


#: What each command checks before it uses or makes the Python environment, by the names that `make doctor` prints.
#: Each check returns what it found and, if it fails, a sentence with the problem and what to do.
CHECKS = {
    "Python": check_python,
    "path": check_path,
    "environment": check_requirements,
    "venv module": check_venv,
    "folder .lab": check_state,
}


def line(mark: str, name: str, text: str) -> str:
    """Return one line of `make doctor`."""
    return f"  {mark} {name:<20} {text}"


def examine() -> None:
    """Print each check of this file; exit with code 1 if one fails, since no other check can run then."""
    failed = False
    for name, check in CHECKS.items():
        found, problem = check()
        failed |= bool(problem)
        print(line("✗" if problem else "✓", name, problem or found), flush=True)
    if not is_current():
        compiler = (sysconfig.get_config_var("CC") or "cc").split()[0]
        found = shutil.which(compiler) or f"no {compiler}: uWSGI is not compiled, the pyuwsgi wheel is installed"
        print(line("·", "C compiler", found), flush=True)
    if failed:
        fail("the other checks need the Python environment: fix the above, then run this again.")


def of_pip() -> dict[str, str]:
    """Return the environment variables for pip. Of the user's pip configuration they have only how to reach packages.

    Everything is in variables, so that pip reads no file of its own (``user = true``, ``target = …``).
    """
    own = environment.for_tools()
    # With `user = true` in a file, pip would list the user's own file alone.
    listed = subprocess.run([*PIP, "config", "list"], env=own | {"PIP_USER": "0"}, capture_output=True, text=True)
    if listed.returncode != 0:
        fail(f"pip's configuration cannot be read: {(listed.stderr.strip().splitlines() or ['no reason given'])[-1]}")
    given = {}
    for listed_line in listed.stdout.splitlines():
        name, _, value = listed_line.partition("=")
        section, _, key = name.rpartition(".")
        given[section, key] = value
    settings = {name: value for name, value in own.items() if not name.startswith("PIP_")}
    # Later sections win, as in pip.
    for section in ("global", "install", ":env:"):
        for key in environment.PIP:
            if (section, key) in given:
                settings[f"PIP_{key.upper().replace('-', '_')}"] = ast.literal_eval(given[section, key])
    return settings | {"PIP_CONFIG_FILE": os.devnull}


def install(name: str, log: Path, env: dict[str, str]) -> subprocess.Popen:
    """Start to install a locked requirements file into the environment, with pip's output in ``log``."""
    options = ["--disable-pip-version-check", "--no-input", "--progress-bar=off", "--require-hashes"]
    command = [*PIP, "install", *options, "-r", str(REQUIREMENTS / f"{name}.txt")]
    with log.open("w") as output:
        return subprocess.Popen(command, env=env, stdin=subprocess.DEVNULL, stdout=output, stderr=output)


def progress(said: str, locked: int, installed: int) -> str:
    """Say how far an installation is, by pip's output so far and the number of packages that are installed."""
    total = locked - len(re.findall(r"^Ignoring ", said, re.MULTILINE))
    names = re.findall(r"^Collecting ([\w.-]+)", said, re.MULTILINE)
    if "Installing collected packages" in said:
        last = ", byte-compiling them" if installed >= total else ""
        return f"{min(installed, total)} of {total} packages installed{last}"
    return f"{len(names)} of {total} packages downloaded" + (f", now {names[-1]}" if names else "")


def wait_for(packages: subprocess.Popen, uwsgi: subprocess.Popen, folder: Path) -> None:
    """Wait for both installations, and print every few seconds how far they are."""
    locked = len(re.findall(r"^[\w.-]+==", (REQUIREMENTS / "lab.txt").read_text(), re.MULTILINE))
    began = shown = time.monotonic()
    while packages.poll() is None or uwsgi.poll() is None:
        time.sleep(0.1)
        if time.monotonic() - shown < PROGRESS_SECONDS:
            continue
        shown = time.monotonic()
        parts = []
        if packages.poll() is None:
            installed = len(list(folder.glob("*.dist-info")))
            parts.append(progress(PIP_LOG.read_text(errors="replace"), locked, installed))
        if uwsgi.poll() is None:
            compiling = "Building wheel" in UWSGI_LOG.read_text(errors="replace")
            parts.append("compiling uWSGI" if compiling else "downloading uWSGI")
        if parts:
            print(f"  {shown - began:3.0f} s  {'; '.join(parts)}", flush=True)


def why_pip_failed(said: str, env: dict[str, str]) -> str:
    """Return why pip failed, by its output, and ask about the network only if pip could not connect."""
    lines = [each.strip() for each in said.splitlines() if each.strip()]
    errors = [each.removeprefix("ERROR: ") for each in lines if "ERROR" in each]
    reason = (errors or lines or ["pip printed nothing"])[-1]
    # pip says the same of an index that it cannot read and of one that lacks the package.
    if missing := re.search(r"requirement (\S+).* \(from versions: none\)", said):
        reason = index_problem(missing[1], env) or reason
    return f"{reason.rstrip('.')}.{' Check the network.' if network.failed(reason) else ''}"


def index_problem(requirement: str, env: dict[str, str]) -> str:
    """Return why pip cannot read its index, asked for one package; nothing if it can."""
    with tempfile.TemporaryDirectory() as folder:
        options = ["-vv", "--disable-pip-version-check", "--no-input", "--no-deps", "--retries=0", "--dest", folder]
        command = [*PIP, "download", *options, requirement]
        done = subprocess.run(command, env=env, capture_output=True, text=True)
    found = re.search(r"Could not fetch URL (\S+): (.+?)(?: - skipping)?$", done.stdout + done.stderr, re.MULTILINE)
    if not found:
        return ""
    # The innermost cause of a chain of exceptions.
    errors = re.findall(r"\[Errno -?\d+\] ([^'\")\]]+)", found[2])
    address = re.sub(r"//[^/@]*@", "//", found[1])
    return f"pip cannot read {address}: {errors[-1] if errors else found[2]}"


def make_environment() -> None:
    """Make the virtual environment; if that fails, remove it."""
    began = time.monotonic()
    print("Making the lab's Python environment, once for these requirements …", flush=True)
    shutil.rmtree(VENV, ignore_errors=True)
    PIP_LOG.parent.mkdir(parents=True, exist_ok=True)
    made = [sys.executable, "-I", "-m", "venv", VENV]
    subprocess.run(made, env=environment.for_tools(), check=True, stdout=subprocess.DEVNULL)
    # What an editable install would write. A relative path reads the same in every locale.
    folder = Path(sysconfig.get_path("purelib", "venv", {"base": str(VENV)}))
    (folder / "pomar_telemetry.pth").write_text(f"{os.path.relpath(ROOT / 'telemetry' / 'src', folder)}\n")
    env = of_pip()
    packages, uwsgi = install("lab", PIP_LOG, env), install("uwsgi", UWSGI_LOG, env)
    try:
        wait_for(packages, uwsgi, folder)
    except BaseException:
        for process in (packages, uwsgi):
            process.kill()
            process.wait()
        raise
    log = PIP_LOG
    if packages.returncode == 0 and uwsgi.returncode != 0:
        print("uWSGI cannot be compiled here: installing the pyuwsgi wheel of the same program.", flush=True)
        uwsgi, log = install("pyuwsgi", UWSGI_LOG, env), UWSGI_LOG
        uwsgi.wait()
    if packages.returncode != 0 or uwsgi.returncode != 0:
        reason = why_pip_failed(log.read_text(errors="replace"), env)
        shutil.rmtree(VENV, ignore_errors=True)
        fail(f"the Python packages cannot be installed: {reason} The output of pip is in {log}.")
    STAMP.write_text(wanted())
    print(f"Python environment ready in {time.monotonic() - began:.0f} s.", flush=True)


def main() -> None:
    """Run the checks, make the environment if it is not current, then become the lab's command in it."""
    if sys.argv[1:2] == ["doctor"]:
        examine()
    for check in CHECKS.values():
        _, problem = check()
        if problem:
            fail(problem)
    # `make down` of a lab that runs from an older environment uses that one.
    if not is_current() and not lab_runs():
        try:
            with (STATE / "bootstrap.lock").open("w") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                if not is_current():
                    make_environment()
        except KeyboardInterrupt:
            shutil.rmtree(VENV, ignore_errors=True)
            fail("interrupted while the Python environment was being made; run the same command again.")
        except (OSError, subprocess.CalledProcessError) as error:
            shutil.rmtree(VENV, ignore_errors=True)
            fail(cannot_hold(error))
    os.chdir(ROOT)
    # Until lab/__main__.py can handle it.
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
