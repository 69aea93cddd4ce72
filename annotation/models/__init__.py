from annotation.models.annotator import Annotator, Participation
from annotation.models.assignment import Assignment, Presentation, Slot
from annotation.models.consensus import Consensus, ReplacementDecision
from annotation.models.imported_file import ImportedFile
from annotation.models.payment import Budget, OutboxEntry
from annotation.models.posting import Posting, Submission
from annotation.models.response import Response
from annotation.models.study import Batch, BatchQuestion, ConsentText, Study

__all__ = [
    "Annotator",
    "Assignment",
    "Batch",
    "BatchQuestion",
    "Budget",
    "Consensus",
    "ConsentText",
    "ImportedFile",
    "OutboxEntry",
    "Participation",
    "Posting",
    "Presentation",
    "ReplacementDecision",
    "Response",
    "Slot",
    "Study",
    "Submission",
]
