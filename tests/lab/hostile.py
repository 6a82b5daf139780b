"""A shell and a home folder with every setting that could mislead one of the lab's programs."""

import json
from pathlib import Path

from lab.paths import ROOT

#: Modules that the lab or the shop imports. A folder on the PYTHONPATH contains a broken module with each name.
SHADOWED = (
    "json",
    "signal",
    "click",
    "yaml",
    "psutil",
    "django",
    "environ",
    "uwsgidecorators",
    "locust",
    "lab",
    "config",
)
SHELL = {
    # Arguments for make targets. Only those on make's command line may have an effect.
    **{
        "FORCE": "1",
        "FOLLOW": "1",
        "S": "nginx",
        "D": "bad-deploy",
        "R": "nowhere.json",
        "SEED": "x",
        "PYTHON": "false",
    },
    **{"PROFILE": "storm", "USERS": "many", "DURATION": "soon"},
    # Python and its tools.
    **{"PYTHONSAFEPATH": "1", "PYTHONHOME": "/nowhere", "PYTHONWARNINGS": "error", "PYTHONOPTIMIZE": "2"},
    **{"PYTHONIOENCODING": "latin-1", "PYTHONINSPECT": "1", "PYTHONSTARTUP": "/nowhere", "PYTHONUTF8": "0"},
    **{
        "PIP_USER": "1",
        "PIP_TARGET": "/nowhere",
        "PIP_REQUIRE_VIRTUALENV": "1",
        "PIP_DRY_RUN": "1",
        "PIP_PYTHON": "false",
    },
    **{"VIRTUAL_ENV": "/nowhere", "CONDA_PREFIX": "/nowhere", "SETUPTOOLS_USE_DISTUTILS": "wrong"},
    **{"PYTEST_ADDOPTS": "--no-such-option", "PYTEST_PLUGINS": "nowhere", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
    **{"RUFF_CONFIG": "/nowhere", "RUFF_SELECT": "ALL", "GIT_DIR": "/nowhere", "GIT_WORK_TREE": "/nowhere"},
    # The load generator.
    **{"LOCUST_TAGS": "smoke", "LOCUST_PROCESSES": "2", "LOCUST_MODE_MASTER": "1", "LOCUST_RUN_TIME": "1s"},
    **{"LOCUST_LOCUSTFILE": "/nowhere", "LOCUST_HOST": "http://127.0.0.1:1", "LOCUST_USER_CLASSES": "Nobody"},
    # The shop, its database and its server.
    **{"DATABASE_URL": "postgres://shop@127.0.0.1:1/other", "CACHE_URL": "redis://127.0.0.1:1/0", "SECRET_KEY": ""},
    **{"DATABASE_URL_FILE": "/nowhere", "SECRET_KEY_FILE": "/nowhere", "DJANGO_SETTINGS_MODULE": "other.settings"},
    **{"DEBUG": "yes please", "ALLOWED_HOSTS": "example.com", "STATIC_ROOT": "/nowhere", "HSTS_SECONDS": "never"},
    **{"PGHOST": "/nowhere", "PGSERVICE": "other", "PGSSLMODE": "verify-full", "PGOPTIONS": "--no-such-option"},
    **{"UWSGI_HTTP": "127.0.0.1:1", "UWSGI_INI": "/nowhere", "UWSGI_MODULE": "other", "UWSGI_THREADS": "64"},
    **{"PROMETHEUS_MULTIPROC_DIR": "/nowhere", "PROMETHEUS_DISABLE_CREATED_SERIES": "true", "NGINX": "3;"},
    # Go programs and Docker.
    **{"GOGC": "off", "GODEBUG": "netdns=nowhere", "GOMEMLIMIT": "1B", "GOTRACEBACK": "none"},
    **{"COMPOSE_FILE": "/nowhere", "COMPOSE_PROJECT_NAME": "other", "COMPOSE_PROFILES": "load"},
    **{"DOCKER_DEFAULT_PLATFORM": "linux/none", "DOCKER_BUILDKIT": "0", "BUILDKIT_PROGRESS": "rawjson"},
    # Language, time, terminal and shell.
    **{"LC_ALL": "tr_TR.ISO-8859-9", "LANG": "xx", "LANGUAGE": "tr:de", "LC_NUMERIC": "de_DE", "TZ": "Asia/Tokyo"},
    **{"TERM": "dumb", "COLUMNS": "1", "LINES": "1", "FORCE_COLOR": "1", "CLICOLOR_FORCE": "1"},
    **{"CDPATH": "/", "GREP_OPTIONS": "-v", "POSIXLY_CORRECT": "1", "IFS": "/"},
}
FILES = {
    ".locust.conf": "processes = 2\ntags = smoke\n",
    ".config/pip/pip.conf": "[global]\nuser = true\ntarget = /nowhere\n[install]\ndry-run = true\n",
    ".pydistutils.cfg": "[install]\nprefix = /nowhere\n",
    ".pgpass": "*:*:*:*:wrong\n",
    ".pg_service.conf": "[other]\nhost=/nowhere\n",
    ".gitconfig": "[core]\n\tworktree = /nowhere\n",
    ".docker/config.json": json.dumps({"proxies": {"default": {"httpProxy": "http://127.0.0.1:1"}}}),
    ".bashrc": "exit 1\n",
}


def environment(folder: Path) -> dict[str, str]:
    """Create a home folder in ``folder``, and return the shell's variables. They include the settings in ``.env``."""
    for name, text in FILES.items():
        file = folder / "home" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    for name in SHADOWED:
        (folder / "shadows").mkdir(exist_ok=True)
        (folder / "shadows" / f"{name}.py").write_text(f"raise SystemExit('{name} of PYTHONPATH was imported')\n")
    exported = (line.partition("=") for line in (ROOT / ".env").read_text().splitlines() if "=" in line[:30])
    return {
        **{name: value for name, _, value in exported},
        **SHELL,
        "HOME": str(folder / "home"),
        "PYTHONPATH": str(folder / "shadows"),
        "BASH_ENV": str(folder / "home" / ".bashrc"),
        "ENV": str(folder / "home" / ".bashrc"),
    }
