"""What can go wrong while somebody answers. Each message is a sentence for that person: what happened, what to do."""


class AnnotationError(Exception):
    """`code` is for programs, the message for people."""

    code = "refused"


class LinkInvalid(AnnotationError):
    code = "link_invalid"


class StudyClosed(AnnotationError):
    code = "study_closed"


class ConsentMissing(AnnotationError):
    code = "consent_missing"


class PracticeMissing(AnnotationError):
    code = "practice_missing"


class AnswerInvalid(AnnotationError):
    """The request itself is wrong; asking again in the same way cannot help."""

    code = "answer_invalid"


class AssignmentNotYours(AnnotationError):
    code = "assignment_not_yours"


class AssignmentClosed(AnnotationError):
    code = "assignment_closed"


class StudyError(Exception):
    """A researcher's wish that cannot be met; the message says why."""


class NothingToAsk(StudyError):
    pass


class QuestionsExist(StudyError):
    pass
