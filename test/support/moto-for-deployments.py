"""moto_server for whole deployments: CloudFormation, too, takes what the Serverless CLI writes.

moto has cfn-lint judge every template and refuses those with a warning. The CLI itself writes DependsOn lines that
are one (W3005), and they cannot be switched off from within the template.
"""
import sys

import moto.cloudformation.models
from moto.server import main

moto.cloudformation.models.validate_template_cfn_lint = lambda template: []
main(sys.argv[1:])
