"""A server of the page on this machine."""

from pathlib import Path
from typing import TYPE_CHECKING

from roundel.errors import RoundelError
from roundel.viewer.site import Site

if TYPE_CHECKING:
    from starlette.applications import Starlette

TYPES = {".json": "application/json", ".png": "image/png", ".rndl": "image/x-roundel"}


def application(site: Site, static: Path) -> "Starlette":
    """The site as an ASGI application: answers ranges of files, and makes the rest when it is asked for.

    Only requests that name this machine by its own name are answered, so that no page from elsewhere can read files
    through a name that it points here.

    Args:
        static: the folder with the page.
    """
    from starlette.applications import Starlette
    from starlette.middleware import Middleware
    from starlette.middleware.trustedhost import TrustedHostMiddleware
    from starlette.requests import Request
    from starlette.responses import FileResponse, PlainTextResponse, Response
    from starlette.routing import Mount, Route
    from starlette.staticfiles import StaticFiles

    files = site.files()

    def answer(request: Request) -> Response:
        path = request.url.path.lstrip("/")
        headers = {"cache-control": "no-store"}  # the same address shows something else tomorrow
        kind = TYPES.get(Path(path).suffix, "application/octet-stream")
        if path in files:
            return FileResponse(files[path], media_type=kind, headers=headers)
        if path not in site.made:
            return PlainTextResponse("not here", 404)
        try:
            return Response(site.made[path](), media_type=kind, headers=headers)
        except RoundelError as error:
            return PlainTextResponse(str(error), 422, headers)

    own = ["/view.json", "/files/{rest}", "/originals/{rest}", "/figures/{rest}", "/decoder/weights/{rest}"]
    return Starlette(
        routes=[
            *(Route(path, answer, methods=["GET"]) for path in own),
            Mount("/", StaticFiles(directory=static, html=True)),
        ],
        middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=["127.0.0.1", "localhost"])],
    )
