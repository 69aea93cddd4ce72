"""Published reports for programs. The numbers of one: `/api/reports/<address>/results.json`."""

from rest_framework import generics, serializers
from rest_framework.pagination import CursorPagination
from rest_framework.permissions import AllowAny

from analysis import selectors
from analysis.models import Report


class ReportSerializer(serializers.ModelSerializer):
    release = serializers.CharField(source="evaluation.release.name")
    release_sha256 = serializers.CharField(source="evaluation.release.sha256")
    headline = serializers.CharField(allow_null=True)
    page = serializers.HyperlinkedIdentityField("analysis:report", lookup_field="address")
    results = serializers.HyperlinkedIdentityField("analysis:api-report-results", lookup_field="address")

    class Meta:
        model = Report
        fields = [
            "address",
            "title",
            "note",
            "headline",
            "published_at",
            "release",
            "release_sha256",
            "sha256",
            "page",
            "results",
        ]


class NewestFirst(CursorPagination):
    ordering = ("-published_at", "-pk")


class ReportList(generics.ListAPIView):
    """Published reports, newest first. Open to everybody, as the pages are."""

    authentication_classes = ()
    permission_classes = (AllowAny,)
    serializer_class = ReportSerializer
    pagination_class = NewestFirst

    def get_queryset(self):
        return selectors.published_reports()
