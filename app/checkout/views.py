"""The checkout's pages."""

from cart.selectors import cart_lines, cart_of, cart_total
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from checkout import selectors, services
from checkout.forms import CheckoutForm


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def checkout(request: HttpRequest) -> HttpResponse:
    """Show the checkout form. A valid POST places the order."""
    if request.method == "POST":
        return _place(request)
    if not cart_lines(cart=cart_of(session=request.session)):
        return _back_to_the_empty_cart(request)
    return _checkout_page(request, CheckoutForm.fresh())


@never_cache
@require_safe
def order_detail(request: HttpRequest, reference: str) -> HttpResponse:
    """Show an order to the session that placed it. Return 404 to everyone else."""
    order = selectors.order_of(session=request.session, reference=reference)
    if order is None:
        raise Http404("no such order")
    return render(request, "checkout/order.html", {"order": order})


def _place(request: HttpRequest) -> HttpResponse:
    form = CheckoutForm(request.POST)
    if not form.is_valid():
        return _checkout_page(request, form.with_usable_token(), status=400)
    token = form.cleaned_data.pop("token")
    try:
        order = services.order_place(cart=cart_of(session=request.session), token=token, delivery=form.cleaned_data)
    except services.CartEmpty:
        return _back_to_the_empty_cart(request)
    except services.OutOfStock as refusal:
        return render(request, "checkout/out_of_stock.html", {"shortfalls": refusal.shortfalls}, status=409)
    return redirect(order)


def _back_to_the_empty_cart(request: HttpRequest) -> HttpResponse:
    messages.info(request, "Your cart is empty, so there is nothing to order yet.")
    return redirect("cart:cart-summary")


def _checkout_page(request: HttpRequest, form: CheckoutForm, *, status: int = 200) -> HttpResponse:
    lines = cart_lines(cart=cart_of(session=request.session))
    context = {"form": form, "lines": lines, "total": cart_total(lines=lines)}
    return render(request, "checkout/checkout.html", context, status=status)
