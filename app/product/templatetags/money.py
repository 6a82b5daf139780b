"""Template filters for prices."""

from decimal import Decimal

from django import template

register = template.Library()


@register.filter
def euro(amount: Decimal) -> str:
    """Format an amount for people: 12.5 becomes €12.50."""
    return f"€{amount:.2f}"


@register.filter
def cents(amount: Decimal) -> str:
    """Format an amount for programs: 12.5 becomes 12.50."""
    return f"{amount:.2f}"
