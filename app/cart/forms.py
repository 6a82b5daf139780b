"""What a visitor asks of a cart."""

from django import forms
from product.models import MOST_UNITS

MESSAGE = f"Please choose a whole number from 1 to {MOST_UNITS}."


class QuantityForm(forms.Form):
    """How many units of a product, from 1 to the most that a cart takes of one."""

    quantity = forms.IntegerField(
        min_value=1,
        max_value=MOST_UNITS,
        error_messages=dict.fromkeys(("invalid", "required", "min_value", "max_value"), MESSAGE),
    )


class ProductForm(forms.Form):
    """Which product, by its slug."""

    product = forms.SlugField(max_length=80)
