"""The catalogue's pages."""

from cart.forms import QuantityForm
from cart.models import MOST_UNITS
from cart.selectors import SESSION_KEY, cart_of
from cart.services import TooManyUnits, cart_add
from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST, require_safe

from product import selectors, services
from product.forms import SearchForm
from product.models import Category, Product

A_PAGE = 24
MOST_FOUND = 48


@require_safe
def product_list(request: HttpRequest, category: str | None = None) -> HttpResponse:
    """All products, or one category, in pages. The first page has one address: ?page=1 is sent on to it for good."""
    if request.GET.get("page") == "1":
        return redirect(request.path, permanent=True)
    shelf = None if category is None else get_object_or_404(Category, slug=category)
    pages = Paginator(selectors.products(category=category), A_PAGE)
    context = {"shelf": shelf, "everything": shelf is None, "page": pages.get_page(request.GET.get("page"))}
    return render(request, "product/list.html", context)


@require_safe
def product_search(request: HttpRequest) -> HttpResponse:
    """Products that match ?q=; 400 with the reason when it cannot be searched for."""
    form = SearchForm(request.GET)
    context = {"form": form, "typed": request.GET.get("q", "")}
    if not form.is_valid():
        return render(request, "product/search.html", context, status=400)
    text = form.cleaned_data["q"]
    if text:
        context["products"], context["more"] = services.product_search(text=text, most=MOST_FOUND)
    return render(request, "product/search.html", context)


@require_safe
def product_detail(request: HttpRequest, slug: str) -> HttpResponse:
    """One product."""
    return _product_page(request, _product(slug))


@require_POST
def product_add_to_cart(request: HttpRequest, slug: str) -> HttpResponse:
    """Put units of a product into the cart; 400 with the product's page when the quantity makes no sense."""
    product = _product(slug)
    form = QuantityForm({"quantity": request.POST.get("quantity", "1")})
    if not form.is_valid():
        return _product_page(request, product, problem=form.errors["quantity"][0])
    quantity = form.cleaned_data["quantity"]
    try:
        cart = cart_add(cart=cart_of(session=request.session), product=product, quantity=quantity)
    except TooManyUnits:
        return _product_page(
            request, product, problem=f"A cart takes at most {MOST_UNITS} of one product, and yours has some already."
        )
    if request.session.get(SESSION_KEY) != cart.pk:
        request.session[SESSION_KEY] = cart.pk
    messages.success(request, f"{quantity} \N{MULTIPLICATION SIGN} {product} went into your cart.")
    return redirect("cart:cart-summary")


def _product(slug: str) -> Product:
    return get_object_or_404(selectors.products().select_related("category"), slug=slug)


def _product_page(request: HttpRequest, product: Product, *, problem: str = "") -> HttpResponse:
    context = {
        "product": product,
        "problem": problem,
        "quantity": request.POST.get("quantity", "1"),
        "most_units": MOST_UNITS,
    }
    return render(request, "product/detail.html", context, status=400 if problem else 200)
