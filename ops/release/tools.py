"""The programs of PyPI that a deployment needs: the SAM CLI, cargo-lambda with zig, and the AWS CLI."""

import os
import shutil
import venv

from .command import run, say

PROGRAMS = ["aws-sam-cli==1.170.0", "awscli==1.46.3", "cargo-lambda==1.9.2"]


def install(root, target):
    """Installs the programs under target/, unless they are there, and adds a target to Rust. From then on they are found."""
    folder = root / "target" / "tools" / "deploy"
    made_of = folder / "packages"
    if not made_of.is_file() or made_of.read_text() != "\n".join(PROGRAMS):
        say(f"install {', '.join(PROGRAMS)}")
        shutil.rmtree(folder, ignore_errors=True)
        venv.create(folder, with_pip=True)
        run([str(folder / "bin" / "pip"), "install", "--quiet", "--disable-pip-version-check", *PROGRAMS])
        made_of.write_text("\n".join(PROGRAMS))
    os.environ["PATH"] = f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}"
    if target and shutil.which("rustup"):
        run(["rustup", "target", "add", target], cwd=root)
