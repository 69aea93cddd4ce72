"""Counts in sentences: "1 question", "2 questions", "1,234 questions are"."""


def counted(n: int, one: str, many: str = "") -> str:
    """Return a count before its word or words, as they are for one thing or for any other number of things.

    many : what to say of none and of several; empty: `one` with an s.

    >>> counted(1, "gold question"), counted(0, "gold question"), counted(1200, "batch", "batches")
    ('1 gold question', '0 gold questions', '1,200 batches')
    >>> f"{counted(1, 'of them is', 'of them are')} new"
    '1 of them is new'
    """
    return f"{n:,} {one if n == 1 else many or f'{one}s'}"
