"""The endpoints of indicators (contract §3). Parse, ask the reader, answer; nothing is decided here."""

from chiso_indicators.api.create import create_api
from chiso_indicators.api.decisions import Desk

__all__ = ["Desk", "create_api"]
