"""An Explorer without Python: one HTML file that opens anywhere, and a still picture for pages without widgets."""
