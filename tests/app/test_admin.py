"""The shop's admin pages."""

import pytest
from checkout.models import Order
from django.contrib.auth.models import User
from product.models import Product

from tests.app.shopping import make_product

pytestmark = pytest.mark.django_db


@pytest.fixture
def keeper(stranger):
    """A client that is logged in as an administrator."""
    stranger.force_login(User.objects.create_superuser("keeper", password="not-a-default-one"))
    return stranger


@pytest.fixture
def order(shopper) -> Order:
    """An order of two units."""
    shopper.add(make_product(price="3.30"), 2)
    shopper.checkout()
    return Order.objects.get()


def test_anonymous_users_are_asked_to_log_in(shopper):
    answer = shopper.get("/admin/")

    assert (answer.status_code, answer["Location"]) == (302, "/admin/login/?next=/admin/")


@pytest.mark.parametrize("page", ["", "product/product/?q=apple", "product/category/", "checkout/order/?q=ana"])
def test_every_list_opens(keeper, order, page):
    assert keeper.get(f"/admin/{page}").status_code == 200


def test_the_stock_can_be_changed_in_the_list(keeper):
    product = make_product(stock=1)
    form = {
        "form-TOTAL_FORMS": 1,
        "form-INITIAL_FORMS": 1,
        "form-0-id": product.pk,
        "form-0-stock": 42,
        "_save": "Save",
    }

    keeper.post("/admin/product/product/", form)

    assert Product.objects.get().stock == 42


def test_the_items_and_total_of_an_order_cannot_be_changed(keeper, order):
    address = f"/admin/checkout/order/{order.pk}/change/"
    line = order.lines.get()
    page = keeper.get(address)
    form = {
        **{field: getattr(order, field) for field in ("name", "email", "street", "postal_code", "city")},
        **{"lines-TOTAL_FORMS": 1, "lines-INITIAL_FORMS": 1, "lines-0-id": line.pk, "lines-0-order": order.pk},
        **{"lines-0-quantity": 99, "lines-0-DELETE": "on", "total": "0.01", "reference": "x" * 16},
    }

    keeper.post(address, form)

    order.refresh_from_db()
    assert b'name="email"' in page.content
    assert b'name="lines-0-quantity"' not in page.content
    assert (str(order.total), order.lines.get().quantity) == ("6.60", 2)
    assert keeper.get("/admin/checkout/order/add/").status_code == 403
