"""Tables that are looked at: rows that other code makes."""

from django.contrib import admin
from django.template.response import TemplateResponse


class LookedAt(admin.ModelAdmin):
    """A table that other code fills: rows can be seen, not made, changed or deleted here."""

    page_template = ""

    class Media:
        css = {"all": ["triplets/admin.css"]}
        js = ["triplets/errand.js"]

    def has_add_permission(self, request):
        return False

    def has_change_permission(self, request, obj=None):
        return False

    def has_delete_permission(self, request, obj=None):
        return False

    def page(self, request, row, **context):
        page = {"title": str(row), "opts": self.opts, "row": row, "media": self.media}
        context = {**self.admin_site.each_context(request), **page, **context}
        return TemplateResponse(request, self.page_template, context)

    def access_row(self, request, object_id):
        """Return the row for somebody who may see it, else None; Django's own page then says so."""
        row = self.get_object(request, object_id)
        return row if row is not None and self.has_view_permission(request, row) else None
