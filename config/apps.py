"""The composition root as Django applications: the admin site, and the rights of researchers."""

from django.apps import AppConfig, apps
from django.contrib.admin.apps import AdminConfig
from django.db.models.signals import post_migrate


class SemblanceAdminConfig(AdminConfig):
    default_site = "config.admin.SemblanceAdminSite"


def name_counts_plainly(model) -> None:
    """Let pages call a count `n_responses` "responses". Only where no name was given; migrations do not see it."""
    for field in model._meta.local_fields:
        if field.name.startswith("n_") and field._verbose_name is None:
            field.verbose_name = field.name.removeprefix("n_").replace("_", " ")


class ConfigConfig(AppConfig):
    name = "config"

    def ready(self):
        from config.admin import grant_researchers

        for label in ("triplets", "annotation", "learning", "analysis"):
            for model in apps.get_app_config(label).get_models():
                name_counts_plainly(model)
        # `analysis` is the last of our applications: by then every permission of the house exists.
        post_migrate.connect(grant_researchers, sender=apps.get_app_config("analysis"))
