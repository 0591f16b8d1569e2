"""`python -m roundel` is the command line."""

from roundel.cli.main import main

if __name__ == "__main__":
    main()
