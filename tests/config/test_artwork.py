"""Test that the committed product images match the artwork generator's output."""

from product import catalogue

from tools import artwork


def test_the_committed_pictures_are_up_to_date():
    committed = {file.name: file.read_text(encoding="utf-8") for file in artwork.FOLDER.glob("*.svg")}

    assert committed == artwork.pictures(), "run `make generate`"


def test_every_product_has_its_own_picture():
    pictures = artwork.pictures()

    assert {f"{item.slug}.svg" for item in catalogue.items()} | {"basket.svg"} == set(pictures)
    assert len(set(pictures.values())) == len(catalogue.items()) + 1
