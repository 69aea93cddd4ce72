"""Work under way: begun by a button elsewhere, watched here and on the page of its study."""

from django.contrib import admin
from django.http import Http404, JsonResponse
from django.urls import path, reverse
from django.views.decorators.http import require_safe

from triplets.admin.looking import LookedAt
from triplets.models import Errand
from triplets.services.errands import create_errand, queue_of
from triplets.tasks import do_errand


def begin(request, kind: str, uploads=None, **fields) -> Errand:
    """Create an errand of the researcher and wake a worker."""
    errand = create_errand(kind, uploads, created_by=request.user, **fields)
    do_errand.apply_async_on_commit([errand.pk], queue=queue_of(errand))
    return errand


def shown_errand(errand: Errand) -> dict:
    """What a page shows of an errand, as JSON."""
    target = errand.release or errand.collection
    link = None
    if target is not None and errand.is_over:
        kind = target._meta.model_name
        words = f"Open {target}" if kind == "release" else f"See the faces of {target}"
        link = {"url": reverse(f"admin:triplets_{kind}_change", args=[target.pk]), "words": words}
    elif errand.status == Errand.Status.FAILED and errand.kind == Errand.Kind.STIMULI:
        again = reverse("admin:triplets_collection_add") + f"?again={errand.pk}"
        link = {"url": again, "words": "Correct the files and import again"}
    return {
        "status": errand.status,
        "label": errand.get_status_display(),
        "doing": errand.doing,
        "n_done": errand.n_done,
        "n_all": errand.n_all,
        "message": errand.message,
        "link": link,
        "is_over": errand.is_over,
    }


@admin.register(Errand)
class ErrandAdmin(LookedAt):
    list_display = ["what", "question_set", "status", "created_by", "created_at", "finished_at"]
    list_display_links = ["what"]
    list_filter = ["kind", "status"]
    list_select_related = ["question_set", "created_by", "collection", "release"]
    show_full_result_count = False
    page_template = "triplets/errand.html"

    @admin.display(description="what", ordering="kind")
    def what(self, errand):
        return errand.get_kind_display()

    def get_urls(self):
        view = self.admin_site.admin_view(require_safe(self.progress_view))
        return [path("<int:pk>/progress/", view, name="triplets_errand_progress"), *super().get_urls()]

    def progress_view(self, request, pk):
        if (errand := self.access_row(request, str(pk))) is None:
            raise Http404
        return JsonResponse(shown_errand(errand), headers={"Cache-Control": "no-store"})

    def change_view(self, request, object_id, form_url="", extra_context=None):
        if (row := self.access_row(request, object_id)) is None:
            return super().change_view(request, object_id, form_url, extra_context)
        return self.page(request, row, errands=[(row, shown_errand(row))])
