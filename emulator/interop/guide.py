"""Takes the blocks of TESTING.md apart into files: the pytest, the vitest and the commands of the workflow."""

import pathlib
import re
import sys

guide, folder = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
folder.mkdir(parents=True, exist_ok=True)
blocks = dict(re.findall(r"```(\w+)\n(.*?)```", guide.read_text(), re.DOTALL))
(folder / "test_guide.py").write_text(blocks["python"])
(folder / "guide.test.js").write_text(blocks["js"])

import yaml  # noqa: E402  it is among what the clients bring

steps = yaml.safe_load(blocks["yaml"])["jobs"]["test"]["steps"]
# what is installed and checked out in a workflow is here already
commands = [step["run"] for step in steps if "run" in step and not step["run"].startswith("cargo install")]
(folder / "workflow.sh").write_text("set -euo pipefail\ntrap 'kill $(jobs -p)' EXIT\n" + "\n".join(commands))
