"""Find every fault of a data set in one pass, before training meets it."""

from __future__ import annotations

from contorno.doctor.changes import Change, Mended
from contorno.doctor.check import check_records
from contorno.doctor.mending import mend_path
from contorno.doctor.path import check_path
from contorno.doctor.report import CheckReport, Fault, Place

__all__ = ["Change", "CheckReport", "Fault", "Mended", "Place", "check_path", "check_records", "mend_path"]
