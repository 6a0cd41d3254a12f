"""The line that a benchmark prints."""


def print_result(what: str, value: float, unit: str, *, limit: float, details: str, least: bool = False) -> None:
    """`limit`: the highest value allowed; with `least`, the lowest."""
    broken = value < limit if least else value > limit
    allowed = f"{'at least' if least else 'at most'} {limit:g}"
    print(f"{what}: {value:.3g} {unit} ({allowed}{', EXCEEDED' if broken else ''}); {details}", flush=True)
