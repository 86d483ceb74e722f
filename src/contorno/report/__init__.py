"""One self-contained HTML file about a training."""

from __future__ import annotations

from contorno.report.page import Report, ReportImage, to_html, write_report

__all__ = ["Report", "ReportImage", "to_html", "write_report"]
