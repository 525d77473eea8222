from django.db import ProgrammingError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from .models import Visit


def page(request: HttpRequest) -> HttpResponse:
    """Writes a visit and shows the latest; says what to do where the table is missing."""
    try:
        visit = Visit.objects.create(
            browser=request.headers.get("User-Agent", "")[:200]
        )
    except ProgrammingError:
        return render(request, "visits/unmigrated.html")
    visits = Visit.objects.all()[:10]
    return render(request, "visits/page.html", {"visit": visit, "visits": visits})
