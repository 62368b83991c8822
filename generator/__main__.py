"""`python -m generator` is `build-site`."""

import sys

if __name__ == "__main__":
    # Python puts the current folder first: a user's random.py there would take the place of Python's own.
    if not sys.flags.safe_path:
        sys.path.append(sys.path.pop(0))

    from generator.cli import main

    main()
