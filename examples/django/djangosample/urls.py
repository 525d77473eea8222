from django.urls import path

from visits.views import page

urlpatterns = [path("", page, name="page")]
