#!/usr/bin/env bash
# Make .venv and install what requirements.lock names, once for each lock: exact versions, checked hashes.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
python=${PYTHON:-python3}
stamp=.venv/installed.sha256
want=$(cat requirements.lock pyproject.toml deployments/install.sh | sha256sum | cut -d' ' -f1)
if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$want" ]; then touch "$stamp"; exit 0; fi

"$python" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' || {
  echo "Evenhand needs Python 3.11, 3.12 or 3.13; '$python' is $("$python" -V 2>&1). Name another one: make PYTHON=python3.12 ..." >&2
  exit 2
}
[ -x .venv/bin/python ] || "$python" -m venv .venv
echo "Installing $(grep -c '^[a-z0-9]' requirements.lock) packages into .venv (once; a few minutes) ..."
# --no-deps: the lock is complete, and an old pip would look for newer versions of what a package names with an extra.
.venv/bin/python -m pip install --quiet --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements.lock
.venv/bin/python -m pip check --disable-pip-version-check
.venv/bin/python -m pip install --quiet --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
echo "$want" > "$stamp"
