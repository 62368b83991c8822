"""No networks: the benchmark brings its own."""

__all__: list[str] = []
