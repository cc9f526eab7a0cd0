"""Entry of the `chiso` command: runs one command and turns every ending into an exit code and a sentence."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from cyclopts import CycloptsError

from chiso_cli.app import build
from chiso_cli.exits import ALL_WELL, INTERRUPTED, UNEXPECTED, USAGE, CommandFailed, PipeClosed
from chiso_cli.terminal import notes, silence_standard_output


def run(arguments: Sequence[str]) -> int:
    """Runs one command line and gives its exit code; never raises for what people or services do."""
    try:
        code = build(arguments)(list(arguments))
        sys.stdout.flush()
    except CycloptsError as error:
        return _said(f"{error} (`chiso --help`)", USAGE)
    except CommandFailed as failed:
        return _said(failed.message, failed.code)
    except (BrokenPipeError, PipeClosed):
        silence_standard_output()
        return ALL_WELL
    except KeyboardInterrupt:
        return _said("Interrupted.", INTERRUPTED)
    except Exception as error:
        if os.environ.get("CHISO_LOG_LEVEL", "").lower() == "debug":
            raise
        words = f"{type(error).__name__}: {error} (CHISO_LOG_LEVEL=debug shows where)"
        return _said(f"This should not happen: {words}", UNEXPECTED)
    return code if isinstance(code, int) else ALL_WELL


def _said(sentence: str, code: int) -> int:
    notes().print(f"chiso: {sentence}", style="red", markup=False, soft_wrap=True)
    return code


def main() -> None:
    """The console script."""
    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
