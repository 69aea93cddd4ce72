"""`manage.py search RECIPE key=low..high ... --release R`: a random search by the queue, as the admin starts it."""

import json
import sys
import time

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from learning import recipes, selectors, services, sweeps
from learning.config import ConfigInvalid
from learning.management.asked import checked_seed, pairs, release_named
from learning.models import Search
from learning.tasks import train_run
from triplets.counting import counted

POLL_SECONDS = 1.0


class Command(BaseCommand):
    help = "Search settings of a recipe at random, coarse to fine, one run a configuration."

    def add_arguments(self, parser):
        parser.add_argument("recipe", help="As `python -m learning --list` names them.")
        parser.add_argument("ranges", nargs="*", help="key=low..high or key=one|other. None: those of its study.")
        parser.add_argument("--release", required=True, help="Name of the release.")
        parser.add_argument("--rounds", type=int, help="Each draws from ranges of half the width. First 2.")
        parser.add_argument("--trials", type=int, help="Runs of each round. First 8.")
        parser.add_argument(
            "--set",
            action="append",
            default=[],
            metavar="KEY=VALUE",
            dest="changes",
            help="Other settings than the recipe's.",
        )
        parser.add_argument(
            "--coarse", action="append", default=[], metavar="KEY=VALUE", help="All rounds but the last."
        )
        parser.add_argument("--seed", type=int, default=0)
        parser.add_argument("--wait", action="store_true", help="Follow the search to its end.")
        parser.add_argument("--json", action="store_true", help="Print one JSON object as the last line.")

    def handle(self, *, recipe, ranges, release, rounds, trials, changes, coarse, seed, wait, **options):
        seed, row = checked_seed(seed), release_named(release)
        try:
            plan = self._plan(recipe, ranges, pairs(changes), pairs(coarse), rounds, trials)
            with transaction.atomic():
                search, due = services.create_search(row, recipe, seed=seed, **plan)
                for run_pk in due.runs:
                    train_run.delay_on_commit(run_pk)
        except (recipes.RecipeUnknown, ConfigInvalid) as error:
            raise CommandError(str(error)) from error
        if wait:
            self._follow(search)
        state = selectors.search_state(search)
        self.stdout.write(json.dumps(state) if options["json"] else f"{search}: {search.get_status_display()}")
        if search.status == Search.Status.FAILED:
            raise CommandError(f"Search {search.pk} failed: {search.message}")

    def _plan(self, recipe, ranges, changes, coarse, rounds, trials) -> dict:
        """Return what `create_search` takes: what was named, else what the recipe's study did."""
        config = recipes.recipe(recipe).config
        plan = sweeps.Plan((), changes=changes, coarse=coarse) if ranges else sweeps.published_plan(recipe, config)
        return {
            "ranges": ranges or [part.described() for part in plan.space],
            "n_rounds": plan.n_rounds if rounds is None else rounds,
            "n_trials": plan.n_trials if trials is None else trials,
            "changes": {**plan.changes, **changes},
            "coarse": {**plan.coarse, **coarse},
        }

    def _follow(self, search: Search) -> None:
        last = ""
        while search.status == Search.Status.OPEN:
            time.sleep(POLL_SECONDS)
            search.refresh_from_db()
            n_over = sum(run.is_over for run in search.runs.all())
            runs = counted(search.n_rounds * search.n_trials, "run has", "runs have")
            line = f"search {search.pk}: {n_over} of {runs} ended"
            if line != last:
                sys.stderr.write(f"{line}\n")
                last = line
