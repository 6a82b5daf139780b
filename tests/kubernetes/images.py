"""Create tiny container images without a registry and without a base image."""

import hashlib
import io
import json
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path


def layer(files: Mapping[str, Path]) -> bytes:
    """Return an image layer, which is a tar archive, with these executable files. Each path has a source."""
    return _tar({name: source.read_bytes() for name, source in files.items()})


def archive(name: str, content: bytes, entrypoint: Sequence[str]) -> bytes:
    """Return an image with one layer in the format of `docker save`."""
    config = {
        "architecture": "amd64",
        "os": "linux",
        "config": {"Entrypoint": list(entrypoint)},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(content).hexdigest()}"]},
    }
    manifest = [{"Config": "config.json", "RepoTags": [name], "Layers": ["layer.tar"]}]
    return _tar(
        {
            "manifest.json": json.dumps(manifest).encode(),
            "config.json": json.dumps(config).encode(),
            "layer.tar": content,
        }
    )


def _tar(files: Mapping[str, bytes]) -> bytes:
    """Return a tar archive with these files, owned by root and executable."""
    output = io.BytesIO()
    with tarfile.open(fileobj=output, mode="w") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(content), 0o755
            tar.addfile(member, io.BytesIO(content))
    return output.getvalue()
