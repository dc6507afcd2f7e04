"""`python -m iam`: the same as `iam`."""

from iam.cli import main

if __name__ == "__main__":
    main()
