"""Evenhand: a model goes live only with evidence.

The library computes; it knows no orchestrator and no tracking service, and a notebook can use it alone.
"""
