#!/bin/sh
# install-ssm-agent REGION: installs AWS Systems Manager's agent, which Debian's image does not have.
#
# It comes over TLS from the bucket that AWS keeps for it in the machine's own region. Its signature is not checked: the key
# is replaced every other year (Systems Manager user guide, "Verifying the signature of SSM Agent"), and a machine that is
# replaced on a bad day must not stop at that. Whoever could forge that bucket runs the machine anyway.
set -eu

region=$1

if dpkg-query --show --showformat='${db:Status-Status}' amazon-ssm-agent 2>/dev/null | grep -q '^installed$'; then
  exit 0
fi

folder=$(mktemp --directory)
trap 'rm -rf "$folder"' EXIT

curl --fail --silent --show-error --proto '=https' --tlsv1.2 --retry 5 \
  --output "$folder/amazon-ssm-agent.deb" \
  "https://s3.$region.amazonaws.com/amazon-ssm-$region/latest/debian_amd64/amazon-ssm-agent.deb"
DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=300 install --no-install-recommends "$folder/amazon-ssm-agent.deb"
