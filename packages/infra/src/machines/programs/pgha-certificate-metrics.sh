#!/bin/sh
# Writes when every certificate of a folder ends as node exporter text: pgha-certificate-metrics FOLDER FILE
set -eu

folder=$1
target=$2

{
  echo '# HELP pgha_certificate_not_after_seconds When the certificate expires, in seconds since 1970.'
  echo '# TYPE pgha_certificate_not_after_seconds gauge'
  for certificate in "$folder"/*.crt; do
    [ -e "$certificate" ] || continue
    end=$(openssl x509 -in "$certificate" -noout -enddate)
    printf 'pgha_certificate_not_after_seconds{path="%s"} %s\n' "$certificate" "$(date --date="${end#notAfter=}" +%s)"
  done
} >"$target.new"
chmod 0644 "$target.new"
# the exporter must never read half a file
mv "$target.new" "$target"
