from django.apps import AppConfig


class TripletsConfig(AppConfig):
    name = "triplets"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self):
        from triplets.services import uploads  # noqa: F401 - registers what it does
