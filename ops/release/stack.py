"""A stage, as samconfig.toml describes it, and its stack in CloudFormation."""

import json
import os
import tempfile
import tomllib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from .command import Failure, aws, run

ALIAS = "live"


@dataclass
class Stage:
    """One stage of samconfig.toml."""

    root: Path
    config: str
    name: str
    stack_name: str
    parameters: dict
    # Where clients call the API, if that is not the stack's output ApiUrl.
    url: str | None

    @staticmethod
    def read(root, config, name):
        with open(root / config, "rb") as file:
            sections = tomllib.load(file)
        section = sections.get(name)
        if section is None:
            raise Failure(f"{config} has no stage {name}. Copy the sections of another one.")
        parameters = section.get("deploy", {}).get("parameters", {}).get("parameter_overrides", {})
        if not isinstance(parameters, dict):
            raise Failure(f"{config}: write the parameters of {name} as a table, one in a line.")
        texts = {key: str(value) for key, value in parameters.items()}
        # The one secret among the parameters. It belongs into no file of the repository.
        if secret := os.environ.get("ORIGIN_SECRET"):
            texts["OriginSecret"] = secret
        url = section.get("check", {}).get("parameters", {}).get("url")
        return Stage(root, config, name, section["global"]["parameters"]["stack_name"], texts, url)

    @property
    def architecture(self):
        return self.parameters.get("Architecture", "arm64")


class Stack:
    """The deployed stack."""

    def __init__(self, name, url=None):
        self.name = name
        self.given_url = url

    def deploy(self, stage, release):
        """Has CloudFormation make the stack what the template says. If that fails, CloudFormation undoes it."""
        command = ["sam", "deploy", "--template-file", "template.yaml", "--stack-name", self.name]
        command += ["--config-file", str(stage.root / stage.config), "--config-env", stage.name]
        command += ["--resolve-s3", "--s3-prefix", self.name, "--capabilities", "CAPABILITY_IAM"]
        command += ["--no-confirm-changeset", "--no-fail-on-empty-changeset", "--no-progressbar"]
        # A file that only its owner can read, and only now: a parameter may be a secret.
        with tempfile.NamedTemporaryFile("w", suffix=".yaml") as parameters:
            json.dump(release.parameters, parameters)
            parameters.flush()
            run([*command, "--parameter-overrides", f"file://{parameters.name}"], cwd=stage.root)

    def exists(self):
        return self._describe() is not None

    def parameter(self, name):
        """Returns a parameter that the stack was deployed with, or nothing."""
        parameters = (self._describe() or {}).get("Parameters", [])
        return next((each["ParameterValue"] for each in parameters if each["ParameterKey"] == name), None)

    def url(self):
        """Returns the API's address."""
        if self.given_url:
            return self.given_url.rstrip("/")
        outputs = (self._describe() or {}).get("Outputs", [])
        address = next((each["OutputValue"] for each in outputs if each["OutputKey"] == "ApiUrl"), None)
        if address is None:
            raise Failure(f"The stack {self.name} does not exist in this account and region, or has no output ApiUrl.")
        emulator = os.environ.get("AWS_ENDPOINT_URL")
        if emulator:
            # MiniStack serves an API under this path. Only AWS resolves the host name of the output.
            api = address.removeprefix("https://").split(".")[0]
            return f"{emulator}/_aws/execute-api/{api}/$default"
        return address

    def live(self):
        """Returns the version that each function's alias points at."""
        aliases = self._resources("AWS::Lambda::Alias")
        with ThreadPoolExecutor(8) as pool:
            answers = pool.map(lambda arn: aws("lambda", "get-alias", *_alias(arn)), aliases.values())
        return {
            logical_id.removesuffix(f"Alias{ALIAS}"): answer["FunctionVersion"]
            for logical_id, answer in zip(aliases, answers, strict=True)
        }

    def published(self):
        """Returns the version of each function that CloudFormation last pointed the alias at."""
        versions = self._resources("AWS::Lambda::Version")
        return {logical_id.rpartition("Version")[0]: arn.rpartition(":")[2] for logical_id, arn in versions.items()}

    def point(self, versions, live):
        """Points the aliases, which are at the versions `live`, at others. All requests go there. Returns what changed."""
        aliases = {key.removesuffix(f"Alias{ALIAS}"): arn for key, arn in self._resources("AWS::Lambda::Alias").items()}
        gone = sorted(set(versions) - set(aliases))
        if gone:
            raise Failure(f"The stack has no {', '.join(gone)} any more. Deploy the commit of that release instead.")

        def move(function):
            weights = ["--routing-config", "AdditionalVersionWeights={}"]
            arguments = [*_alias(aliases[function]), "--function-version", versions[function], *weights]
            aws("lambda", "update-alias", *arguments)
            return function, (live[function], versions[function])

        with ThreadPoolExecutor(8) as pool:
            return dict(pool.map(move, versions))

    def _describe(self):
        try:
            return aws("cloudformation", "describe-stacks", "--stack-name", self.name)["Stacks"][0]
        except Failure as failure:
            if "does not exist" in str(failure):
                return None
            raise

    def _resources(self, kind):
        """Returns logical and physical id of the stack's resources of a type."""
        if not self.exists():
            return {}
        listed = aws("cloudformation", "list-stack-resources", "--stack-name", self.name)["StackResourceSummaries"]
        # Versions of earlier releases were kept. The stack does not count them as its own any more.
        here = [each for each in listed if not each["ResourceStatus"].startswith("DELETE")]
        return {each["LogicalResourceId"]: each["PhysicalResourceId"] for each in here if each["ResourceType"] == kind}


def _alias(arn):
    """Returns the arguments that name an alias."""
    function, _, name = arn.rpartition(":")
    return ["--function-name", function, "--name", name]
