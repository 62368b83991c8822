"""Pocket Microscope: an offline generator of a personal OpenAI Microscope.

For notebooks: `from generator import open_model, render, survey, open_cache`; see docs/api.md.
"""

# Nothing else: this is imported before files beside a config are kept from taking a module's place.
import sys

__version__ = "0.1.0"

TYPE_CHECKING = False

if TYPE_CHECKING:
    from types import ModuleType

    from generator.api import ChannelEvidence as ChannelEvidence
    from generator.api import Crop as Crop
    from generator.api import Evidence as Evidence
    from generator.api import LayerEvidence as LayerEvidence
    from generator.api import Model as Model
    from generator.api import OpenCache as OpenCache
    from generator.api import Picture as Picture
    from generator.api import Row as Row
    from generator.api import open_cache as open_cache
    from generator.api import open_model as open_model
    from generator.api import survey as survey
else:
    ModuleType = type(sys)

_HANDED_ON = (
    *("ChannelEvidence", "Crop", "Evidence", "LayerEvidence", "Model", "OpenCache", "Picture", "Row"),
    *("open_cache", "open_model", "survey"),
)


class _Package(ModuleType):
    """Hands the Python door on when it is asked for: what the command line needs must not wait for it."""

    def __getattr__(self, name: str) -> object:
        if name not in _HANDED_ON:
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        from generator import api

        return getattr(api, name)

    @property
    def render(self) -> object:
        """The door's function; Python would put the package `generator.render` here once that is imported."""
        from generator.api import render

        return render

    @render.setter
    def render(self, module: object) -> None:
        pass

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), "render", *_HANDED_ON]


sys.modules[__name__].__class__ = _Package
