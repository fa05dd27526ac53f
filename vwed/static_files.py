"""Static files from the installed packages, answered whole.

WhiteNoise streams files with a synchronous iterator, which an ASGI server has to read in a thread, with a warning for
each. The largest file here has 300 KB: one string is cheaper.
"""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from whitenoise.middleware import WhiteNoiseMiddleware
from whitenoise.responders import StaticFile


class StaticFiles(WhiteNoiseMiddleware):
    """WhiteNoise with complete answers."""

    @staticmethod
    def serve(static_file: StaticFile, request: HttpRequest) -> HttpResponse:
        """Answer with the file, or with what its headers allow (304, a range, HEAD)."""
        found = static_file.get_response(request.method, request.META)
        if found.file is None:
            response = HttpResponse(status=int(found.status))
        else:
            with found.file as file:
                response = HttpResponse(file.read(), status=int(found.status))
        del response["content-type"]
        for name, value in found.headers:
            response[name] = value
        if found.file is not None:
            # Sizes were noted at the start; a file that was replaced since then has another one.
            response["Content-Length"] = str(len(response.content))
        return response
