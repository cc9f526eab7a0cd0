"""The typed, validated, pure view of the seed files. `load_catalogue` reads them; nothing else does I/O."""

from chiso_shared.catalogue.agencies import canonical_agency
from chiso_shared.catalogue.calendars import Calendars
from chiso_shared.catalogue.catalogue import Catalogue
from chiso_shared.catalogue.indicators import Indicator
from chiso_shared.catalogue.loading import load_catalogue, parse_catalogue
from chiso_shared.catalogue.obligations import Dataset, Obligation
from chiso_shared.catalogue.periods import HO_CHI_MINH, CodeSpan, Period, parse_code
from chiso_shared.catalogue.problems import CatalogueError, Problem
from chiso_shared.catalogue.published import (
    CellKey,
    PublishedEntry,
    PublishedSubmission,
    published_listing,
    published_submissions,
)
from chiso_shared.catalogue.registers import PublishedFigure, SourceDocument, StatusRule, System, Task
from chiso_shared.catalogue.rules import PLACEHOLDERS, Rule, SeverityLevel
from chiso_shared.catalogue.targets import EVERY_PROVINCE, Target, Targets
from chiso_shared.catalogue.units import Predecessor, Tenure, Unit, Units

__all__ = [
    "EVERY_PROVINCE",
    "HO_CHI_MINH",
    "PLACEHOLDERS",
    "Calendars",
    "Catalogue",
    "CatalogueError",
    "CellKey",
    "CodeSpan",
    "Dataset",
    "Indicator",
    "Obligation",
    "Period",
    "Predecessor",
    "Problem",
    "PublishedEntry",
    "PublishedFigure",
    "PublishedSubmission",
    "Rule",
    "SeverityLevel",
    "SourceDocument",
    "StatusRule",
    "System",
    "Target",
    "Targets",
    "Task",
    "Tenure",
    "Unit",
    "Units",
    "canonical_agency",
    "load_catalogue",
    "parse_catalogue",
    "parse_code",
    "published_listing",
    "published_submissions",
]
