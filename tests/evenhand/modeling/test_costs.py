"""Costs: real measurements of real work; nothing is written, printed, logged or sent."""

import json
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import skops.io as sio
from sklearn.linear_model import LogisticRegression

from evenhand.exceptions import ConfigError, DataError
from evenhand.modeling.costs import measure_costs
from evenhand.modeling.evaluation_plots import plot_latency
from evenhand.modeling.meter import Meter

X = pd.DataFrame({"a": np.arange(50.0)})
MODEL = LogisticRegression().fit(X, np.where(X["a"] > 20, "yes", "no"))


def burn(seconds: float) -> None:
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass


def test_a_model_is_measured() -> None:
    costs = measure_costs(MODEL, X, calls=20, price_per_hour=3.6)
    assert costs.latency_calls == 20
    assert 0 < costs.latency_median_seconds <= costs.latency_p99_seconds
    assert costs.model_bytes == len(sio.dumps(MODEL))
    assert costs.money_per_million_rows == pytest.approx(1e6 / costs.rows_per_second * 0.001)
    assert plot_latency(json.loads(json.dumps(costs.to_dict()))).axes[0].get_xlabel() == "Latency of one row (ms)"


def test_a_model_that_has_been_written_is_not_written_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "model.skops"
    sio.dump(MODEL, file)
    monkeypatch.setattr(sio, "dumps", None)
    assert measure_costs(MODEL, X, calls=1, file=file).model_bytes == file.stat().st_size


def test_latency_is_that_of_the_model() -> None:
    class Slow(LogisticRegression):  # type: ignore[misc]
        def predict(self, X: pd.DataFrame) -> np.ndarray:
            time.sleep(0.02)
            return super().predict(X)

    slow = Slow().fit(X, X["a"] > 20)
    costs = measure_costs(slow, X, calls=5, warmup=1)
    assert 0.02 <= costs.latency_median_seconds < 0.2
    assert costs.rows_per_second < len(X) / 0.02
    assert measure_costs(slow, X, calls=1000, seconds=0.1).latency_calls < 6


def test_what_skops_cannot_write_has_a_reason() -> None:
    model = LogisticRegression().fit(X, X["a"] > 20)
    model.rows_ = (row for row in [])
    costs = measure_costs(model, X, calls=1)
    assert costs.model_reason == "skops cannot write a LogisticRegression"
    assert costs.to_dict()["model_bytes"] is None


def test_processor_seconds_of_this_process_and_its_children() -> None:
    with Meter(energy=False) as meter:
        burn(0.3)
        code = "import time\nwhile time.process_time() < .5: pass"
        subprocess.run([sys.executable, "-c", code], check=True)
    assert 0.75 < meter.reading.cpu_seconds < 1.5
    assert meter.reading.wall_seconds > 0


def test_processor_seconds_of_a_child_that_lives_on() -> None:
    code = "import time\nwhile time.process_time() < .5: pass\nprint(flush=True)\ntime.sleep(60)"
    with Meter(energy=False) as meter:
        child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
        assert child.stdout
        child.stdout.readline()
    child.kill()
    child.communicate()
    assert 0.45 < meter.reading.cpu_seconds < 1.5


def test_peak_memory_sees_what_came_and_went() -> None:
    with Meter(energy=False, interval=0.02) as meter:
        block = np.ones(20_000_000)
        time.sleep(0.3)
        del block
    assert 150e6 < meter.reading.memory_increase_bytes < 400e6
    assert meter.reading.peak_memory_bytes > meter.reading.memory_increase_bytes


def test_money_is_hours_times_the_price() -> None:
    with Meter(energy=False, price_per_hour=7.2, currency="EUR") as meter:
        time.sleep(0.05)
    reading = meter.reading
    assert reading.money == pytest.approx(reading.wall_seconds * 0.002)
    assert reading.to_dict()["energy_kwh"] is None
    assert reading.to_dict()["energy_reason"] == "not asked for"


def test_an_error_inside_passes_and_is_still_measured() -> None:
    meter = Meter(energy=False)
    with pytest.raises(RuntimeError, match="leave its with block"):
        _ = meter.reading
    with pytest.raises(ZeroDivisionError), meter:
        _ = 1 / 0
    assert meter.reading.wall_seconds > 0


def test_energy_is_silent_and_offline(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def refuse(*args: object) -> None:
        raise AssertionError(f"codecarbon reached for the network: {args[1:]}")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.chdir(tmp_path)
    # What a careless environment could switch on; the meter must not follow.
    monkeypatch.setenv("CODECARBON_SAVE_TO_API", "true")
    monkeypatch.setenv("CODECARBON_EMISSIONS_ENDPOINT", "http://example.invalid")
    monkeypatch.setenv("CODECARBON_LOG_LEVEL", "debug")
    pytest.importorskip("codecarbon", reason="the extra energy is not installed")
    Meter.warm_up().join()
    with Meter(country="DEU") as meter:
        burn(0.3)
    with Meter(country="FRA") as other:
        burn(0.3)
    assert list(tmp_path.iterdir()) == []
    assert capfd.readouterr() == ("", "")
    assert meter.reading.energy_kwh > 0
    intensity = [reading.co2_kg / reading.energy_kwh for reading in (meter.reading, other.reading)]
    assert intensity[0] > 2 * intensity[1] > 0  # France's electricity is mostly nuclear


def test_an_unknown_country_has_energy_and_no_co2() -> None:
    pytest.importorskip("codecarbon", reason="the extra energy is not installed")
    with Meter(country="XXX") as meter:
        burn(0.1)
    assert meter.reading.energy_kwh > 0
    assert np.isnan(meter.reading.co2_kg)
    assert "no electricity mix for XXX" in meter.reading.energy_reason


def test_without_the_extra_there_is_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "codecarbon", None)
    with Meter() as meter:
        pass
    assert np.isnan(meter.reading.energy_kwh)
    assert "evenhand[energy]" in meter.reading.energy_reason


def test_wrong_options_are_named_at_once() -> None:
    with pytest.raises(ConfigError, match=r"(?s)'usa' is no ISO code.*-1 is no price.*0 is no interval"):
        Meter(country="usa", price_per_hour=-1, interval=0)
    with pytest.raises(ConfigError, match=r"(?s)calls: 0.*batch_rows: 0"):
        measure_costs(MODEL, X, calls=0, batch_rows=0)
    with pytest.raises(DataError, match="no rows"):
        measure_costs(MODEL, X[:0])
