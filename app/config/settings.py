"""Pomar's settings, read from the environment. The defaults are safe for production.

Only SECRET_KEY or SECRET_KEY_FILE is required. ImproperlyConfigured is raised if both are missing.
"""

from pathlib import Path

from config import environment
from config.environment import env

APP = Path(__file__).resolve().parent.parent
LAB = APP.parent / ".lab"

DEBUG = env.bool("DEBUG", default=False)
SECRET_KEY = environment.secret_key()
ALLOWED_HOSTS = environment.hosts("SHOP_HOSTS", default="localhost,127.0.0.1")

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django_prometheus",
    "pomar_telemetry",
    "product",
    "cart",
    "checkout",
    "health",
]

MIDDLEWARE = [
    "django_prometheus.middleware.PrometheusBeforeMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_prometheus.middleware.PrometheusAfterMiddleware",
]

# Fault injection, only in a lab. This middleware comes last, so that the metrics include the faults.
LAB_FAULTS_TOKEN = environment.lab_faults_token()
if LAB_FAULTS_TOKEN:
    INSTALLED_APPS.append("faults")
    MIDDLEWARE.append("faults.middleware.LabFaults")

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [APP / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "product.context_processors.categories",
                "cart.context_processors.cart_units",
            ],
        },
    },
]

DATABASES = {"default": environment.database(default_file=LAB / "data" / "shop.sqlite3")}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# Sessions are not kept in the cache: django-prometheus's cache backends lose falsy values, and flushing the cache must
# not empty the visitors' carts.
CACHES = {"default": environment.cache()}
SESSION_ENGINE = "config.sessions"

# Request limits: the shop only has short forms.
DATA_UPLOAD_MAX_MEMORY_SIZE = 256 * 1024
DATA_UPLOAD_MAX_NUMBER_FIELDS = 500
DATA_UPLOAD_MAX_NUMBER_FILES = 1

# NGINX terminates TLS and always overwrites X-Forwarded-Proto, so visitors cannot forge it.
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_SSL_REDIRECT = not DEBUG
SECURE_HSTS_SECONDS = environment.whole_number("HSTS_SECONDS", default=31_536_000)
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_SECONDS > 0
SECURE_HSTS_PRELOAD = SECURE_HSTS_SECONDS > 0
# Browsers send localhost's cookies to every port, so Django's default cookie names would collide with other projects'
# cookies on this machine.
SESSION_COOKIE_NAME = "pomar_session"
CSRF_COOKIE_NAME = "pomar_csrf"
MESSAGE_STORAGE = "config.messages.Storage"
SESSION_COOKIE_SECURE = not DEBUG
CSRF_COOKIE_SECURE = not DEBUG
CSRF_COOKIE_HTTPONLY = True
X_FRAME_OPTIONS = "DENY"

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]

STATIC_URL = "/static/"
STATIC_ROOT = env.str("STATIC_ROOT", default=str(LAB / "static"))
STATICFILES_DIRS = [APP / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.ManifestStaticFilesStorage"},
}

LANGUAGE_CODE = "en"
USE_I18N = False
USE_TZ = True
TIME_ZONE = "UTC"

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {
            "()": "config.log.OneLineFormatter",
            "format": "{asctime} {levelname} {name}: {message}",
            "style": "{",
        },
    },
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": "INFO"},
    "loggers": {
        "django": {"handlers": [], "level": "INFO", "propagate": True},
        # Rejected requests are already in NGINX's access log, and must not be able to flood this log.
        "django.request": {"level": "ERROR"},
        "django.security": {"level": "CRITICAL"},
    },
}

# django-prometheus would set the migration gauges only once, when a worker starts, and export one outdated series per
# process. The metrics process exports them instead.
PROMETHEUS_EXPORT_MIGRATIONS = False
# Additional metrics that the metrics process reads from the database.
TELEMETRY_COLLECTORS = ["product.metrics.StockCollector"]
PROMETHEUS_LATENCY_BUCKETS = (
    *(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 0.75),
    *(1.0, 2.5, 5.0, 10.0, 30.0, float("inf")),
)
