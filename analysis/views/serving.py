"""How pages and files of reports are answered: cached where anybody may read them, never stored where not."""

import hashlib

from django.http import HttpResponse
from django.urls import reverse
from django.utils.cache import get_conditional_response, patch_cache_control
from django.utils.http import quote_etag

# Short, because a withdrawn report should soon be gone from caches as well.
MAX_AGE_SECONDS = 60


def download(content, name: str, content_type: str, *, is_public: bool) -> HttpResponse:
    """Answer with a file that a browser keeps and never opens within the site."""
    response = HttpResponse(
        content, content_type=content_type, headers={"Content-Disposition": f'attachment; filename="{name}"'}
    )
    return marked(response, is_public=is_public)


def newer_notice(found, newer, page_at: str) -> dict | None:
    """Return what is said above a version that has a newer one, for reports on networks and on studies alike."""
    return newer and {
        "text": f"This is version {found.version}, kept as it was.",
        "href": reverse(page_at, args=[newer.address]),
        "link": f"Version {newer.version} is newer.",
    }


def cached(request, response, *, is_public):
    """Answer "not modified" to a browser that has this very page; drafts are never stored."""
    marked(response, is_public=is_public)
    if not is_public:
        return response
    etag = quote_etag(hashlib.sha256(response.content).hexdigest()[:32])
    response["ETag"] = etag
    return get_conditional_response(request, etag=etag, response=response)


def marked(response, *, is_public):
    if is_public:
        patch_cache_control(response, public=True, max_age=MAX_AGE_SECONDS)
    else:
        patch_cache_control(response, private=True, no_store=True)
    return response
