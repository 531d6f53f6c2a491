#!/bin/bash
# Proves that the stacks can leave cdktf (docs/decisions/0020-the-way-out-of-cdktf.md): in a copy, the imports of terraform.ts are
# swapped for those of the community's fork, and both renderings are compared. Needs the npm registry, jq and a few minutes.
#
#   pnpm --filter ./packages/infra way-out
set -euo pipefail

cdktn=0.24.0
provider=25.7.0
constructs='>=10.6.0 <10.8.0'

infra=$(realpath "$(dirname "$0")/../../..")
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT

mkdir -p "$copy/packages/infra"
cp -r "$infra/src" "$infra/package.json" "$copy/packages/infra/"
cp "$infra/../../pgha.config.example.ts" "$copy/"
echo '{ "private": true, "type": "module" }' > "$copy/package.json"
(cd "$copy" && npm install --no-audit --no-fund --ignore-scripts --loglevel=error \
  "cdktn@$cdktn" "@cdktn/provider-aws@$provider" "constructs@$constructs")
# what the rendering needs besides is this checkout's own
mkdir -p "$copy/packages/infra/node_modules/@grafana"
for each in yaml @grafana/grafana-foundation-sdk; do
  ln -s "$(realpath "$infra/node_modules/$each")" "$copy/packages/infra/node_modules/$each"
done
sed -i "s#@cdktf/provider-aws/lib#@cdktn/provider-aws/lib#; s#from 'cdktf'#from 'cdktn'#" \
  "$copy/packages/infra/src/stacks/terraform.ts"

render() {
  (cd "$1" && node --disable-warning=DEP0044 src/stacks/main.ts --config "$2" --out "$3" --account 123456789012)
}
# the fork's version, and the provider's, are what may differ
comparable='del(."//".metadata.version, .terraform.required_providers.aws)'
for config in pgha.config.example.ts packages/infra/src/stacks/checks/every-option.config.ts; do
  name=$(basename "$config" .ts)
  render "$infra" "$(realpath "$infra/../..")/$config" "$copy/before/$name"
  render "$copy/packages/infra" "$copy/$config" "$copy/after/$name"
  for stack in "$copy/before/$name"/stacks/*/; do
    stack=$(basename "$stack")
    diff <(jq -S "$comparable" "$copy/before/$name/stacks/$stack/cdk.tf.json") \
      <(jq -S "$comparable" "$copy/after/$name/stacks/$stack/cdk.tf.json")
    echo "$name, $stack: the same"
  done
done
