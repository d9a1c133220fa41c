"""moto_server for whole deployments: CloudFormation, too, takes what the Serverless CLI writes, and state machines run.

moto has cfn-lint judge every template and refuses those with a warning. The CLI itself writes DependsOn lines that
are one (W3005), and they cannot be switched off from within the template.

State machines that CloudFormation makes are those that moto runs. What their tasks call is answered in this process,
because moto would look for itself at a port that it was not given. moto runs the Amazon States Language, but two parts
of it are not connected: it names parameters of the AWS SDK as botocore does and not, as AWS does, with a capital; and it
leaves the evaluation of JSONata to a Java library that it does not have. Here the reference implementation evaluates, in
the version that AWS names.
"""
import copy
import json
import pathlib
import subprocess
import sys
import threading

import moto.cloudformation.models
import moto.stepfunctions.models
from botocore.session import get_session
from moto import mock_aws
from moto.server import main
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service import (
    StateTaskService,
)
from moto.stepfunctions.parser.asl.jsonata import jsonata
from moto.stepfunctions.parser.models import stepfunctions_parser_backends

# An expression a line; its value, or what is wrong, a line.
EVALUATE = """
const jsonata = require('jsonata')
require('node:readline').createInterface({ input: process.stdin }).on('line', async (line) => {
  let answer
  try {
    // As in AWS, where nothing is no value.
    answer = { value: (await jsonata(JSON.parse(line)).evaluate(null)) ?? null }
    if (answer.value === null) throw new Error('it is nothing')
  } catch (error) {
    answer = { problem: error.message }
  }
  console.log(JSON.stringify(answer))
})
"""
evaluator = subprocess.Popen(
    ["node", "--eval", EVALUATE],
    stdin=subprocess.PIPE,
    stdout=subprocess.PIPE,
    text=True,
    bufsize=1,
    cwd=pathlib.Path(__file__).parent,
)
one_at_a_time = threading.Lock()


def evaluate(expression):
    with one_at_a_time:
        evaluator.stdin.write(json.dumps(expression) + "\n")
        answer = json.loads(evaluator.stdout.readline())
    if "problem" in answer:
        raise jsonata.JSONataException("UNKNOWN", f"{expression}: {answer['problem']}")
    return answer["value"]


def operation_of(task):
    service = get_session().get_service_model(task._get_boto_service_name())
    action = task.resource.api_action
    return service.operation_model(action[0].upper() + action[1:])


def normalise_parameters(task, parameters, boto_service_name=None, service_action_name=None):
    task._to_boto_request(parameters, operation_of(task).input_shape)


def normalise_response(task, response, boto_service_name=None, service_action_name=None):
    task._from_boto_response(response, operation_of(task).output_shape)


moto.cloudformation.models.validate_template_cfn_lint = lambda template: []
moto.stepfunctions.models.stepfunctions_backends = stepfunctions_parser_backends
# For each execution moto copies the state machine, and with it the locks of those that run.
moto.stepfunctions.models.StateMachine.__deepcopy__ = lambda machine, memo: copy.copy(machine)
jsonata._eval_jsonata = evaluate
StateTaskService._normalise_parameters = normalise_parameters
StateTaskService._normalise_response = normalise_response
mock_aws(config={"stepfunctions": {"execute_state_machine": True}}).start()
main(sys.argv[1:])
