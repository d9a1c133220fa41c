#!/bin/sh
# Asks a model through Tencent's AIGC gateway with the token that is current: each line of stdin is a question. The token
# comes from the secret on AWS that AIGC_SECRET names, or from TOKENS_URL, the full address of `/tokens` behind API Gateway,
# by a request that the keys of AWS in the environment sign. Needs jq, curl 7.76 or newer, and the AWS CLI for a secret.
#
# What is secret goes through pipes and the environment: everybody on a machine can read the arguments of a program.
set -eu
: "${AIGC_URL:=https://text-aigc.vod-qcloud.com}"
keep_seconds=300
newline='
'

# read_document [HEADER]: the mirrored document, or the answer of `/tokens`.
read_document() {
  if [ -n "${AIGC_SECRET:-}" ]; then
    aws secretsmanager get-secret-value --secret-id "$AIGC_SECRET" --version-stage AWSCURRENT \
      --query SecretString --output text < /dev/null
  else
    curl --silent --show-error --fail --header "${1:-Accept: application/json}" --config /dev/fd/3 "$TOKENS_URL" 3<< END
aws-sigv4 = "aws:amz:$AWS_REGION:execute-api"
user = "$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY"
${AWS_SESSION_TOKEN:+header = "X-Amz-Security-Token: $AWS_SESSION_TOKEN"}
END
  fi
}

# read_token: puts the token to use into $token; where that was refused, another one of the document.
read_token() {
  token=$(read_document ${refused:+'Cache-Control: no-cache'} |
    REFUSED="$refused" jq -r '[.ApiToken, .ApiTokens[]?] | map(select(. != null and . != env.REFUSED)) | first // ""')
  read_at=$(date +%s)
  [ -n "$token" ]
}

# send QUESTION: puts what the gateway answers into $status and $body.
send() {
  reply=$(printf '%s' "$1" | jq -Rs '{model: "gpt-5.4", messages: [{role: "user", content: .}]}' |
    curl --silent --show-error --write-out '\n%{http_code}' --data-binary @- --config /dev/fd/3 \
      "$AIGC_URL/v1/chat/completions" 3<< END
header = "Authorization: Bearer $token"
header = "Content-Type: application/json"
END
  ) || true
  status=${reply##*"$newline"}
  body=${reply%"$newline"*}
}

token=
refused=
read_at=0
failed=0
while IFS= read -r question; do
  # An old token is better than none.
  if [ "$(date +%s)" -ge "$((read_at + keep_seconds))" ]; then
    last=$token
    refused=
    read_token || token=$last
    if [ -z "$token" ]; then
      echo 'there is no token' >&2
      failed=1
      continue
    fi
  fi
  send "$question"
  if [ "$status" = 401 ]; then
    # Once, and with another token. Not after 403, which is arrears or a permission: no other token mends that.
    last=$token
    refused=$token
    if read_token; then send "$question"; else token=$last; fi
  fi
  if [ "$status" = 200 ]; then
    printf '%s' "$body" | jq -r '.choices[0].message.content'
  else
    echo "the gateway answered $status" >&2
    failed=1
  fi
done
exit "$failed"
