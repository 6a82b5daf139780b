"""How prices are written."""

from decimal import Decimal

from django import template

register = template.Library()


@register.filter
def euro(amount: Decimal) -> str:
    """An amount as people read it: 12.5 becomes €12.50."""
    return f"€{amount:.2f}"


@register.filter
def cents(amount: Decimal) -> str:
    """An amount as programs read it: 12.5 becomes 12.50."""
    return f"{amount:.2f}"
