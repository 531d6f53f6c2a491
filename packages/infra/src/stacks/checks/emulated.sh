#!/bin/bash
# Plans and makes every stack with the real provider against what AWS_ENDPOINT_URL names, an emulation of AWS: once, again with
# nothing to do, with a member replaced, removed and added again, and destroys it. Every plan is kept as `terraform show -json`
# has it, with the provider's schema: `pnpm --filter ./packages/ops record-plans FOLDER` makes fixtures of them.
#
#   packages/infra/src/stacks/checks/emulated.sh FOLDER
set -euo pipefail

plans=$(realpath -m "$1")
cd "$(dirname "$0")/../../.."
out=$PWD/cdktf.out/emulated
mkdir -p "$plans"

synth() {
  node --disable-warning=DEP0044 src/stacks/main.ts --config "$PWD/src/stacks/checks/$1.config.ts" --out "$out"
}

tf() {
  local stack=$1
  shift
  terraform -chdir="$out/stacks/$stack" "$@"
}

# plan WHAT STACK [OPTION...]: the plan, and its text in the folder
plan() {
  local what=$1 stack=$2
  shift 2
  echo "== $what: $stack"
  tf "$stack" init -no-color > "$plans/init.log" || { cat "$plans/init.log"; return 1; }
  tf "$stack" plan -no-color -out=plan.tfplan "$@"
  tf "$stack" show -json -no-color plan.tfplan > "$plans/$what-$stack.json"
}

apply() {
  plan "$@"
  tf "$2" apply -no-color plan.tfplan
}

# nothing_in WHAT STACK: the plan that was kept has nothing to do
nothing_in() {
  jq --exit-status '[.resource_changes[]? | select(.mode == "managed" and .change.actions != ["no-op"])
    | {address, actions: .change.actions}] | if length > 0 then (tostring | halt_error) else true end' "$plans/$1-$2.json"
}

# has WHAT STACK ADDRESS ACTIONS: the plan does just this with a resource
has() {
  jq --exit-status --arg address "$3" --argjson actions "$4" \
    'any(.resource_changes[]; .address == $address and .change.actions == $actions)' "$plans/$1-$2.json"
}

every="primary-data dr-data primary dr peering"
synth three-members
# a region is planned before its data is there, as in a first deploy's preview
for stack in primary dr; do plan before "$stack"; done
for stack in $every; do apply first "$stack"; done
# every database machine has its volume
for stack in primary dr; do
  tf "$stack" output -json data_volumes | jq --exit-status 'length > 0 and all(. != null)'
done
# the data stacks know their volumes already, and import none
for stack in $every; do
  plan second "$stack"
  nothing_in second "$stack"
done

apply replaced primary -replace=aws_instance.machines_pg-2
has replaced primary 'aws_volume_attachment.machines_pg-2-data[0]' '["delete","create"]'

volume=$(tf primary output -json data_volumes | jq --raw-output '."pg-3"')
synth two-members
apply removed primary
has removed primary 'aws_volume_attachment.machines_pg-3-data[0]' '["delete"]'
apply removed primary-data
has removed primary-data aws_ebs_volume.pg-3-data '["forget"]'
for stack in primary-data primary; do
  plan after-removal "$stack"
  nothing_in after-removal "$stack"
done

synth three-members
apply added primary-data
jq --exit-status --arg volume "$volume" \
  'any(.resource_changes[]; .address == "aws_ebs_volume.pg-3-data" and .change.importing.id == $volume)' \
  "$plans/added-primary-data.json"
apply added primary
tf primary output -json data_volumes | jq --exit-status --arg volume "$volume" '."pg-3" == $volume'

types=$(jq --slurp '[.[].resource // {} | keys[]] | unique' "$out"/stacks/*/cdk.tf.json)
tf primary providers schema -json |
  jq --argjson types "$types" '.provider_schemas[].resource_schemas | with_entries(select(.key | IN($types[])))' \
    > "$plans/provider-schema.json"

apply destroyed peering -destroy
for stack in primary dr; do
  apply unprotected "$stack" -var=deletion_protection=false -target=aws_lb.load-balancer_nlb
  apply destroyed "$stack" -destroy -var=deletion_protection=false
done
