from django.db import models


class Visit(models.Model):
    """One look at the page."""

    at = models.DateTimeField(auto_now_add=True)
    browser = models.CharField(max_length=200, blank=True)

    class Meta:
        ordering = ["-id"]

    def __str__(self):
        return f"visit {self.pk} at {self.at:%Y-%m-%d %H:%M:%S}"
