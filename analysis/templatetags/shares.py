"""Numbers as pages write them."""

from django import template

from analysis import wording

register = template.Library()


@register.filter
def percentage(share) -> str:
    """Return a share as a percentage with one digit, without its sign."""
    return wording.percent(share, 1)


@register.filter
def number(value) -> str:
    """Return four figures of a number, so that those of a row end alike; whole ones whole."""
    return str(int(value)) if float(value).is_integer() else f"{value:#.4g}"
