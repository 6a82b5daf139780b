"""Change carts. Each change locks its cart, so that requests from a visitor's two tabs cannot interfere."""

from django.db import transaction
from product.models import MAX_UNITS, Product

from cart import metrics
from cart.models import Cart, CartLine


class TooManyUnits(Exception):
    """A cart may contain at most MAX_UNITS of one product."""


class NotInCart(Exception):
    """The cart has no line with this product."""


@transaction.atomic
def cart_add(*, cart: Cart | None, product: Product, quantity: int) -> Cart:
    """Add ``quantity`` units of a product to the cart, creating the cart if it is None, and return the cart.

    Raises TooManyUnits if the cart would then contain more than MAX_UNITS of the product.
    """
    if quantity > MAX_UNITS:
        raise TooManyUnits
    cart = Cart.objects.create() if cart is None else Cart.objects.select_for_update().get(pk=cart.pk)
    line = CartLine.objects.filter(cart=cart, product=product).first()
    if line is None:
        CartLine.objects.create(cart=cart, product=product, quantity=quantity)
    elif line.quantity + quantity > MAX_UNITS:
        raise TooManyUnits
    else:
        line.quantity += quantity
        line.save(update_fields=["quantity"])
    transaction.on_commit(lambda: metrics.cart_added(units=quantity), robust=True)
    return cart


@transaction.atomic
def cart_update(*, cart: Cart, product: Product, quantity: int) -> None:
    """Set the number of units of a product in the cart. Raises NotInCart if the product is not in it."""
    line = _locked_line(cart=cart, product=product)
    difference = abs(quantity - line.quantity)
    line.quantity = quantity
    line.save(update_fields=["quantity"])
    transaction.on_commit(lambda: metrics.cart_updated(units=difference), robust=True)


@transaction.atomic
def cart_remove(*, cart: Cart, product: Product) -> None:
    """Remove a product from the cart. Raises NotInCart if the product is not in it."""
    line = _locked_line(cart=cart, product=product)
    line.delete()
    transaction.on_commit(lambda: metrics.cart_removed(units=line.quantity), robust=True)


def _locked_line(*, cart: Cart, product: Product) -> CartLine:
    Cart.objects.select_for_update().filter(pk=cart.pk).first()
    line = CartLine.objects.filter(cart=cart, product=product).first()
    if line is None:
        raise NotInCart
    return line
