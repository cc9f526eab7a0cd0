"""Prints from where the services are imported: a check of the checks."""

import chiso_indicators
import chiso_shared

if __name__ == "__main__":
    print(*chiso_indicators.__path__, *chiso_shared.__path__, sep="\n")
