"""What a model costs and whether it is right, as one page of HTML that stands alone: no script, style, font or picture
from elsewhere, and a Content-Security-Policy that would refuse one."""

from __future__ import annotations

from mixcomp_edge.report.page import Scored, render_report, report

__all__ = ["Scored", "render_report", "report"]
