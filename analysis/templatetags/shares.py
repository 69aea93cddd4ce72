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
    """Return four figures of a number, so that those of a row end alike; whole ones whole.

    >>> number(0.75), number(-1200.5), number(60), number(12345.6)
    ('0.7500', '−1,200', '60', '12,346')
    """
    is_whole = float(value).is_integer() or 1000 <= abs(value) < 1e9
    text = f"{value:,.0f}" if is_whole else f"{value:#.4g}"
    return text.replace("-", "\u2212")
