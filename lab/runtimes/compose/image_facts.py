"""Facts about the official images, from ``images/facts.yaml``."""

from datetime import date

import yaml

from lab.paths import ROOT


def facts() -> dict[str, dict]:
    """Return the facts about each official image. The keys are the image settings, such as ``IMAGE_NGINX``."""
    return yaml.safe_load((ROOT / "images" / "facts.yaml").read_text())


def past_support(today: date, images: dict[str, dict]) -> list[str]:
    """Return a sentence for each image that was past its end of support on ``today``."""
    return [
        f"{each['image']} has not been supported since {each['end_of_support']} ({each['support_source']})."
        for each in images.values()
        if isinstance(each["end_of_support"], date) and each["end_of_support"] < today
    ]
