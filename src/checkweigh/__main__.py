"""The command line for whoever starts the package itself: `python -m checkweigh` is `checkweigh`."""

from .cli import main

if __name__ == "__main__":
    main()
