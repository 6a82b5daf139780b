"""The shop's URLs. URL names are used as metric labels, so renaming one changes the metrics contract."""

from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("", include("product.urls")),
    path("cart/", include("cart.urls")),
    path("", include("checkout.urls")),
    path("health/", include("health.urls")),
    path("admin/", admin.site.urls),
]

handler400 = "config.errors.bad_request"
handler403 = "config.errors.permission_denied"
handler404 = "config.errors.page_not_found"
handler500 = "config.errors.shop_failed"
