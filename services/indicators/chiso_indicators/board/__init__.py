"""The board: one page at `/` and the files it is made of (contract §6). `add_board` serves them."""

from chiso_indicators.board.routes import add_board

__all__ = ["add_board"]
