"""The cart's forms."""

from django import forms
from product.models import MAX_UNITS

MESSAGE = f"Please choose a whole number from 1 to {MAX_UNITS}."


class QuantityForm(forms.Form):
    """The number of units of a product, from 1 to MAX_UNITS."""

    quantity = forms.IntegerField(
        min_value=1,
        max_value=MAX_UNITS,
        error_messages=dict.fromkeys(("invalid", "required", "min_value", "max_value"), MESSAGE),
    )


class ProductForm(forms.Form):
    """A product's slug."""

    product = forms.SlugField(max_length=80)
