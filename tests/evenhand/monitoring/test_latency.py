"""Latency logs: every unit, both formats, exact percentiles, and clear errors."""

from pathlib import Path

import numpy as np
import pytest

from evenhand.exceptions import DataError
from evenhand.monitoring import latency, read_latencies


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("path,latency_ms\n/a,250\n/b,1000\n", [0.25, 1.0]),
        ("seconds\n0.25\n1\n", [0.25, 1.0]),
        ("path;latency_ms\n/a;250,0\n/b;1000\n", [0.25, 1.0]),
        ("path\tlatency_ms\n/a\t250\n/b\t1000\n", [0.25, 1.0]),
        ('\n{"msg": "start"}\n{"msg": "ready"}\n{"latency_ms": 250}\n{"latency_ms": 1000}\n', [0.25, 1.0]),
        ('{"duration_us": 250000}\n\n{"duration_us": 1000000, "more": 1}\n', [0.25, 1.0]),
    ],
)
def test_every_unit_becomes_seconds(tmp_path: Path, text: str, seconds: list[float]) -> None:
    file = tmp_path / "log"
    file.write_text(text)
    assert read_latencies(file).tolist() == pytest.approx(seconds)


@pytest.mark.parametrize("content", [b"", b'{"seconds": 0.1', b"seconds\n0.1\n0.2 \xe9\n", b"\x1f\x8b\x08\x00packed"])
def test_what_is_no_log_at_all_is_an_error(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "log"
    file.write_bytes(content)
    with pytest.raises(DataError, match="is no latency log: write JSON lines, or CSV with a header, in UTF-8"):
        read_latencies(file)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("when,path\n1,/a\n", "no column of times"),
        ("seconds\n0.1\nslow\n-1\n", "2 of 3 entries are no time"),
        ('{"seconds": 1}\n{"second": 2}\n', "line 2 of"),
        ('{"msg": "start"}\n{"seconds": 1}\n{"msg": "end"}\n', "line 3 of .* has no number 'seconds'"),
        ('{"msg": "start"}\n{"msg": "end"}\n', "no column of times"),
        ("when;latency_ms\n1;1.234,5\n", "1 of 1 entries are no time"),
    ],
)
def test_what_is_no_time_is_an_error(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "log"
    file.write_text(text)
    with pytest.raises(DataError, match=said):
        read_latencies(file)


def test_the_interval_of_a_percentile_covers_it() -> None:
    rng = np.random.default_rng(0)
    truth, covered = np.log(20.0), 0  # the 95th percentile of an exponential distribution
    for _ in range(400):
        found = next(each for each in latency(rng.exponential(size=300)) if each.percentile == 95)
        assert found.low is not None
        covered += found.low <= truth <= (np.inf if found.high is None else found.high)
    assert covered >= 0.93 * 400
