"""The command line with the stand-in models: `python -m tests.cli.program ARGS`."""

from roundel.cli.main import main
from tests.standin import install

if __name__ == "__main__":
    install()
    main()
