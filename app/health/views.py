"""Liveness and readiness endpoints."""

from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from health import selectors


@never_cache
@require_safe
def live(request: HttpRequest) -> JsonResponse:
    """Return 200 as long as this process responds. Uses neither the database nor the cache."""
    return JsonResponse({"live": True})


@never_cache
@require_safe
def ready(request: HttpRequest) -> JsonResponse:
    """Return 200 if the shop can take orders, otherwise 503 with the reason in one line."""
    try:
        selectors.require_ready()
    except selectors.NotReady as reason:
        return JsonResponse({"ready": False, "reason": str(reason)}, status=503)
    return JsonResponse({"ready": True})
