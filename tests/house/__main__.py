"""Lists what the package breaks of the rules of the house."""

import sys
from pathlib import Path

import roundel
from tests.house.rules import violations

found = violations(Path(roundel.__file__).parent)
for violation in found:
    print(f"{violation.rule}: roundel.{violation.module} {violation.text}")
sys.exit(1 if found else 0)
