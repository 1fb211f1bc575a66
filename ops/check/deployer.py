"""Compares ops/deployer-policy.json with the permissions that CloudFormation says each resource type needs.

The list comes with cfn-lint: it is the `handlers` member of each type's schema. `ops/check/template` runs this.
"""

import fnmatch
import json
import sys

from cfnlint.decode.cfn_yaml import load
from cfnlint.schema import PROVIDER_SCHEMA_MANAGER

# What SAM makes of its own types.
MADE_BY_SAM = {
    "AWS::Serverless::Function": [
        "AWS::Lambda::Function", "AWS::Lambda::Version", "AWS::Lambda::Alias", "AWS::Lambda::Permission",
        "AWS::Lambda::EventSourceMapping", "AWS::Lambda::EventInvokeConfig", "AWS::Events::Rule",
        "AWS::CodeDeploy::Application", "AWS::CodeDeploy::DeploymentGroup",
    ],
    "AWS::Serverless::HttpApi": ["AWS::ApiGatewayV2::Api", "AWS::ApiGatewayV2::Stage"],
}

# Permissions of features that the template does not use, and data that a deployment must not read.
NEEDLESS = {
    "of data": [
        "dynamodb:*Item", "dynamodb:Query", "dynamodb:Scan", "secretsmanager:GetSecretValue", "logs:PutLogEvents",
        "logs:CreateLogStream", "logs:DescribeLogStreams",
    ],
    "of keys that AWS manages: their policies admit the account's callers": [
        "kms:CreateGrant", "kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey", "kms:RevokeGrant", "kms:ListAliases",
    ],
    "of networks, file systems and layers": [
        "ec2:*", "elasticfilesystem:*", "s3files:*", "lambda:GetLayerVersion", "lambda:PassCapacityProvider",
    ],
    "of code signing, provisioned concurrency, runtimes, recursion and scaling, which the template leaves alone": [
        "lambda:*CodeSigningConfig", "lambda:PutProvisionedConcurrencyConfig", "lambda:PutRuntimeManagementConfig",
        "lambda:DeleteProvisionedConcurrencyConfig", "lambda:PutFunctionRecursionConfig",
        "lambda:PutFunctionScalingConfig", "lambda:AssociateRuntimeAlias",
    ],
    "of replicas, imports, streams, insights and policies of tables": [
        "dynamodb:*Replica", "dynamodb:*Import*", "dynamodb:*Table*Replica", "dynamodb:EnableKinesis*",
        "dynamodb:DisableKinesis*", "dynamodb:UpdateKinesis*", "dynamodb:UpdateContributorInsights",
        "dynamodb:PutResourcePolicy", "dynamodb:DeleteResourcePolicy", "kinesis:*", "s3:GetObjectMetadata",
        "iam:CreateServiceLinkedRole",
    ],
    "of replicas and random passwords of secrets": ["secretsmanager:Re*Region*", "secretsmanager:GetRandomPassword"],
    "of users, groups and permissions boundaries": ["iam:*User*", "iam:*Group*", "iam:*PermissionsBoundary"],
    "of features of log groups": [
        "firehose:*", "logs:AssociateKmsKey", "logs:DisassociateKmsKey", "logs:DeleteDataProtectionPolicy",
        "logs:PutDataProtectionPolicy", "logs:*IndexPolicy", "logs:DeleteResourcePolicy",
        "logs:PutBearerTokenAuthentication", "logs:PutLogGroupDeletionProtection", "s3:REST.PUT.OBJECT",
    ],
    "of features of mail and topics": [
        "ses:PutConfigurationSetArchivingOptions", "ses:PutConfigurationSetDeliveryOptions",
        "ses:PutConfigurationSetSendingOptions", "ses:PutConfigurationSetTrackingOptions",
        "ses:PutConfigurationSetVdmOptions", "sns:PutDataProtectionPolicy",
    ],
    "of machines that are not AWS's": ["codedeploy:RegisterOnPremisesInstance"],
}


def main(template_file: str, policy_file: str) -> int:
    template = load(template_file)
    types = set()
    for resource in template["Resources"].values():
        types.update(MADE_BY_SAM.get(resource["Type"], [resource["Type"]]))
    with open(policy_file) as file:
        statements = json.load(file)["Statement"]
    granted = {action.lower() for statement in statements for action in statement["Action"]}
    needless = [pattern.lower() for patterns in NEEDLESS.values() for pattern in patterns]

    missing, wanted = [], set()
    for kind in sorted(types):
        handlers = PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", kind).schema.get("handlers", {})
        for name, handler in handlers.items():
            if name == "list":
                continue
            for action in handler["permissions"]:
                wanted.add(action.lower())
                is_needless = any(fnmatch.fnmatch(action.lower(), pattern) for pattern in needless)
                if action.lower() not in granted and not is_needless:
                    missing.append(f"{kind} needs {action} to {name}")
    for line in sorted(set(missing)):
        print(f"{policy_file}: {line}: grant it, or name it under NEEDLESS with the reason")
    print(f"{len(types)} types, {len(wanted)} actions of their schemas, {len(granted)} granted, {len(set(missing))} missing")
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
