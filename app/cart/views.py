"""The cart's pages."""

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe
from product.models import MAX_UNITS, Product
from product.views import product_or_404, product_page

from cart import selectors, services
from cart.forms import ProductForm, QuantityForm

NOT_IN_CART = "{product} is no longer in your cart."


@never_cache
@require_safe
def cart_summary(request: HttpRequest) -> HttpResponse:
    """Show the cart and its total."""
    return _cart_page(request)


@require_POST
def cart_add(request: HttpRequest, slug: str) -> HttpResponse:
    """Add units of a product to the cart. Return 400 and the product's page if the quantity is invalid."""
    product = product_or_404(slug)
    form = QuantityForm({"quantity": request.POST.get("quantity", "1")})
    if not form.is_valid():
        return product_page(request, product, problem=form.errors["quantity"][0])
    quantity = form.cleaned_data["quantity"]
    cart = selectors.cart_of(session=request.session)
    try:
        cart = services.cart_add(cart=cart, product=product, quantity=quantity)
    except services.TooManyUnits:
        problem = f"You can order at most {MAX_UNITS} of one product, and your cart already contains some."
        return product_page(request, product, problem=problem)
    if request.session.get(selectors.SESSION_KEY) != cart.pk:
        request.session[selectors.SESSION_KEY] = cart.pk
    messages.success(request, f"Added to your cart: {quantity} \N{MULTIPLICATION SIGN} {product}.")
    return redirect("cart:cart-summary")


@require_POST
def cart_update(request: HttpRequest) -> HttpResponse:
    """Set the quantity of one product. Return 400 and the cart if the quantity is invalid."""
    product = _product_sent(request)
    form = QuantityForm(request.POST)
    if not form.is_valid():
        return _cart_page(request, problem=form.errors["quantity"][0], product=product, status=400)
    cart = selectors.cart_of(session=request.session)
    try:
        if cart is None:
            raise services.NotInCart
        services.cart_update(cart=cart, product=product, quantity=form.cleaned_data["quantity"])
    except services.NotInCart:
        return _cart_page(request, problem=NOT_IN_CART.format(product=product), status=400)
    return redirect("cart:cart-summary")


@require_POST
def cart_remove(request: HttpRequest) -> HttpResponse:
    """Remove one product from the cart. If it is not in the cart, change nothing."""
    product = _product_sent(request)
    cart = selectors.cart_of(session=request.session)
    try:
        if cart is None:
            raise services.NotInCart
        services.cart_remove(cart=cart, product=product)
    except services.NotInCart:
        messages.info(request, NOT_IN_CART.format(product=product))
    else:
        messages.success(request, f"Removed from your cart: {product}.")
    return redirect("cart:cart-summary")


def _product_sent(request: HttpRequest) -> Product:
    form = ProductForm(request.POST)
    if not form.is_valid():
        raise Http404("no such product")
    return get_object_or_404(Product, slug=form.cleaned_data["product"])


def _cart_page(
    request: HttpRequest, *, problem: str = "", product: Product | None = None, status: int = 200
) -> HttpResponse:
    """Show the cart, with ``problem`` next to the line of ``product``, or at the top if there is no such line."""
    lines = selectors.cart_lines(cart=selectors.cart_of(session=request.session))
    context = {
        "lines": lines,
        "total": selectors.cart_total(lines=lines),
        "problem": problem,
        "problem_product": product if product in [line.product for line in lines] else None,
        "typed_quantity": request.POST.get("quantity", ""),
    }
    return render(request, "cart/summary.html", context, status=status)
