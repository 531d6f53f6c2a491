#!/bin/sh
# Installs Grafana from its makers' apt repository, trusting the one key that signs it and no other the download may hold.
set -eu

# The key of 2023-08-24, in use since (https://apt.grafana.com); a rotation stops new installations until a person looks.
fingerprint=B53AE77BADB630A683046005963FA27710458545
# Named, so that two machines get the same; a newer one is tried here first.
version=12.3.0
keyring=/etc/apt/keyrings/grafana.gpg
sources=/etc/apt/sources.list.d/grafana.sources

if dpkg-query --show --showformat='${db:Status-Status}' grafana 2>/dev/null | grep -q '^installed$'; then
  exit 0
fi

folder=$(mktemp --directory)
trap 'rm -rf "$folder"' EXIT

curl --fail --silent --show-error --location --proto '=https' --retry 5 \
  --output "$folder/keys" https://apt.grafana.com/gpg-full.key
gpg --homedir "$folder" --batch --quiet --import "$folder/keys"
gpg --homedir "$folder" --batch --export "$fingerprint" >"$folder/keyring"
if [ ! -s "$folder/keyring" ]; then
  echo "the keys at apt.grafana.com do not contain $fingerprint; check with Grafana whether it was rotated" >&2
  exit 1
fi
install -D --mode=0644 "$folder/keyring" "$keyring"

cat >"$sources" <<EOF
Types: deb
URIs: https://apt.grafana.com
Suites: stable
Components: main
Signed-By: $keyring
EOF

export DEBIAN_FRONTEND=noninteractive
apt-get -q -o DPkg::Lock::Timeout=300 -o Acquire::Retries=5 update
# our grafana.ini is there already and stays; the unit is started once all of the machine's files are
apt-get -q -y -o DPkg::Lock::Timeout=300 -o Dpkg::Options::=--force-confold install --no-install-recommends "grafana=$version"
