"""Commands that the deployment runs, and what it says meanwhile."""

import json
import subprocess
import time

BEGUN = time.monotonic()


class Failure(Exception):
    """A reason to stop. Its text tells the operator what to do."""


def say(text):
    """Prints a line with the seconds since the start."""
    print(f"[{time.monotonic() - BEGUN:6.1f}s] {text}", flush=True)


def run(command, cwd=None, env=None):
    """Runs a command whose output the operator reads."""
    if subprocess.run(command, cwd=cwd, env=env, check=False).returncode != 0:
        raise Failure(f"`{' '.join(command[:3])}` failed. The lines above say why.")


def aws(*arguments):
    """Runs the AWS CLI and returns its answer."""
    command = ["aws", *arguments, "--output", "json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Failure(f"`aws {' '.join(arguments[:2])}` failed: {done.stderr.strip()}")
    return json.loads(done.stdout) if done.stdout.strip() else {}
