"""Hand the lab's images over to the cluster."""

import re
import shlex
import subprocess
from collections.abc import Mapping, Sequence

from lab import console
from lab.errors import LabError
from lab.runtimes.compose.engine import Compose, docker
from lab.runtimes.environment import for_tools

#: Contexts of local clusters that take images from the Docker engine: a pattern, and the command before the images.
LOADERS = {
    r"kind-(.+)": ["kind", "load", "docker-image", "--name={}"],
    r"k3d-(.+)": ["k3d", "image", "import", "--cluster={}"],
    r"(minikube)": ["minikube", "image", "load", "--profile={}"],
}
#: This cluster runs on the Docker engine itself.
SAME_ENGINE = ("docker-desktop", "orbstack", "colima", "rancher-desktop")
#: The first part of the names of images that are built here. No registry has them.
BUILT_HERE = "localhost/"
#: A long time, for a slow registry.
SECONDS = 1800


def how(context: str, environment: Mapping[str, str]) -> str:
    """Return in words how images get into the cluster. Raises LabError if that is not known."""
    if registry := environment.get("IMAGE_REGISTRY"):
        return f"pushed to {registry}"
    if environment.get("IMAGE_LOADER"):
        return "with the command in IMAGE_LOADER"
    if context in SAME_ENGINE:
        return "not needed, because the cluster uses this Docker engine"
    if command := _loader(context):
        return f"with `{' '.join(command)}`"
    raise LabError(
        f"the lab does not know how to copy images to {context}: set IMAGE_REGISTRY to a registry that you can push to "
        "and the cluster can pull from, or IMAGE_LOADER to a command that copies the images named in its arguments."
    )


def of_services(compose: Compose) -> dict[str, str]:
    """Return the image of each service of Compose."""
    return {name: each["image"] for name, each in compose.config().items() if "image" in each}


def hand_over(
    images: Mapping[str, str], context: str, environment: Mapping[str, str], there: set[str]
) -> dict[str, str]:
    """Copy the images that were built here to the cluster, and return the name of each service's image there.

    The tag is the beginning of the image's ID, so a rebuilt image starts a rollout. ``there`` contains the names of the
    images that every node has. Raises LabError if an image cannot be copied.
    """
    registry = environment.get("IMAGE_REGISTRY", "").rstrip("/")
    names = {image: _tagged(image, registry) for image in sorted(set(images.values())) if image.startswith(BUILT_HERE)}
    if new := [name for name in names.values() if name not in there]:
        with console.step(f"{len(new)} images copied to the cluster"):
            if registry:
                for name in new:
                    docker("push", "--quiet", name)
            elif context not in SAME_ENGINE:
                _run([*(shlex.split(environment.get("IMAGE_LOADER", "")) or _loader(context)), *new])
    return {service: names.get(image, image) for service, image in images.items()}


def _loader(context: str) -> Sequence[str]:
    for pattern, command in LOADERS.items():
        if found := re.fullmatch(pattern, context):
            return [part.format(found[1]) for part in command]
    return []


def _tagged(image: str, registry: str) -> str:
    digest = docker("image", "inspect", "--format={{.Id}}", image).stdout.strip().removeprefix("sha256:")
    name = image.rpartition(":")[0]
    if registry:
        name = f"{registry}/{name.removeprefix(BUILT_HERE)}"
    tagged = f"{name}:{digest[:12]}"
    docker("tag", image, tagged)
    return tagged


def _run(command: Sequence[str]) -> None:
    try:
        done = subprocess.run(command, env=for_tools(), capture_output=True, text=True, timeout=SECONDS)
    except FileNotFoundError as error:
        raise LabError(f"{command[0]}, which copies images to the cluster, is not installed.") from error
    except subprocess.TimeoutExpired as error:
        raise LabError(
            f"`{command[0]}` was stopped, because it had not copied the images after {SECONDS} s."
        ) from error
    if done.returncode:
        raise LabError(f"`{command[0]}` cannot copy images to the cluster: {console.last_line(done.stderr)}")
