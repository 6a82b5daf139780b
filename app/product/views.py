"""The catalogue's pages."""

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_safe

from product import selectors, services
from product.forms import SearchForm
from product.models import MAX_UNITS, Category, Product

PAGE_SIZE = 24
MAX_RESULTS = 48


@require_safe
def product_list(request: HttpRequest, category: str | None = None) -> HttpResponse:
    """List all products, or one category's products, page by page. ``?page=1`` redirects to the URL without a page."""
    if request.GET.get("page") == "1":
        return redirect(request.path, permanent=True)
    shelf = None if category is None else get_object_or_404(Category, slug=category)
    pages = Paginator(selectors.products(category=category), PAGE_SIZE)
    context = {"shelf": shelf, "everything": shelf is None, "page": pages.get_page(request.GET.get("page"))}
    return render(request, "product/list.html", context)


@require_safe
def product_search(request: HttpRequest) -> HttpResponse:
    """Show the products that match ``?q=``. Return 400 with the reason if the text is invalid."""
    form = SearchForm(request.GET)
    context = {"form": form, "typed": request.GET.get("q", "")}
    if not form.is_valid():
        return render(request, "product/search.html", context, status=400)
    text = form.cleaned_data["q"]
    if text:
        context["products"], context["more"] = services.product_search(text=text, limit=MAX_RESULTS)
    return render(request, "product/search.html", context)


@require_safe
def product_detail(request: HttpRequest, slug: str) -> HttpResponse:
    """Show one product."""
    return product_page(request, product_or_404(slug))


def product_or_404(slug: str) -> Product:
    """Return the product with this slug. Raises Http404 if it does not exist."""
    return get_object_or_404(selectors.products().select_related("category"), slug=slug)


def product_page(request: HttpRequest, product: Product, *, problem: str = "") -> HttpResponse:
    """Show a product's page. If there is a ``problem`` with the submitted form, show it and return 400."""
    context = {
        "product": product,
        "problem": problem,
        "quantity": request.POST.get("quantity", "1"),
        "max_units": MAX_UNITS,
    }
    return render(request, "product/detail.html", context, status=400 if problem else 200)
