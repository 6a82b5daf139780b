"""Orders, as the shopkeeper packs them: nothing of what was sold can be changed."""

from django.contrib import admin
from django.http import HttpRequest

from checkout.models import Order, OrderLine


class OrderLineInline(admin.TabularInline):
    """What was sold."""

    model = OrderLine
    fields = readonly_fields = ("name", "unit", "price", "quantity")
    extra = 0
    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj: Order | None = None) -> bool:
        """Never: a sale is finished."""
        return False


@admin.register(Order)
class OrderAdmin(admin.ModelAdmin):
    """Orders, the newest first; the address can be corrected."""

    list_display = ("reference", "placed", "name", "city", "total")
    date_hierarchy = "placed"
    search_fields = ("reference", "name", "email")
    fields = ("reference", "placed", "total", "name", "email", "street", "postal_code", "city")
    readonly_fields = ("reference", "placed", "total")
    inlines = (OrderLineInline,)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Never: orders come from carts."""
        return False
