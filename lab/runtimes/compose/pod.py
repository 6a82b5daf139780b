"""The ports inside the containers. They are fixed; ``.env`` sets them only for the host runtime."""

#: The port for each setting. The first two are NGINX's. They are published on the ports set in `.env`.
PORTS = {
    "SHOP_HTTPS_PORT": "8443",
    "SHOP_HTTP_PORT": "8080",
    "APP_PORT": "8000",
    "APP_METRICS_PORT": "8001",
    "APP_STATS_PORT": "1717",
    "NGINX_STATUS_PORT": "8081",
    "EXPORTER_NGINX_PORT": "9113",
    "EXPORTER_UWSGI_PORT": "9117",
    "EXPORTER_ACCESS_LOG_PORT": "3903",
    "EXPORTER_BLACKBOX_PORT": "9115",
}
PUBLISHED = ("SHOP_HTTPS_PORT", "SHOP_HTTP_PORT")
#: The ports that are bound to the pod's loopback interface instead of Prometheus's network.
ON_LOOPBACK = ("APP_STATS_PORT", "NGINX_STATUS_PORT")
#: Settings that are fixed in containers, regardless of their values for the host runtime.
FIXED = {name: port for name, port in PORTS.items() if name not in PUBLISHED}
FIXED |= {"LAB_DATABASE_URL": "", "LAB_CACHE_URL": ""}
