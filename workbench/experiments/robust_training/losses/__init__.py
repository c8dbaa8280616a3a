"""Losses for wrong labels, one file each: functions of logits and labels with one value per example, to be averaged."""

from __future__ import annotations
