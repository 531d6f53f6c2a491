import { type Host, runChecked } from '../../src/hosts/host.ts';

const folder = '/var/lib/pgha-test-repository';

/**
 * Offers a machine a newer version of a package it has: the installed files, packed again under a higher version, in an apt
 * repository of the machine's own. What apt, dpkg and the upgrade do with it is real.
 */
export async function offerNewerVersion(host: Host, name: string): Promise<void> {
  await runChecked(host, ['sh', '-euc', script, 'sh', name, folder], { timeoutMs: 300_000 });
}

/** dpkg-repack's few lines, and the index that apt-ftparchive would write. */
const script = `
name=$1 folder=$2
tree=$(mktemp -d); trap 'rm -rf "$tree"' EXIT
chmod 0755 "$tree"; mkdir "$tree/DEBIAN"
dpkg-query -W -f='Package: \${Package}\\nVersion: \${Version}+newer1\\nArchitecture: \${Architecture}\\nMaintainer: test <test@example.com>\\nDepends: \${Depends}\\nDescription: a newer version\\n' "$name" |
  sed '/^Depends: $/d' >"$tree/DEBIAN/control"
dpkg-query -L "$name" | while read -r path; do
  if [ -L "$path" ] || [ -f "$path" ]; then cp -a --parents "$path" "$tree"; fi
done
mkdir -p "$folder"
dpkg-deb --root-owner-group -Znone -b "$tree" "$folder/$name.deb" >/dev/null
cd "$folder"
for deb in *.deb; do
  dpkg-deb -f "$deb"
  printf 'Filename: ./%s\\nSize: %s\\nSHA256: %s\\n\\n' "$deb" "$(stat -c %s "$deb")" "$(sha256sum "$deb" | cut -d ' ' -f 1)"
done >Packages
printf 'deb [trusted=yes] file:%s ./\\n' "$folder" >/etc/apt/sources.list.d/test-newer.list
`;

/** Takes the offer back, so that later suites see Debian's versions only. */
export async function withdrawOffers(host: Host): Promise<void> {
  await runChecked(host, ['rm', '-rf', folder, '/etc/apt/sources.list.d/test-newer.list']);
}
