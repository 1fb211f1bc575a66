"""The functions' binaries: built by cargo-lambda, and checked for the processor that the template asks for."""

import hashlib
import os

from .command import Failure, run

FLAGS = {"arm64": "--arm64", "x86_64": "--x86-64"}
# e_machine, at offset 18 of an ELF file.
MACHINES = {0xB7: "arm64", 0x3E: "x86_64"}


def build(root, architecture):
    """Builds all functions into target/lambda, as `sam build` does."""
    command = ["cargo", "lambda", "build", "--release", "--locked", FLAGS[architecture]]
    # cargo-lambda would install a missing target. The checks have found it, or told how to add it.
    run([*command, "--lambda-dir", "target/lambda"], cwd=root, env={**os.environ, "RUSTUP": "false"})


def read(root, architecture):
    """Returns each function's digest, or fails if a binary is missing or for another processor."""
    digests = {}
    for folder in sorted((root / "functions").iterdir()):
        binary = root / "target" / "lambda" / folder.name / "bootstrap"
        if not binary.is_file():
            raise Failure(f"{binary} is missing. Run ops/deploy without --skip-build.")
        content = binary.read_bytes()
        if content[:4] != b"\x7fELF":
            raise Failure(f"{binary} is no binary for Linux. Run ops/deploy without --skip-build.")
        machine = MACHINES.get(int.from_bytes(content[18:20], "little"), "another processor")
        if machine != architecture:
            raise Failure(
                f"{binary} is for {machine}, and the parameter Architecture says {architecture}. Run ops/deploy without "
                "--skip-build, or change the parameter in samconfig.toml."
            )
        digests[folder.name] = hashlib.sha256(content).hexdigest()
    return digests
