"""Admin pages for orders. The products in an order cannot be changed there."""

from django.contrib import admin
from django.http import HttpRequest

from checkout.models import Order, OrderLine


class OrderLineInline(admin.TabularInline):
    """The products of an order, read-only."""

    model = OrderLine
    fields = readonly_fields = ("name", "unit", "price", "quantity")
    extra = 0
    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj: Order | None = None) -> bool:
        """Forbid adding lines to an order."""
        return False


@admin.register(Order)
class OrderAdmin(admin.ModelAdmin):
    """Orders, newest first. Only the customer's name, e-mail and address can be edited."""

    list_display = ("reference", "placed", "name", "city", "total")
    date_hierarchy = "placed"
    search_fields = ("reference", "name", "email")
    fields = ("reference", "placed", "total", "name", "email", "street", "postal_code", "city")
    readonly_fields = ("reference", "placed", "total")
    inlines = (OrderLineInline,)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Forbid adding orders, because only the checkout creates them."""
        return False
