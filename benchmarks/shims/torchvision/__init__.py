"""A stand-in for torchvision, of which Lucent imports `transforms.Normalize` and `models`.

For machines on which no torchvision fits the installed torch (this benchmark needs none of its networks).
"""

__version__ = "0.0.0+shim"
