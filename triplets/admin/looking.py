"""Tables that are looked at: rows that other code makes."""

from django.contrib import admin
from django.template.response import TemplateResponse


def in_words(values) -> str:
    """Return what a JSON field holds as a reader wants it, – where that is nothing.

    >>> in_words({"sex": "female", "happy": 2.6180001}), in_words(["happy", "calm"]), in_words({})
    ('sex female, happy 2.618', 'happy, calm', '–')
    """
    if isinstance(values, dict):
        return ", ".join(f"{name.replace('_', ' ')} {_number(value)}" for name, value in values.items()) or "–"
    return ", ".join(map(str, values or ())) or "–"


def _number(value) -> str:
    if isinstance(value, dict):
        return f"({in_words(value)})"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def worded(name: str, description: str):
    """Return a column or line of the admin that shows the JSON field `name` in words."""

    @admin.display(description=description)
    def shown(self, row):
        return in_words(getattr(row, name))

    return shown


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
