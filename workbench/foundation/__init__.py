"""What everything else stands on: errors, checks of arrays, reductions by block, parallel work, devices, progress."""
