"""URLs for the catalogue."""

from cart.views import cart_add
from django.urls import path

from product import views

app_name = "product"

urlpatterns = [
    path("", views.product_list, name="list"),
    path("category/<slug:category>/", views.product_list, name="list"),
    path("product/<slug:slug>/", views.product_detail, name="detail"),
    path("product/<slug:slug>/add/", cart_add, name="add-to-cart"),
    path("search/", views.product_search, name="search"),
]
