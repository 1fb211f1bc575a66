"""What SAM makes of the template: aliases, versions, and CodeDeploy when `CanaryReleases` is true.

No emulator has CodeDeploy, so this is how far its part can be shown without AWS.
"""

import json
import logging
import os
import re

from samtranslator.translator.managed_policy_translator import ManagedPolicyLoader
from samtranslator.translator.transform import transform
from samtranslator.yaml_helper import yaml_parse

from tier import ROOT, check, say

BEHIND_THE_API = ["Account", "Credentials", "Login", "Logout", "Public", "Recovery", "Refresh", "Register"]
ALARM = {"Fn::Sub": "${AWS::StackName}-api-errors"}


def check_template():
    plain, canary = transformed("false"), transformed("true")
    check_aliases(plain)
    kinds = {resource["Type"] for resource in plain.values()}
    check(not any(kind.startswith("AWS::CodeDeploy") for kind in kinds), "without canaries there is no CodeDeploy", sorted(kinds))

    groups = of_type(canary, "AWS::CodeDeploy::DeploymentGroup")
    check(sorted(groups) == [f"{name}FunctionDeploymentGroup" for name in BEHIND_THE_API], "the API's functions", list(groups))
    for name, group in groups.items():
        check(group["AlarmConfiguration"] == {"Enabled": True, "Alarms": [{"Name": ALARM}]}, f"{name} watches the alarm", group)
        rollback = group["AutoRollbackConfiguration"]
        check(rollback["Enabled"] and "DEPLOYMENT_STOP_ON_ALARM" in rollback["Events"], f"{name} goes back by the alarm", group)
        check("Canary10Percent10Minutes" in json.dumps(group["DeploymentConfigName"]), f"{name} is a canary", group)
    shifted = [name for name, resource in canary.items() if "CodeDeployLambdaAliasUpdate" in resource.get("UpdatePolicy", {})]
    check(sorted(shifted) == [f"{name}FunctionAliaslive" for name in BEHIND_THE_API], "CodeDeploy moves their aliases", shifted)
    check(canary["ApiErrorsAlarm"]["Properties"]["AlarmName"] == ALARM, "the alarm has the name that CodeDeploy looks for")
    for resources in [plain, canary]:
        circle = find_circle(resources)
        check(not circle, "no resource waits for itself", circle)
    say(f"the template: {len(of_type(plain, 'AWS::Lambda::Alias'))} aliases, canaries for {len(groups)} functions when asked for")


def check_aliases(resources):
    """Checks that all that calls a function calls its alias, and that versions stay."""
    functions = of_type(resources, "AWS::Lambda::Function")
    aliases = of_type(resources, "AWS::Lambda::Alias")
    check(sorted(aliases) == sorted(f"{name}Aliaslive" for name in functions), "each function has an alias", list(aliases))
    versions = {name: each for name, each in resources.items() if each["Type"] == "AWS::Lambda::Version"}
    check(len(versions) == len(functions), "each function has a version", list(versions))
    for name, version in versions.items():
        check(version["DeletionPolicy"] == "Retain", f"{name} is kept for rollbacks", version)
        check(name.endswith("Version0123456789"), f"{name} follows the parameter Release", version)
    inside = [name for name, each in resources.items() if each["Type"] in {f"AWS::Lambda::{kind}" for kind in ["Version", "Alias"]}]
    for name, resource in resources.items():
        # An alarm's dimension names a function. It calls none.
        if name in inside or name in functions or resource["Type"] == "AWS::CloudWatch::Alarm":
            continue
        text = json.dumps(resource.get("Properties", {}))
        for function in functions:
            direct = f'{{"Ref": "{function}"}}' in text or f'"Fn::GetAtt": ["{function}", "Arn"]' in text
            # SAM names the function and gives the alias as the qualifier.
            qualified = resource["Type"] == "AWS::Lambda::EventInvokeConfig" and resource["Properties"]["Qualifier"] == "live"
            check(not direct or qualified, f"{name} calls {function} without its alias", resource)


def transformed(canaries):
    """Returns the resources of the template, as SAM gives them to CloudFormation."""
    template = yaml_parse((ROOT / "template.yaml").read_text())
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            # `sam deploy` uploads the code before.
            resource["Properties"]["CodeUri"] = "s3://bucket/key"
    given = {"Sender": "no-reply@example.com", "Issuer": "https://id.example.com", "CanaryReleases": canaries, "Release": "0123456789abcdef"}
    logging.getLogger("samtranslator").setLevel(logging.ERROR)
    os.environ.setdefault("AWS_DEFAULT_REGION", "us-east-1")
    defaults = {name: parameter.get("Default") for name, parameter in template["Parameters"].items()}
    return transform(template, {**defaults, **given}, ManagedPolicyLoader(None))["Resources"]


def of_type(resources, kind):
    return {name: resource["Properties"] for name, resource in resources.items() if resource["Type"] == kind}


def find_circle(resources):
    """Returns resources that wait for each other, by Ref, GetAtt, Sub, DependsOn or UpdatePolicy."""
    edges = {name: references(resource) & set(resources) for name, resource in resources.items()}
    free = set()
    while ready := [name for name in edges if name not in free and edges[name] <= free]:
        free.update(ready)
    return sorted(set(edges) - free)


def references(value):
    """Returns the logical ids that a part of a template names."""
    if isinstance(value, list):
        return set().union(*map(references, value))
    if not isinstance(value, dict):
        return set()
    found = set()
    for key, part in value.items():
        if key == "Ref":
            found.add(part)
        elif key == "Fn::GetAtt":
            found.add(part[0] if isinstance(part, list) else part.split(".")[0])
        elif key == "DependsOn":
            found.update([part] if isinstance(part, str) else part)
        else:
            if key == "Fn::Sub":
                text = part[0] if isinstance(part, list) else part
                found.update(name.split(".")[0] for name in re.findall(r"\$\{([\w.]+)\}", text))
            found |= references(part)
    return found
