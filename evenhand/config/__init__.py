"""The configuration: one frozen pydantic model a step; pydantic stays in here."""

from evenhand.config._roots import check_places
from evenhand.config._rows import check_rows
from evenhand.config._secrets import redact, secret_in
from evenhand.config.audit import AuditConfig
from evenhand.config.card import CardConfig
from evenhand.config.data import DataConfig, SensitiveConfig, SourceConfig
from evenhand.config.evaluate import EvaluateConfig
from evenhand.config.explain import ExplainConfig
from evenhand.config.gate import GateConfig, PlanConfig
from evenhand.config.load import config_digest, config_schema, load_config, parse_config
from evenhand.config.mitigate import MitigateConfig
from evenhand.config.monitor import MonitorConfig
from evenhand.config.record import RecordConfig
from evenhand.config.robustness import RobustnessConfig
from evenhand.config.root import Config
from evenhand.config.score import ScoreConfig
from evenhand.config.search import SearchConfig
from evenhand.config.serve import NO_SOURCE, ServedModel, Service, load_service
from evenhand.config.service import (
    FORM,
    ScheduleConfig,
    ServedModelConfig,
    ServedMonitorConfig,
    ServedScoreConfig,
    ServiceConfig,
)
from evenhand.config.split import SplitConfig
from evenhand.config.weight import WeightConfig

__all__ = [
    "FORM",
    "NO_SOURCE",
    "AuditConfig",
    "CardConfig",
    "Config",
    "DataConfig",
    "EvaluateConfig",
    "ExplainConfig",
    "GateConfig",
    "MitigateConfig",
    "MonitorConfig",
    "PlanConfig",
    "RecordConfig",
    "RobustnessConfig",
    "ScheduleConfig",
    "ScoreConfig",
    "SearchConfig",
    "SensitiveConfig",
    "ServedModel",
    "ServedModelConfig",
    "ServedMonitorConfig",
    "ServedScoreConfig",
    "Service",
    "ServiceConfig",
    "SourceConfig",
    "SplitConfig",
    "WeightConfig",
    "check_places",
    "check_rows",
    "config_digest",
    "config_schema",
    "load_config",
    "load_service",
    "parse_config",
    "redact",
    "secret_in",
]
