"""``lab images``: check that every official image exists in its registry for each supported architecture."""

import json
import subprocess
from collections.abc import Iterator, Mapping

from lab.console import last_line
from lab.errors import LabError
from lab.runtimes.settings import OFFICIAL_IMAGES

PLATFORMS = ("linux/amd64", "linux/arm64")
#: The timeout for checking one image: docker reads its manifest list and the manifest of each platform.
RESPONSE_SECONDS = 60


def check(settings: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield each official image with a sentence about its problem (empty if it can be pulled).

    Queries the registries with the docker command, which needs no engine for this. Skips images that are built locally.
    Raises LabError if there is no docker command.
    """
    for name in OFFICIAL_IMAGES:
        image = settings[name]
        if not image.startswith("localhost/"):
            problem = _problem(image)
            yield image, f"{name}: {image} {problem}; set {name} in .env to a tag that exists." if problem else ""


def _problem(image: str) -> str:
    command = ["docker", "manifest", "inspect", image]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=RESPONSE_SECONDS)
    except subprocess.TimeoutExpired:
        return f"could not be checked: its registry did not respond within {RESPONSE_SECONDS} s"
    except OSError as error:
        raise LabError(f"the docker command cannot be run ({error.strerror}): install Docker.") from error
    if done.returncode != 0:
        return f"was not found ({last_line(done.stderr)})"
    platforms = [each["platform"] for each in json.loads(done.stdout).get("manifests", [])]
    listed = {f"{platform['os']}/{platform['architecture']}" for platform in platforms}
    missing = [platform for platform in PLATFORMS if platform not in listed]
    return f"does not list {' and '.join(missing)}" if missing else ""
