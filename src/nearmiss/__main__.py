"""`python -m nearmiss` is the command `nearmiss`."""

from nearmiss.cli import main

if __name__ == "__main__":
    main()
