"""Batch predictions of a fitted model, with the reasons that a person who is denied can be told."""

from evenhand.scoring.batch import Scored, score_parts
from evenhand.scoring.inputs import Inputs
from evenhand.scoring.reasons import reason_texts
from evenhand.scoring.scorer import Scorer

__all__ = ["Inputs", "Scored", "Scorer", "reason_texts", "score_parts"]
