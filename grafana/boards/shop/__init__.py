"""The shop as its keeper sees it: from a product's page to an order, money, carts, stock and searches."""

from grafana.boards.dashboard import Dashboard, Row
from grafana.boards.shop import carts, orders, searches, steps, stock


def build() -> Dashboard:
    """Return the dashboard."""
    return Dashboard(
        uid="pomar-shop",
        title="Shop",
        description="What the shop's keeper asks: from a product's page to an order, money, carts, stock and searches.",
        of="pomar_database_up",
        rows=(
            Row(
                "Now",
                (
                    orders.rate(),
                    orders.revenue(),
                    carts.conversion(),
                    orders.refused_for_stock(),
                    stock.products_sold_out(),
                    stock.database(),
                ),
            ),
            Row(
                "From a product to an order", (steps.in_the_time_shown(), steps.over_time(), steps.from_step_to_step())
            ),
            Row(
                "Orders and money",
                (
                    orders.by_outcome(),
                    orders.checkouts_without_an_order(),
                    orders.revenue_over_time(),
                    orders.value(),
                    orders.all_values(),
                ),
            ),
            Row(
                "Carts", (carts.size_of_an_order(), carts.units_by_action(), carts.carts_and_orders(), carts.refused())
            ),
            Row("Sales and stock", (stock.units_sold(), stock.units(), stock.lasts(), stock.sold_out())),
            Row("Searches", (searches.by_outcome(), searches.share_in_vain())),
        ),
    )
