from django.urls import path

from analysis import api, views

app_name = "analysis"
urlpatterns = [
    path("", views.home, name="home"),
    path("reports/<str:address>/", views.report, name="report"),
    path("reports/<str:address>/file", views.report_file, name="report-file"),
    path("reports/<str:address>/results.json", views.report_results, name="report-results"),
    path("reports/<str:address>/files.zip", views.report_zip, name="report-zip"),
    path("reports/<str:address>/files/<str:name>", views.report_member, name="report-member"),
    path("reports/<str:address>/faces/<int:number>.jpg", views.report_faces, name="report-faces"),
    path("studies/<str:address>/", views.study, name="study"),
    path("studies/<str:address>/file", views.study_file, name="study-file"),
    path("studies/<str:address>/results.json", views.study_results, name="study-results"),
    path("studies/<str:address>/files.zip", views.study_zip, name="study-zip"),
    path("studies/<str:address>/files/<path:name>", views.study_member, name="study-member"),
    path("compare/", views.compare, name="compare"),
    path("api/reports/", api.ReportList.as_view(), name="reports"),
    path("api/reports/<str:address>/results.json", views.report_results, name="api-report-results"),
]
