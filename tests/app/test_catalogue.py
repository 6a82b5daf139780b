"""Test the product list, the search, product pages, and seeding the catalogue."""

from io import StringIO

import pytest
from django.core.cache import cache
from django.core.cache.backends.dummy import DummyCache
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection
from django.test import override_settings
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from product import catalogue
from product.models import Category, Product
from product.selectors import CATEGORIES_KEY

from tests.app.shopping import make_product, mark, marks

pytestmark = pytest.mark.django_db


class BrokenCache(DummyCache):
    """A cache whose server is down."""

    def get(self, *args, **kwargs):
        raise ConnectionError("the cache is down")

    def set(self, *args, **kwargs):
        raise ConnectionError("the cache is down")


def seed(**options) -> str:
    """Seed the catalogue and return what the command printed."""
    said = StringIO()
    call_command("seed_catalogue", stdout=said, **options)
    return said.getvalue()


def test_the_pages_of_the_list_show_every_product_once(shopper):
    made = {make_product(stock=n).slug: str(n) for n in range(1, 61)}

    pages = [shopper.get("/"), shopper.get("/", {"page": 2}), shopper.get("/", {"page": 3})]
    shown = [dict(zip(marks(page, "data-product"), marks(page, "data-stock"), strict=True)) for page in pages]

    assert [len(page) for page in shown] == [24, 24, 12]
    assert shown[0] | shown[1] | shown[2] == made


@pytest.mark.parametrize("page", ["0", "-1", "4", "x", "9" * 5000, "\x00", "٢٢"], ids=repr)
def test_an_invalid_page_number_shows_the_nearest_page(shopper, page):
    make_product()

    assert len(marks(shopper.get("/", {"page": page}), "data-product")) == 1


def test_the_list_takes_three_queries_for_any_number_of_products(shopper, django_assert_num_queries):
    for number in range(30):
        make_product(category=("fruit", "jam")[number % 2])

    with django_assert_num_queries(3):
        page = shopper.get("/")

    assert len(marks(page, "data-product")) == 24


def test_a_product_page_takes_two_queries(shopper, django_assert_num_queries):
    product = make_product()

    with django_assert_num_queries(2):
        shopper.get(product.get_absolute_url())


def test_the_categories_come_from_the_cache_the_second_time(shopper, django_assert_num_queries):
    make_product()
    shopper.get("/")

    with django_assert_num_queries(2):
        shopper.get("/")

    assert [shelf.slug for shelf in cache.get(CATEGORIES_KEY)] == ["fruit"]


@override_settings(CACHES={"default": {"BACKEND": f"{__name__}.BrokenCache"}})
def test_the_shop_works_when_the_cache_is_down(shopper):
    make_product(category="jam")

    page = shopper.get("/")

    assert page.status_code == 200
    assert b'href="/category/jam/"' in page.content


def test_a_category_shows_only_its_own_products(shopper):
    make_product()
    jam = make_product(category="jam")

    assert marks(shopper.get("/category/jam/"), "data-product") == [jam.slug]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("quince", ["quince-jelly", "quinces"]),
        ("QUINCE jelly", ["quince-jelly"]),
        ("amber", ["quince-jelly"]),
        ("jam", ["quince-jelly"]),
        ("%", []),
        ("_", []),
        ("'; drop table product_product; --", []),
        ("🍎", []),
    ],
    ids=["name", "two words, any case", "description", "category", "percent", "underscore", "sql", "emoji"],
)
def test_a_search_finds_products_that_match_all_words(shopper, text, found):
    make_product(slug="quinces", name="Quinces")
    make_product(slug="quince-jelly", name="Quince jelly", description="Amber and clear.", category="jam")

    page = shopper.get(reverse("product:search"), {"q": text})

    assert page.status_code == 200
    assert sorted(marks(page, "data-product")) == found


@pytest.mark.parametrize("text", ["\x00", "apple\x00", "a" * 101], ids=["NUL", "NUL inside", "too long"])
def test_an_invalid_search_is_400_with_a_reason(shopper, text):
    page = shopper.get(reverse("product:search"), {"q": text})

    assert page.status_code == 400
    assert b'role="alert"' in page.content


def test_a_blank_search_shows_no_products(shopper):
    make_product()

    page = shopper.get(reverse("product:search"), {"q": "   "})

    assert page.status_code == 200
    assert marks(page, "data-product") == []


@pytest.mark.parametrize("address", ["/product/nothing/", "/category/nothing/"])
def test_an_unknown_product_or_category_is_404(shopper, address):
    assert shopper.get(address).status_code == 404


@pytest.mark.parametrize(
    ("stock", "text", "can_be_bought"),
    [(0, b"Sold out", False), (3, b"Only 3 left", True), (50, b"In stock", True)],
    ids=["none", "few", "many"],
)
def test_a_product_page_shows_the_remaining_stock(shopper, stock, text, can_be_bought):
    page = shopper.get(make_product(stock=stock).get_absolute_url())

    assert mark(page, "data-stock") == str(stock)
    assert text in page.content
    assert (b"Add to cart" in page.content) is can_be_bought


def test_product_names_are_escaped(shopper):
    product = make_product(name="<script>alert(1)</script>")

    page = shopper.get(product.get_absolute_url())

    assert b"<script>" not in page.content


@pytest.mark.parametrize("wrong", [{"stock": -1}, {"price": "0.00"}], ids=["stock", "price"])
def test_the_database_rejects_an_invalid_product(wrong):
    product = make_product()

    with pytest.raises(IntegrityError):
        Product.objects.filter(pk=product.pk).update(**wrong)


def test_seeding_twice_changes_nothing():
    first = seed()
    once = list(Product.objects.order_by("pk").values())

    second = seed()

    assert first == "catalogue: 64 created, 0 updated, 0 unchanged, 0 restocked\n"
    assert second == "catalogue: 0 created, 0 updated, 64 unchanged, 0 restocked\n"
    assert list(Product.objects.order_by("pk").values()) == once
    assert list(Category.objects.values_list("slug", flat=True)) == ["fruit", "juice", "jam", "boxes"]


def test_seeding_restores_names_and_prices_but_not_the_stock():
    seed()
    Product.objects.filter(slug="quinces").update(price="99.00", name="Q", stock=7)

    said = seed()

    updated = Product.objects.get(slug="quinces")
    assert said == "catalogue: 0 created, 1 updated, 63 unchanged, 0 restocked\n"
    assert (updated.name, str(updated.price), updated.stock) == ("Quinces", "3.30", 7)


def test_restocking_resets_the_stock_to_the_catalogue():
    seed()
    Product.objects.filter(slug__in=["quinces", "damsons"]).update(stock=0)

    said = seed(restock=True)

    assert said.endswith(" 2 restocked\n")
    assert {item.slug: item.stock for item in catalogue.items()} == dict(Product.objects.values_list("slug", "stock"))


def test_restocking_can_set_the_same_stock_for_all_products():
    seed(restock=True, stock=5)

    assert set(Product.objects.values_list("stock", flat=True)) == {5}


@pytest.mark.parametrize(
    "arguments",
    [
        ["--stock", "5"],
        ["--restock", "--stock", "-1"],
        ["--restock", "--stock", "x"],
        ["--restock", "--stock", "9999999"],
    ],
    ids=["without restock", "negative", "text", "huge"],
)
def test_an_invalid_stock_option_is_an_error_and_changes_nothing(arguments):
    with pytest.raises(CommandError, match="--stock"):
        call_command("seed_catalogue", *arguments)

    assert Product.objects.count() == 0


def test_seeding_is_all_or_nothing(monkeypatch):
    broken = [*catalogue.items()[:3], catalogue.items()[3]._replace(category="nowhere")]
    monkeypatch.setattr(catalogue, "items", lambda: broken)

    with pytest.raises(KeyError):
        seed()

    assert Product.objects.count() == 0


def test_a_product_without_a_picture_shows_the_basket(tmp_path):
    product = make_product(slug="brand-new")
    hashed = "django.contrib.staticfiles.storage.ManifestStaticFilesStorage"

    with override_settings(STATIC_ROOT=tmp_path, STORAGES={"staticfiles": {"BACKEND": hashed}}):
        call_command("collectstatic", interactive=False, verbosity=0)
        picture = product.picture

    assert picture.startswith("/static/product/pictures/basket.")


def test_a_new_visitor_can_list_products_without_a_session_or_a_cart(shopper):
    make_product()

    with CaptureQueriesContext(connection) as queries:
        page = shopper.get("/")

    assert mark(page, "data-cart-units") == "0"
    assert not [query for query in queries if "cart" in query["sql"] or "session" in query["sql"]]
    assert not page.cookies


@pytest.mark.parametrize("path", ["/", "/category/fruit/"])
def test_the_first_page_has_only_one_url(shopper, path):
    seed()

    answer = shopper.get(path, {"page": 1})

    assert (answer.status_code, answer["Location"]) == (301, path)
    assert "page=1" not in shopper.get(path, {"page": 2}).content.decode()
