"""What was deployed: the releases of a stack, newest first, in one parameter of Systems Manager.

A release is a set of versions, one of each function. Versions cannot change, and none is deleted, so a set can be brought
back by pointing the aliases at it.
"""

import datetime
import hashlib
import json
import subprocess
from dataclasses import asdict, dataclass, field

from .command import Failure, aws

# As many as fit into the 4 KB of a parameter.
KEPT = 5


@dataclass
class Release:
    """One deployment. `content` is the digest of what was deployed; `id` is another one for each attempt."""

    id: str
    content: str
    at: str
    commit: str
    versions: dict
    parameters: dict = field(default_factory=dict)

    @staticmethod
    def of(stage, built, releases, stack, live):
        """Describes the release that the working tree makes.

        If it is what is live, the id stays the same, and CloudFormation finds nothing to do.
        """
        template = (stage.root / "template.yaml").read_text()
        content = _digest({"template": template, "parameters": stage.parameters, "binaries": built})
        at = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        last = releases.releases[0] if releases.releases else None
        was_rolled_back = live != stack.published()
        is_live = last and last.content == content and last.versions == live and not was_rolled_back
        # Another id for each attempt: Lambda publishes no version of what it published just before, and an attempt that
        # failed halfway may have published it.
        identity = stack.parameter("Release") if is_live else _digest({"content": content, "at": at})[:16]
        parameters = {**stage.parameters, "Release": identity}
        if was_rolled_back:
            # CodeDeploy starts from the version that CloudFormation knows, which is not live. So the aliases move at once.
            parameters["CanaryReleases"] = "false"
        return Release(identity, content, at, _commit(stage.root), {}, parameters)


class Releases:
    """The record."""

    def __init__(self, stack, releases):
        self.stack = stack
        self.releases = releases

    @staticmethod
    def read(stack):
        try:
            text = aws("ssm", "get-parameter", "--name", _name(stack))["Parameter"]["Value"]
        except Failure as failure:
            if "ParameterNotFound" not in str(failure):
                raise
            text = "[]"
        return Releases(stack, [Release(**entry) for entry in json.loads(text)])

    def add(self, release, before):
        """Records a release that was deployed over the versions `before`."""
        if before and (not self.releases or self.releases[0].versions != before):
            # Something else moved the aliases: a bare `sam deploy`, or an attempt that was cut short.
            at = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
            self.releases.insert(0, Release("unrecorded", "", at, "", before))
        self.releases.insert(0, release)
        self._write()

    def before(self, live):
        """Returns the release before what is live. That is the last one if a deployment was not recorded."""
        older = [release for release in self.releases if release.versions != live]
        return older[0] if older else None

    def went_back_to(self, target):
        """Forgets the releases after `target`, so that the next rollback goes further back."""
        self.releases = self.releases[self.releases.index(target) :]
        self._write()

    def _write(self):
        entries = [asdict(release) for release in self.releases[:KEPT]]
        for entry in entries:
            del entry["parameters"]
        text = json.dumps(entries, separators=(",", ":"))
        aws("ssm", "put-parameter", "--name", _name(self.stack), "--type", "String", "--overwrite", "--value", text)


def _name(stack):
    return f"/latchkey/{stack.name}/releases"


def _commit(root):
    command = ["git", "-C", str(root), "rev-parse", "--short", "HEAD"]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()


def _digest(value):
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
