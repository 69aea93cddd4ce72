"""Collections, questions, releases and work under way, for researchers."""

from triplets.admin.collections import (
    CollectionAdmin,
    QuestionAdmin,
    QuestionSetAdmin,
    ReleaseAdmin,
    ReleaseTokenAdmin,
    StimulusAdmin,
    SubjectAdmin,
)
from triplets.admin.errands import ErrandAdmin

__all__ = [
    "CollectionAdmin",
    "ErrandAdmin",
    "QuestionAdmin",
    "QuestionSetAdmin",
    "ReleaseAdmin",
    "ReleaseTokenAdmin",
    "StimulusAdmin",
    "SubjectAdmin",
]
