"""URLs for the cart."""

from django.urls import path

from cart import views

app_name = "cart"

urlpatterns = [
    path("", views.cart_summary, name="cart-summary"),
    path("update/", views.cart_update, name="update"),
    path("remove/", views.cart_remove, name="remove"),
]
