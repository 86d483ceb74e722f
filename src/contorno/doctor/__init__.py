"""Find every fault of a data set in one pass, before training meets it."""

from __future__ import annotations

from contorno.doctor.check import check_records
from contorno.doctor.report import CheckReport, Fault, Place

__all__ = ["CheckReport", "Fault", "Place", "check_records"]
