"""`python -m generator` is `build-site`."""

from generator.cli import main

if __name__ == "__main__":
    main()
