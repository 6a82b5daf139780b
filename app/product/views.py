"""The catalogue's pages."""

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_safe

from product import selectors, services
from product.forms import SearchForm
from product.models import MOST_UNITS, Category, Product

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
    return product_page(request, product_or_404(slug))


def product_or_404(slug: str) -> Product:
    """The product of that slug; raises Http404 when there is none."""
    return get_object_or_404(selectors.products().select_related("category"), slug=slug)


def product_page(request: HttpRequest, product: Product, *, problem: str = "") -> HttpResponse:
    """The page of a product; 400 when it shows a ``problem`` of the form that was sent from it."""
    context = {
        "product": product,
        "problem": problem,
        "quantity": request.POST.get("quantity", "1"),
        "most_units": MOST_UNITS,
    }
    return render(request, "product/detail.html", context, status=400 if problem else 200)
