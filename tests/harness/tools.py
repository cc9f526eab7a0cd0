"""Programs that some tests need and pip cannot bring: promtool and prometheus, Chromium."""

from __future__ import annotations

import os
import shutil

import pytest


def required_tool(package: str, *names: str) -> str:
    """Path of the first program of `names`; without it the test fails in CI (`CHISO_CI`), else it is skipped.

    `package` is the Debian package that has it.
    """
    for name in names:
        found = shutil.which(name)
        if found:
            return found
    sentence = f"{names[0]} is missing: install it to run this test (Debian: apt-get install {package})"
    if os.environ.get("CHISO_CI"):
        pytest.fail(sentence, pytrace=False)
    pytest.skip(sentence)
