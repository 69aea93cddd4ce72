"""What commands are asked for, read alike by all of them."""

from django.core.management.base import CommandError

from triplets.models import Release


def release_named(name: str) -> Release:
    """Return a release by its name; CommandError lists some that there are."""
    found = Release.objects.filter(name=name).first()
    if found is None:
        known = ", ".join(Release.objects.values_list("name", flat=True)[:20]) or "none yet"
        raise CommandError(f"There is no release {name!r}. Releases: {known}.")
    return found


def add_changes(parser) -> None:
    """Let a command take `--set KEY=VALUE ...`, several at once or one after another, as `changes` for `pairs`."""
    parser.add_argument(
        "--set",
        action="extend",
        nargs="+",
        default=[],
        metavar="KEY=VALUE",
        dest="changes",
        help="Other settings than the recipe's.",
    )


def pairs(changes: list[str]) -> dict[str, str]:
    """Return what --set said, one key=value each."""
    parts = [change.partition("=") for change in changes]
    for change, (key, equals, _) in zip(changes, parts, strict=True):
        if not equals or not key:
            raise CommandError(f"{change!r} is not understood: expected key=value.")
    return {key: value for key, _, value in parts}


def checked_seed(seed: int) -> int:
    if seed < 0:
        raise CommandError(f"--seed is {seed}: expected a whole number from 0.")
    return seed
