"""The step form of a model, SPEC.md 7.1: what it makes of a whole sequence, so many frames at a time. It is a graph
like any other, which has as inputs and outputs what one step keeps for the next; so all that serves a graph serves
it."""

from __future__ import annotations

from mixcomp_edge.streaming.derive import STEP_FRAMES, Described, StepForm, described, step_form
from mixcomp_edge.streaming.session import Session
from mixcomp_edge.streaming.whole import check_whole, in_steps

__all__ = ["STEP_FRAMES", "Described", "Session", "StepForm", "check_whole", "described", "in_steps", "step_form"]
