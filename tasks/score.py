"""Score new rows with a registered version."""

from typing import Any

from evenhand.config import Config, ScoreConfig, SourceConfig
from evenhand.config.load import parse_config
from evenhand.data.contract import Contract
from evenhand.data.reading import known_kinds
from evenhand.data.sensitive import Sensitive
from evenhand.data.sources import Parts, open_source
from evenhand.events import Event
from evenhand.exceptions import ModelError, StoreError
from evenhand.explain import LocalExplainer, make_explainer
from evenhand.explain._parts import ORDERS
from evenhand.fairness.served import as_taken
from evenhand.scoring import Inputs, Scorer, score_parts
from evenhand.scoring.output import check_output
from evenhand.scoring.scorer import favorable_class
from evenhand.store import Ref
from tasks.ledger import live_version, load_decided, read_decided
from tasks.step import emit, load_part, note, places_hold, reading, step, table
from tasks.tracking.reading import Registered

__all__ = ["score_rows"]


@step("score", "Holds the rows to the model's data contract, and writes probability, decision and reasons of each.")
def score_rows(
    model: str,
    source: SourceConfig,
    output: str,
    *,
    version: str = "",
    score: ScoreConfig | None = None,
    most_reasons: int | None = None,
    key: str | None = None,
    replace: bool = False,
) -> dict[str, Any]:
    """A Parquet file with the scored rows, and what came of them in figures.

    Parameters
    ----------
    model, version
        The registered version; by default the one that is live by the ledger.
    source
        Where the rows come from. They need the columns of the model's signature and no others; a sensitive attribute
        only where the model takes it.
    output
        The file: a path, or an address that fsspec writes to.
    score
        How reasons are told; by default as in the configuration that the version was trained with.
    most_reasons
        At most so many reasons a row, whatever `score` says; 0 for none.
    key
        The column that names the rows; by default the model's, where the rows have it.
    replace
        Whether a file that is there may be replaced.

    Raises
    ------
    ContractError
        When the rows break what the model's data promised, with every violation; nothing is written then.
    """
    places_hold({"output": output})
    check_output(output, replace=replace)
    known = read_decided(model, version or live_version(model))
    config = parse_config(known.config)
    asked = score if score is not None else config.score
    most = asked.most_reasons if most_reasons is None else most_reasons
    fitted = load_decided(known.model, known.version)
    contract = Contract.from_dict(known.contract)
    sensitive = _sensitive(config)
    inputs = Inputs.of(known.inputs, contract, sensitive)
    with reading(source) as given, open_source(**given, known=known_kinds(contract, sensitive)) as parts:
        scorer = Scorer.of(
            fitted,
            known.inputs,
            favorable_label=config.data.favorable_label,
            explainer=_explainer(fitted, known, config, inputs, parts) if most else None,
            texts=asked.reasons,
            most_reasons=most,
            explain=asked.explain,
        )
        found = score_parts(
            parts,
            inputs,
            scorer,
            output,
            model=known.model,
            version=known.version,
            key=key or _key(config, parts),
            about={"run_id": known.run_id, "file_digest": known.tags["evenhand.file_digest"]},
            min_cell=config.explain.min_cell,
            on_progress=_progress,
        )
    said = {"model": known.model, "version": known.version, "run_id": known.run_id, **found.to_dict()}
    _show(said, config.explain.min_cell)
    note(f"{known.name}, {found.rows:,} rows, digest {found.data_digest[:12]}")
    return said


def _sensitive(config: Config) -> dict[str, Sensitive]:
    return {name: Sensitive.described(name, **how.model_dump()) for name, how in config.data.sensitive.items()}


def _key(config: Config, parts: Parts) -> str | None:
    return config.data.key if config.data.key in parts.columns else None


def _explainer(model: Any, known: Registered, config: Config, inputs: Inputs, parts: Parts) -> LocalExplainer | None:
    """The explainer of the step `explain`: the same method, average case and seed."""
    # A configuration may write a label otherwise than the model has it, and the wrong one would be explained.
    asked: dict[str, Any] = {"favorable_label": favorable_class(model.classes_, config.data.favorable_label)}
    try:
        train = load_part(Ref.from_dict(known.provenance["results"]["develop"]), "train")
    except StoreError as error:
        if inputs.missing(parts.columns):
            return None  # the contract is broken, and will be told in whole
        # Trees carry their average case in their leaves: of the rows only the columns are looked at.
        some = inputs.frame(inputs.promised(next(iter(parts.frames(inputs.columns)))))
        try:
            return make_explainer(model, some, method="tree", **asked)
        except ModelError:
            raise StoreError(
                f"the reasons of {known.name} are told against its training rows, and these are not in this store: "
                "score where EVENHAND_HOME or EVENHAND_STORE has them, or without reasons"
            ) from error
    explain = config.explain
    background = as_taken(model, train).X.loc[:, list(known.inputs)]
    drawn = {"background_rows": explain.background_rows, "orders": ORDERS, "seed": config.seed}
    return make_explainer(model, background, method=explain.method, **asked, **drawn)


def _progress(what: str, done: int, total: int) -> None:
    emit(Event("progress", "score", what, done=done, total=total))


def _show(said: dict[str, Any], min_cell: int) -> None:
    """What came of it on Prefect's page: counts of many rows, and no row."""
    few = f"fewer than {min_cell}"
    rows: list[dict[str, Any]] = [{"what": "rows", "value": f"{said['rows']:,}"}]
    decisions = sorted(said["decisions"].items())
    rows += [{"what": f"decided {label}", "value": f"{n:,}" if n >= min_cell else few} for label, n in decisions]
    if said["unnamed"]:
        rows.append({"what": "without a key of their own", "value": f"{said['unnamed']:,}"})
    if said["mean_probability"] is not None:
        rows.append({"what": "mean probability", "value": f"{said['mean_probability']:.4f}"})
    rows += [{"what": f"reason: {text}", "value": f"{n:,}"} for text, n in said["reasons"].items()]
    table("score", rows, "What came of the scored rows")
