"""What the official images are: ``images/facts.yaml``."""

from datetime import date

import yaml

from lab.paths import ROOT


def facts() -> dict[str, dict]:
    """Return the facts of each official image, by its setting: ``IMAGE_NGINX`` …"""
    return yaml.safe_load((ROOT / "images" / "facts.yaml").read_text())


def past_support(today: date, images: dict[str, dict]) -> list[str]:
    """Return a sentence for each image whose support ended before ``today``."""
    return [
        f"{each['image']} has not been supported since {each['end_of_support']} ({each['said_by']})."
        for each in images.values()
        if isinstance(each["end_of_support"], date) and each["end_of_support"] < today
    ]
