"""The base of all other packages: errors, checks of arrays, blockwise reductions, parallel work, devices, progress."""
