import django.db.models.deletion
import django_prometheus.models
from django.db import migrations, models

import checkout.models


class Migration(migrations.Migration):
    initial = True

    dependencies = (
        ("cart", "0001_initial"),
        ("product", "0001_initial"),
    )

    operations = (
        migrations.CreateModel(
            name="Order",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "reference",
                    models.CharField(default=checkout.models.new_reference, editable=False, max_length=16, unique=True),
                ),
                (
                    "token",
                    models.UUIDField(
                        editable=False, help_text="Token of the checkout form; one order per token.", unique=True
                    ),
                ),
                ("placed", models.DateTimeField(auto_now_add=True, db_index=True)),
                ("name", models.CharField(max_length=100)),
                ("email", models.EmailField(max_length=254)),
                ("street", models.CharField(max_length=120)),
                ("postal_code", models.CharField(max_length=12)),
                ("city", models.CharField(max_length=80)),
                ("total", models.DecimalField(decimal_places=2, editable=False, help_text="In euros.", max_digits=10)),
                (
                    "cart",
                    models.ForeignKey(
                        editable=False,
                        help_text="The cart that was ordered; only its session may see the order.",
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="orders",
                        to="cart.cart",
                    ),
                ),
            ],
            options={
                "ordering": ("-placed", "-pk"),
            },
            bases=(django_prometheus.models.ExportModelOperationsMixin("order"), models.Model),
        ),
        migrations.CreateModel(
            name="OrderLine",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=120)),
                ("unit", models.CharField(max_length=40)),
                ("price", models.DecimalField(decimal_places=2, help_text="In euros per unit.", max_digits=7)),
                ("quantity", models.PositiveSmallIntegerField()),
                (
                    "order",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="lines", to="checkout.order"
                    ),
                ),
                (
                    "product",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="order_lines",
                        to="product.product",
                    ),
                ),
            ],
            options={
                "ordering": ("pk",),
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("quantity__gte", 1)), name="order_line_quantity_above_zero"
                    )
                ],
            },
            bases=(django_prometheus.models.ExportModelOperationsMixin("order_line"), models.Model),
        ),
    )
