"""The programs of PyPI that a deployment needs: the SAM CLI, cargo-lambda with zig, and the AWS CLI."""

import os
import shutil

from .command import run


def install(root, target):
    """Installs the programs under target/, unless they are there, and adds a target to Rust. From then on they are found."""
    programs = (root / "ops" / "release" / "programs.txt").read_text().split()
    run(["bash", "-c", 'set -e; . ops/check/tools.sh; tools deploy "$@"', "tools", *programs], cwd=root)
    os.environ["PATH"] = f"{root / 'target' / 'tools' / 'deploy' / 'bin'}{os.pathsep}{os.environ['PATH']}"
    if target and shutil.which("rustup"):
        run(["rustup", "target", "add", target], cwd=root)
