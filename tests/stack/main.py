"""Deploys the template to MiniStack, and lives in it. `tests/stack/run` calls it."""

import signal
import sys
import time

import boto3

import canary
import mail
import releases
import users
from release.journeys import call
from tier import BEGUN, REGION, SENDER, Emulator, Failed, Tier, check, say


def main():
    # So that MiniStack ends with a run that is stopped.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    canary.check_template()
    emulator = Emulator()
    try:
        emulator.wait()
        say("MiniStack answers")
        tier = Tier(emulator)
        boto3.client("sesv2", region_name=REGION, endpoint_url=emulator.url).create_email_identity(EmailIdentity=SENDER)
        tier.ses.verify_email_identity(EmailAddress=SENDER)
        first_deployment(tier)
        for journey in [users.ada, mail.lost_message, mail.dead_letter, mail.poison, mail.kills]:
            journey(tier)
        for journey in [releases.failing, releases.parameter_alone, releases.nothing_new, releases.rollback]:
            journey(tier)
        for journey in [releases.one_function, releases.behind_proxy]:
            journey(tier)
    except Failed as failed:
        say(f"FAILED: {failed}")
        say(f"MiniStack's log: {emulator.folder / 'log'}")
        return 1
    finally:
        emulator.stop()
    say(f"green in {time.monotonic() - BEGUN:.0f}s")
    return 0


def first_deployment(tier):
    """Deploys the template as it is, and compares what stands with what it says."""
    begun = time.monotonic()
    code, output = tier.deploy(releases.tree(), "--skip-tests", "--skip-build")
    check(code == 0, "ops/deploy succeeds", output[-5000:])
    tier.look()
    processed = tier.cloudformation.get_template(StackName=tier.stack_name, TemplateStage="Processed")["TemplateBody"]
    paths = processed["Resources"]["Api"]["Properties"]["Body"]["paths"]
    said = {f"{method.upper()} {path}" for path, methods in paths.items() for method in methods}
    made = {route["RouteKey"] for route in tier.apis.get_routes(ApiId=tier.api)["Items"]}
    check(said == made, "the API has the template's routes", {"template": sorted(said), "API": sorted(made)})
    for output in ["SigningKeysSecretArn", "AccountKeysSecretArn"]:
        stages = tier.secrets.describe_secret(SecretId=tier.outputs[output])["VersionIdsToStages"]
        current = [version for version, names in stages.items() if "AWSCURRENT" in names]
        check(len(stages) == 2 and len(current) == 1, "the rotation put the first keys in", stages)
    keys = call(tier.url, "GET", "/.well-known/jwks.json")
    check(keys.status == 200 and keys["keys"], "the rotation published the keys", str(keys))
    took = time.monotonic() - begun
    say(f"deployed in {took:.0f}s: {len(tier.names)} functions, {len(made)} routes, the keys of two secrets by rotation")


if __name__ == "__main__":
    sys.exit(main())
