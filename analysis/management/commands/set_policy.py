"""`manage.py set_policy STUDY --recipe R --every N`: let a study retrain by itself."""

import json

from django.core.management.base import BaseCommand, CommandError

from analysis.services.policies import set_policy, switch_off
from annotation.models import Study
from learning import recipes


class Command(BaseCommand):
    help = "Freeze, retrain, evaluate and add a point to the growth curve after every N newly settled questions."

    def add_arguments(self, parser):
        parser.add_argument("study", help="Name of a study.")
        parser.add_argument("--recipe", help=f"As `python -m learning --list` names them. First {recipes.DEFAULT}.")
        parser.add_argument("--every", type=int, help="Newly settled questions between trainings. First 100.")
        parser.add_argument(
            "--set", action="extend", nargs="+", metavar="KEY=VALUE", dest="changes", help="Against the recipe."
        )
        parser.add_argument("--seed", type=int)
        parser.add_argument("--warm-start", action="store_true", help="Begin with the weights of the last training.")
        parser.add_argument("--publish", action="store_true", help="Publish each report without its being read first.")
        parser.add_argument("--off", action="store_true", help="Begin nothing new.")
        parser.add_argument("--json", action="store_true", help="Print one JSON object as the last line.")

    def handle(self, *, study, off, **options):
        row = Study.objects.filter(name=study).first()
        if row is None:
            known = ", ".join(Study.objects.values_list("name", flat=True)[:20]) or "none yet"
            raise CommandError(f"There is no study {study!r}. Studies: {known}.")
        policy = getattr(row, "retraining_policy", None)
        if off and policy is None:
            raise CommandError(f"Study {study} has no policy to switch off.")
        policy = switch_off(policy) if off else self._set(row, policy, **options)
        state = {
            "study": row.name, "recipe": policy.recipe, "changes": policy.changes, "seed": policy.seed,
            "every": policy.every, "publishes": policy.publishes, "warm_start": policy.warm_start,
            "is_active": policy.is_active, "n_points": row.growth_points.count(),
        }  # fmt: skip
        does = f"trains {policy.recipe} after every {policy.every} newly settled questions"
        does += " and publishes the report" if policy.publishes else " and leaves the report a draft"
        told = "begins nothing new" if off else does
        self.stdout.write(json.dumps(state) if options["json"] else f"{row.name} {told}.")

    def _set(self, study, policy, *, recipe, every, changes, seed, publish, warm_start, **options):
        """Set what was named; what was not stays as it is, but for switches, which must be said each time."""
        pairs = [change.partition("=") for change in changes or ()]
        for key, equals, value in pairs:
            if not key or not equals:
                raise CommandError(f"--set {key}{equals}{value!r} is not understood: expected key=value.")
        if seed is not None and seed < 0:
            raise CommandError(f"--seed is {seed}: expected a whole number from 0.")
        settings = {key: value for key, _, value in pairs}
        if changes is None and policy and recipe in (None, policy.recipe):
            settings = policy.changes
        try:
            return set_policy(
                study,
                recipe or (policy.recipe if policy else recipes.DEFAULT),
                every if every is not None else (policy.every if policy else 100),
                changes=settings,
                seed=seed if seed is not None else (policy.seed if policy else 0),
                publishes=publish,
                warm_start=warm_start,
            )
        except (recipes.RecipeUnknown, ValueError) as error:
            raise CommandError(str(error)) from error
