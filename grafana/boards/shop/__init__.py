"""The Shop dashboard, with the business metrics: conversion, orders, revenue, carts, stock and searches."""

from grafana.boards.dashboard import Dashboard, Row
from grafana.boards.shop import carts, funnel, orders, searches, stock


def build() -> Dashboard:
    """Return the dashboard."""
    return Dashboard(
        uid="pomar-shop",
        title="Shop",
        description="The shop's business metrics: conversion, orders, revenue, carts, stock and searches.",
        of="pomar_database_up",
        rows=(
            Row(
                "At a glance",
                (
                    orders.rate(),
                    orders.revenue(),
                    carts.conversion(),
                    orders.out_of_stock(),
                    stock.products_sold_out(),
                    stock.database(),
                ),
            ),
            Row("Conversion", (funnel.totals(), funnel.over_time(), funnel.from_step_to_step())),
            Row(
                "Orders and revenue",
                (
                    orders.by_outcome(),
                    orders.rejected_checkouts(),
                    orders.revenue_over_time(),
                    orders.value(),
                    orders.value_heatmap(),
                ),
            ),
            Row("Carts", (carts.order_size(), carts.units_by_action(), carts.carts_and_orders(), carts.rejected())),
            Row("Sales and stock", (stock.units_sold(), stock.units(), stock.time_left(), stock.sold_out_over_time())),
            Row("Searches", (searches.by_outcome(), searches.share_without_results())),
        ),
    )
