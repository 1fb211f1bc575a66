"""What a deployment needs. Each check says what to do when something is missing; all run before any of them stops it."""

import json
import os
import re
import shutil
import subprocess

from . import journeys
from .command import Failure, aws, say

TARGETS = {"arm64": "aarch64-unknown-linux-gnu", "x86_64": "x86_64-unknown-linux-gnu"}
HERE = "Or add --install-tools, which installs it under target/."
# The longest name of a Lambda function is 64 characters, and one is the stack's name with `-rotate-keys`.
LONGEST_STACK_NAME = 52


class Findings:
    """What the checks found."""

    def __init__(self):
        self.missing = 0

    def good(self, text):
        say(f"  ok       {text}")

    def warn(self, text, remedy):
        say(f"  warning  {text}")
        say(f"           {remedy}")

    def bad(self, text, remedy):
        self.missing += 1
        say(f"  MISSING  {text}")
        say(f"           {remedy}")


def can_reach(stage):
    """Checks that the stage's account can be asked."""
    say(f"what stage {stage.name} needs")
    findings = Findings()
    _account(findings)
    _stop_if_any(findings)


def can_deploy(stage):
    """Checks everything that a deployment of the stage needs."""
    say(f"what a deployment of stage {stage.name} needs")
    findings = Findings()
    _tools(findings, stage)
    _settings(findings, stage)
    if _account(findings):
        _mail(findings, stage)
    _commit(findings, stage)
    _stop_if_any(findings)


def can_be_checked(stage, stack):
    """Checks that the API will answer here after the deployment. A good release would be rolled back otherwise."""
    if stack.given_url:
        return
    disabled = "DisableExecuteApiEndpoint"
    reason = None
    if stage.parameters.get(disabled, stack.parameter(disabled)) == "true":
        reason = f"{disabled} closes the address in the stack's output ApiUrl."
    elif stage.parameters.get("OriginSecret") or (stack.exists() and not journeys.takes_requests(stack.url())):
        reason = "The API takes requests from its proxy alone, because OriginSecret is set."
    if reason:
        raise Failure(
            f"{reason} Write where clients call it in {stage.config}: url, in [{stage.name}.check.parameters]. If they cannot "
            "call it there yet, deploy without the parameter first. Nothing was changed."
        )


def _stop_if_any(findings):
    if findings.missing:
        raise Failure(f"{findings.missing} things are missing. Nothing was changed.")


def _tools(findings, stage):
    for command, version, remedy in [
        ("sam", ["sam", "--version"], f"Install the SAM CLI: pipx install aws-sam-cli. {HERE}"),
        ("cargo-lambda", ["cargo", "lambda", "--version"], f"Install it, with zig: pipx install cargo-lambda. {HERE}"),
    ]:
        found = _output(version)
        findings.good(found) if found else findings.bad(f"{command} does not run", remedy)
    target = TARGETS.get(stage.architecture)
    if target is None:
        return findings.bad(f"the architecture {stage.architecture}", "Write Architecture = \"arm64\" or \"x86_64\".")
    libraries = os.path.join(_output(["rustc", "--print", "sysroot"], stage.root) or "", "lib/rustlib", target)
    if os.path.isdir(libraries):
        findings.good(f"Rust builds for {target}")
    else:
        findings.bad(f"Rust does not build for {target}", f"rustup target add {target}")
    zig = shutil.which("zig") or _output(["python3", "-m", "ziglang", "version"]) or _zig_beside_cargo_lambda()
    if zig:
        findings.good("zig links for Lambda's C library")
    else:
        findings.warn("zig is not found", "If the build does not find it either: pipx install ziglang, or cargo lambda system --setup")


def _zig_beside_cargo_lambda():
    """Returns whether cargo-lambda came from PyPI, which installs zig with it."""
    found = shutil.which("cargo-lambda")
    return found and os.path.exists(os.path.join(os.path.dirname(os.path.realpath(found)), "python-zig"))


def _settings(findings, stage):
    if len(stage.stack_name) > LONGEST_STACK_NAME:
        findings.bad(f"a shorter name than {stage.stack_name}", f"A stack's name has at most {LONGEST_STACK_NAME} characters.")
    if stage.parameters.get("Stage") != stage.name:
        findings.bad("the parameter Stage", f'Write Stage = "{stage.name}" in {stage.config}.')
    if _sender(stage):
        findings.good(f"mails are sent by {stage.parameters['Sender']}")
    else:
        findings.bad("the parameter Sender", f"Write the sender of your mails in {stage.config}, for stage {stage.name}.")


def _account(findings):
    """Returns whether the account answers."""
    if not shutil.which("aws"):
        findings.bad("the AWS CLI", f"Install it: https://aws.amazon.com/cli. {HERE}")
        return False
    region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or _output(["aws", "configure", "get", "region"])
    if not region:
        findings.bad("a region", "export AWS_REGION=eu-central-1, or run: aws configure")
        return False
    try:
        caller = aws("sts", "get-caller-identity")
    except Failure as failure:
        findings.bad("credentials that work", f"Run: aws configure, or aws sso login. {failure}")
        return False
    where = os.environ.get("AWS_ENDPOINT_URL")
    findings.good(f"account {caller['Account']}, region {region}, as {caller['Arn']}" + (f", at {where}" if where else ""))
    return True


def _mail(findings, stage):
    address = _sender(stage)
    if not address:
        return
    candidates = [address, address.partition("@")[2], stage.parameters.get("SenderIdentity")]
    verified = [each for each in candidates if each and _is_verified(each)]
    if verified:
        findings.good(f"SES sends for {verified[0]}")
    else:
        findings.bad(
            f"a verified SES identity for {address}",
            f"Run: aws sesv2 create-email-identity --email-identity {address}, and open the link that SES mails there. "
            "If a parent domain is verified, name it in SenderIdentity.",
        )
    try:
        account = aws("sesv2", "get-account")
    except Failure:
        return findings.warn("SES does not tell whether the account is in its sandbox", "Look in its console.")
    if not account.get("ProductionAccessEnabled"):
        findings.warn(
            "SES keeps this account in its sandbox: it mails only to verified addresses",
            "Ask for production access: aws sesv2 put-account-details --production-access-enabled ... Until then name the one "
            "recipient in SandboxRecipient. The mails of the check after the deployment are refused there, which rings "
            "MailNeedsOperatorAlarm.",
        )
    if account.get("SendingEnabled") is False:
        findings.warn("SES has paused this account", "Its console says why. Mails wait for up to 14 days.")
    return None


def _is_verified(identity):
    try:
        return aws("sesv2", "get-email-identity", "--email-identity", identity).get("VerifiedForSendingStatus", False)
    except Failure:
        return False


def _commit(findings, stage):
    changed = _output(["git", "-C", str(stage.root), "status", "--porcelain", "--untracked-files=no"])
    if changed:
        findings.warn("the working tree has changes that are in no commit", "Commit them, so that the release can be built again.")


def _sender(stage):
    """Returns the address in Sender."""
    sender = re.search(r"[^<>\s]+@[^<>\s]+", stage.parameters.get("Sender", ""))
    return sender.group() if sender else None


def _output(command, folder=None):
    """Returns the first line that a command prints, or nothing if it fails."""
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    except OSError:
        return None
    return done.stdout.strip().partition("\n")[0] if done.returncode == 0 else None
