"""Admin pages for the catalogue."""

from django.contrib import admin

from product.models import Category, Product

admin.site.site_header = "Pomar"
admin.site.site_title = "Pomar"
admin.site.index_title = "Shop administration"


@admin.register(Category)
class CategoryAdmin(admin.ModelAdmin):
    """Categories, in navigation order."""

    list_display = ("name", "slug", "position")
    prepopulated_fields = {"slug": ("name",)}  # noqa: RUF012


@admin.register(Product)
class ProductAdmin(admin.ModelAdmin):
    """Products. Their stock can be edited in the list itself."""

    list_display = ("name", "category", "price", "unit", "stock")
    list_editable = ("stock",)
    list_filter = ("category",)
    list_select_related = ("category",)
    list_per_page = 50
    search_fields = ("name", "slug", "description")
    prepopulated_fields = {"slug": ("name",)}  # noqa: RUF012
