"""Logs as JSON lines on stdout, those of the libraries included. Writes no files."""

from __future__ import annotations

import logging
import sys
from typing import Final

import structlog
from structlog.typing import Processor

# Chatty or alarming about what the runtime already reports in one line of its own.
_SPARSE_SECONDS: Final = 30.0
_QUIET: Final = {
    "aiokafka": logging.ERROR,
    "faststream": logging.ERROR,
    "uvicorn.error": logging.WARNING,
    "asyncio": logging.WARNING,
}


class _Sparse(logging.Filter):
    """Lets the same line of aiokafka pass once in a while: during an outage it writes forty a second."""

    def __init__(self) -> None:
        super().__init__()
        self._passed_at: dict[tuple[str, str], float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the line is written."""
        if not record.name.startswith("aiokafka"):
            return True
        line = (record.name, str(record.msg))
        if record.created - self._passed_at.get(line, 0.0) < _SPARSE_SECONDS:
            return False
        self._passed_at[line] = record.created
        return True


def configure_logging(service: str, level: str = "INFO") -> None:
    """Sends every log of this process to stdout, one JSON object a line, with `service` in each.

    `level` is a name of the standard library's levels. Calling it again replaces the configuration.
    """

    def add_service(
        _logger: object, _method: str, event: structlog.typing.EventDict
    ) -> structlog.typing.EventDict:
        event.setdefault("service", service)
        return event

    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        add_service,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[*shared, structlog.stdlib.ExtraAdder()],
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.dict_tracebacks,
            structlog.processors.JSONRenderer(ensure_ascii=False, default=str),
        ],
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    for name, floor in _QUIET.items():
        logging.getLogger(name).setLevel(max(floor, logging.getLevelName(level)))
    handler.addFilter(_Sparse())


def get_logger(name: str) -> structlog.stdlib.BoundLogger:
    """A logger; pass facts as keywords: `log.info("batch applied", records=12)`."""
    logger: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(name)
    return logger
