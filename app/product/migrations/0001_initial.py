from decimal import Decimal

import django.core.validators
import django.db.models.deletion
import django_prometheus.models
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = ()

    operations = (
        migrations.CreateModel(
            name="Category",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("slug", models.SlugField(unique=True)),
                ("name", models.CharField(max_length=60)),
                ("position", models.PositiveSmallIntegerField(default=0, help_text="Order in the navigation.")),
            ],
            options={
                "verbose_name_plural": "categories",
                "ordering": ("position", "name"),
            },
            bases=(django_prometheus.models.ExportModelOperationsMixin("category"), models.Model),
        ),
        migrations.CreateModel(
            name="Product",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("slug", models.SlugField(max_length=80, unique=True)),
                ("name", models.CharField(max_length=120)),
                ("description", models.TextField()),
                (
                    "price",
                    models.DecimalField(
                        decimal_places=2,
                        help_text="In euros.",
                        max_digits=7,
                        validators=[django.core.validators.MinValueValidator(Decimal("0.01"))],
                    ),
                ),
                ("unit", models.CharField(help_text="What one unit is, for example 1 kg.", max_length=40)),
                ("stock", models.PositiveIntegerField(default=0, help_text="Units in stock.")),
                (
                    "category",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="products", to="product.category"
                    ),
                ),
            ],
            options={
                "ordering": ("category__position", "name", "pk"),
                "constraints": [
                    models.CheckConstraint(condition=models.Q(("stock__gte", 0)), name="product_stock_not_below_zero"),
                    models.CheckConstraint(condition=models.Q(("price__gt", 0)), name="product_price_above_zero"),
                ],
            },
            bases=(django_prometheus.models.ExportModelOperationsMixin("product"), models.Model),
        ),
    )
