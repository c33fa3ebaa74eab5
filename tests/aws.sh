#!/usr/bin/env bash
# Holds the templates of infra/aws to what CloudFormation takes, and the script beside them to what a shell does. It asks
# no network and needs no account.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

export PYTHONPATH="$PWD/tests/.tools/aws" PATH="$PWD/tests/.tools/aws/bin:$PATH"
export AWS_REGION=af-south-1 AWS_EC2_METADATA_DISABLED=true SAM_CLI_TELEMETRY=0

# Where the shops are, and where most accounts are; bills are kept in one region alone.
cfn-lint --regions af-south-1 eu-west-1 us-east-1 --template infra/aws/{template,table,watch}.yaml
cfn-lint --regions us-east-1 --template infra/aws/budget.yaml
for template in template table watch budget; do
    sam validate --lint --template "infra/aws/$template.yaml" >/dev/null
done
shellcheck infra/aws/deploy tests/aws.sh
