"""Runs MiniStack, the emulator of AWS that the stack tier deploys to, with what it lacks of AWS for this template.

`tests/stack/run` starts it, with its settings in the environment.
"""

import json
import os
import socketserver
import threading
import time
import uuid

import boto3
from ministack import app
from ministack.services import apigateway
from ministack.services.cloudformation import changesets, engine, handlers, provisioners
from samtranslator.translator import transform as sam

HANDLERS = provisioners._RESOURCE_HANDLERS


def client(service):
    """Returns a client of this emulator."""
    return boto3.client(service, endpoint_url=f"http://127.0.0.1:{os.environ['GATEWAY_PORT']}")


# ---- AWS::SecretsManager::RotationSchedule, which MiniStack does not know ----


def create_schedule(_logical_id, properties, _stack):
    """Begins the first rotation, as `RotateImmediatelyOnUpdate` does."""
    secret, function = properties["SecretId"], properties["RotationLambdaARN"]
    if properties.get("RotateImmediatelyOnUpdate", True):
        threading.Thread(target=rotate, args=(secret, function), daemon=True).start()
    return secret, {}


def update_schedule(physical_id, _old, properties, stack):
    """Begins a rotation, as AWS does when the schedule changes."""
    return create_schedule(physical_id, properties, stack)


def rotate(secret, function):
    """Runs the four steps of a rotation, and repeats those that fail, as Secrets Manager does."""
    functions, token = client("lambda"), str(uuid.uuid4())
    for step in ["createSecret", "setSecret", "testSecret", "finishSecret"]:
        event = {"Step": step, "SecretId": secret, "ClientRequestToken": token}
        for _ in range(5):
            answer = functions.invoke(FunctionName=function, Payload=json.dumps(event))
            if "FunctionError" not in answer:
                break
            print(f"emulator: {step} of {secret}: {answer['Payload'].read().decode()}", flush=True)
            time.sleep(1)


# ---- The routes of AWS::ApiGatewayV2::Api, whose Body MiniStack ignores ----


def with_routes(make_api):
    """Makes the routes of an API's Body after the API itself."""

    def make(*arguments):
        properties = next(each for each in reversed(arguments) if isinstance(each, dict))
        api, attributes = make_api(*arguments)
        apigateway._routes[api], apigateway._integrations[api] = {}, {}
        for path, methods in properties.get("Body", {}).get("paths", {}).items():
            for method, operation in methods.items():
                integration = operation["x-amazon-apigateway-integration"]
                _, _, made = apigateway._create_integration(api, {"integrationUri": integration["uri"]})
                target = f"integrations/{json.loads(made)['integrationId']}"
                apigateway._create_route(api, {"routeKey": f"{method.upper()} {path}", "target": target})
        return api, attributes

    return make


# ---- AWS::CloudWatch::Alarm over several metrics ----


def with_first_metric(name, properties):
    """Makes such an alarm one of its first metric. Nothing here waits for an alarm to ring."""
    metrics = [each["MetricStat"]["Metric"] for each in properties.get("Metrics", []) if "MetricStat" in each]
    if metrics:
        properties = {key: value for key, value in properties.items() if key != "Metrics"} | metrics[0]
    return alarm_record(name, properties)


alarm_record = provisioners._cw_metric_alarm_record
provisioners._cw_metric_alarm_record = with_first_metric


# ---- The parameters of the stack, which MiniStack does not tell SAM's transform ----


def with_parameters(template, provided=None, previous=None):
    """Applies the transforms. `AutoPublishCodeSha256` follows a parameter."""
    values = engine._transform_parameters(template, provided, previous)
    sam.transform = lambda fragment, _none, loader: transform(fragment, values, loader)
    return apply_transforms(template, provided, previous)


transform, apply_transforms = sam.transform, engine._apply_transforms
changesets._apply_transforms = handlers._apply_transforms = with_parameters

HANDLERS["AWS::SecretsManager::RotationSchedule"] = {
    "create": create_schedule,
    "update": update_schedule,
    "delete": lambda *_: None,
}
api_handlers = HANDLERS["AWS::ApiGatewayV2::Api"]
api_handlers["create"] = with_routes(api_handlers["create"])
api_handlers["update"] = with_routes(api_handlers["update"])

# Its answers would wait 40 ms for the acknowledgement of their first packet.
socketserver.StreamRequestHandler.disable_nagle_algorithm = True
app.main()
