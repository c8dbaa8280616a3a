"""The version of the installed package."""

from importlib.metadata import PackageNotFoundError, version

try:
    VERSION = version("label-workbench")
except PackageNotFoundError:  # used from a source tree that was not installed
    VERSION = "0+unknown"
