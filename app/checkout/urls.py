"""URLs for the checkout."""

from django.urls import path

from checkout import views

app_name = "checkout"

urlpatterns = [
    path("checkout/", views.checkout, name="checkout"),
    path("orders/<str:reference>/", views.order_detail, name="order-detail"),
]
