"""Liveness and readiness, for machines."""

from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from health import selectors


@never_cache
@require_safe
def live(request: HttpRequest) -> JsonResponse:
    """Answer as long as this process can: no database, no cache."""
    return JsonResponse({"live": True})


@never_cache
@require_safe
def ready(request: HttpRequest) -> JsonResponse:
    """Answer 200 when orders can be taken, 503 with one line of reason when not."""
    try:
        selectors.require_ready()
    except selectors.NotReady as reason:
        return JsonResponse({"ready": False, "reason": str(reason)}, status=503)
    return JsonResponse({"ready": True})
