"""The endpoints of indicators (contract §3). Parse, ask the reader, answer; nothing is decided here."""

from chiso_indicators.api.create import create_api

__all__ = ["create_api"]
