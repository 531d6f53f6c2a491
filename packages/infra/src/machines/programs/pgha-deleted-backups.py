#!/usr/bin/python3
"""Finds what was deleted from the repositories although backups need it: pgha-deleted-backups RESULT [METRICS]

A bucket with versions forgets nothing at once: a deletion leaves a delete marker, and what was stored stays behind it. pgBackRest
deletes as well, when backups expire; so only that counts which `pgbackrest info` says exists: every object below the label of a
backup, and WAL from the first segment that the repository has.

RESULT gets JSON, METRICS the same as node exporter text. Ends with 1 when a repository could not be checked; what was found in it
before stays in the result.
"""

import configparser
import datetime
import json
import os
import re
import subprocess
import sys

# a request lists 1000 versions: 1.5 million of them, twenty times what a small cluster has; more would cost more than a dollar a day
REQUESTS_AT_MOST = 1500
PGBACKREST_SECONDS = 45
WAL = re.compile(r"([0-9A-F]{24})[-.][^/]*")
HISTORY = re.compile(r"([0-9A-F]{8})\.history[^/]*")


class Unchecked(Exception):
    pass


def needed_of(stanza, key):
    """What pgBackRest says that a repository has: when each backup ended, by its label, and where WAL begins, by archive ID."""
    backups = [each for each in stanza.get("backup", []) if each["database"]["repo-key"] == key]
    return {
        "labels": {each["label"]: each["timestamp"]["stop"] for each in backups},
        # WAL from before the oldest backup is nothing that anyone could restore
        "since": min((each["timestamp"]["start"] for each in backups), default=None),
        "wal": {
            each["id"]: each["min"]
            for each in stanza.get("archive", [])
            if each["database"]["repo-key"] == key and each.get("min") is not None
        },
    }


def places_of(needed, scope, path):
    """The prefixes to list, each with the key to begin behind."""
    backups, archive = f"{path}/backup/{scope}", f"{path}/archive/{scope}"
    labels = [(f"{backups}/{label}/", "") for label in sorted(needed["labels"])]
    wal = [(f"{archive}/{each}/", f"{archive}/{each}/{first[:16]}/{first}") for each, first in sorted(needed["wal"].items())]
    return [(f"{backups}/backup.info", ""), (f"{archive}/archive.info", ""), *labels, *wal]


def is_needed(needed, scope, path, key, deleted_at):
    """Whether backups that exist need the object of a delete marker from that moment, in seconds since 1970."""
    folder, _, rest = key.removeprefix(f"{path}/").partition("/")
    rest = rest.removeprefix(f"{scope}/")
    first, _, _ = rest.partition("/")
    if folder == "backup":
        if first in ("backup.info", "backup.info.copy"):
            return True
        # a backup that resumes an interrupted one removes what it cannot use, and finishes afterwards
        stopped_at = needed["labels"].get(first)
        return stopped_at is not None and deleted_at > stopped_at
    if first in ("archive.info", "archive.info.copy"):
        return True
    begin = needed["wal"].get(first)
    if begin is None or needed["since"] is None or deleted_at <= needed["since"]:
        return False
    name = rest.rpartition("/")[2]
    history, segment = HISTORY.fullmatch(name), WAL.fullmatch(name)
    if history is not None:
        return history[1] >= begin[:8]
    return segment is not None and segment[1] >= begin


def missing_of(needed, scope, path, current):
    """Manifests of backups that are not there, with or without a delete marker: a version can be deleted for good."""
    manifests = [f"{path}/backup/{scope}/{label}/backup.manifest" for label in sorted(needed["labels"])]
    return [key for key in manifests if key not in current]


def judge(seen, needed, scope, path):
    """What was deleted, the earliest first. seen: markers, (key, seconds) each, and the current manifests."""
    marked = {key: at for key, at in seen["markers"] if is_needed(needed, scope, path, key, at)}
    missing = {key: None for key in missing_of(needed, scope, path, seen["manifests"]) if key not in marked}
    every = sorted(marked.items(), key=lambda each: (each[1], each[0])) + sorted(missing.items())
    return {
        "deleted": len(every),
        "first": every[0][0] if every else None,
        "firstAt": moment(every[0][1]) if every else None,
        # the backups, and the archive, that lack something
        "below": sorted({below(key, path) for key, _ in every}),
    }


def below(key, path):
    """The prefix that people look at: a backup's, or the archive's."""
    words = key.removeprefix(f"{path}/").split("/")
    return "/".join([path, *words[: min(3, len(words) - 1)], ""])


def look(client, bucket, places):
    """Lists versions. Returns the markers in force, which manifests are current, and how many requests that took."""
    markers, manifests, requests = [], set(), 0
    for prefix, begin in places:
        question = {"Bucket": bucket, "Prefix": prefix, "KeyMarker": begin}
        while True:
            if requests == REQUESTS_AT_MOST:
                raise Unchecked(f"more than {1000 * REQUESTS_AT_MOST} versions: the rest was not looked at")
            requests += 1
            page = client.list_object_versions(**{name: value for name, value in question.items() if value})
            for each in page.get("DeleteMarkers", []):
                if each["IsLatest"]:
                    markers.append((each["Key"], each["LastModified"].timestamp()))
            for each in page.get("Versions", []):
                if each["IsLatest"] and each["Key"].endswith("/backup.manifest"):
                    manifests.add(each["Key"])
            if not page.get("IsTruncated"):
                break
            question |= {"KeyMarker": page["NextKeyMarker"], "VersionIdMarker": page.get("NextVersionIdMarker")}
    return {"markers": markers, "manifests": manifests}, requests


def check(scope, key, options, read_info, client):
    """One repository. What expires while it is listed is not missed: pgBackRest is asked again when something was found."""
    path = options["path"].strip("/")
    needed = needed_of(read_info(), key)
    seen, requests = look(client, options["s3-bucket"], places_of(needed, scope, path))
    found = judge(seen, needed, scope, path)
    if found["deleted"] > 0:
        # a new backup has not been listed
        after = needed_of(read_info(), key)
        kept = {label: at for label, at in needed["labels"].items() if label in after["labels"]}
        found = judge(seen, {**after, "labels": kept}, scope, path)
    return {**found, "requests": requests}


def repositories_of(text):
    """Key -> options of every repository in use, from pgBackRest's own configuration."""
    parser = configparser.ConfigParser(interpolation=None, strict=False, delimiters=("=",))
    parser.read_string(text)
    repositories = {}
    for name, value in parser.items("global") if parser.has_section("global") else []:
        matched = re.fullmatch(r"repo(\d+)-(.+)", name)
        if matched:
            repositories.setdefault(int(matched[1]), {})[matched[2]] = value
    return repositories


def connect(options):
    # its import is the slowest part, and pure functions are tested without it
    import boto3
    from botocore.config import Config

    patience = Config(connect_timeout=5, read_timeout=30, retries={"mode": "adaptive", "max_attempts": 5})
    return boto3.client(
        "s3",
        region_name=options["s3-region"],
        endpoint_url=f"https://{options['s3-endpoint']}",
        verify=options.get("storage-ca-file"),
        config=patience,
    )


def read_info(used, scope, key):
    """pgBackRest's word for one repository: another one that is unavailable must not hide it."""
    command = ["pgbackrest", f"--config-include-path={used}", f"--stanza={scope}", f"--repo={key}", "info", "--output=json"]
    try:
        said = subprocess.run(command, check=False, capture_output=True, text=True, timeout=PGBACKREST_SECONDS)
    except subprocess.TimeoutExpired as error:
        raise Unchecked(f"pgbackrest info did not end within {PGBACKREST_SECONDS} s") from error
    if said.returncode != 0:
        raise Unchecked((said.stderr.strip() or f"pgbackrest info ended with {said.returncode}").splitlines()[-1])
    stanzas = json.loads(said.stdout)
    stanza = next((each for each in stanzas if each["name"] == scope), {})
    status = next((each["status"] for each in stanza.get("repo", []) if each["key"] == key), {"code": 0})
    # 2: no backup yet; others are what BackupRepositoryUnreachable tells
    if status["code"] not in (0, 2):
        raise Unchecked(f"pgbackrest info says: {status['message']}")
    return stanza


def moment(seconds):
    return None if seconds is None else datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc).isoformat()


def render_metrics(results):
    lines = []
    figures = {
        "pgha_backup_objects_deleted": ("Objects of existing backups and WAL that were deleted.", lambda each: each["deleted"]),
        "pgha_backup_objects_checked_seconds": (
            "When the repository was last checked for that, in seconds since 1970; before the first time: since when it should be.",
            lambda each: datetime.datetime.fromisoformat(each["checkedAt"] or each["expectedSince"]).timestamp(),
        ),
    }
    for name, (text, value) in figures.items():
        lines += [f"# HELP {name} {text}", f"# TYPE {name} gauge"]
        lines += [f'{name}{{repository="{each["repository"]}"}} {int(value(each))}' for each in results]
    return "".join(f"{line}\n" for line in lines)


def read_before(path):
    """The results of the run before, by repository."""
    try:
        with open(path, encoding="utf-8") as file:
            return {each["repository"]: each for each in json.load(file)}
    except (FileNotFoundError, ValueError):
        return {}


def replace(path, text):
    with open(f"{path}.new", "w", encoding="utf-8") as file:
        file.write(text)
    os.chmod(f"{path}.new", 0o644)
    # nobody may read half a file
    os.rename(f"{path}.new", path)


def run(scope, repositories, used, before, now):
    results = []
    unknown = {"deleted": 0, "first": None, "firstAt": None, "below": [], "requests": 0, "checkedAt": None}
    for key, options in sorted(repositories.items()):
        own = {"repository": key, "bucket": options["s3-bucket"], "region": options["s3-region"]}
        last = before.get(key, {})
        since = last.get("expectedSince") or now
        try:
            found = check(scope, key, options, lambda key=key: read_info(used, scope, key), connect(options))
            results.append({**own, **found, "checkedAt": now, "expectedSince": since, "problem": None})
        except Exception as error:  # noqa: BLE001, whatever stands in the way of one repository leaves the other one
            kept = {name: last.get(name, unknown[name]) for name in unknown}
            results.append({**own, **kept, "expectedSince": since, "problem": str(error) or type(error).__name__})
    return results


def main(arguments):
    if len(arguments) not in (1, 2):
        raise SystemExit("usage: pgha-deleted-backups RESULT [METRICS]")
    settings = "/etc/pgha/repositories.json"
    subprocess.run(["/usr/local/lib/pgha/repositories", settings], check=True)
    with open(settings, encoding="utf-8") as file:
        scope = json.load(file)["scope"]
    used = f"{os.environ['RUNTIME_DIRECTORY']}/used"
    with open(f"{used}/repositories.conf", encoding="utf-8") as file:
        repositories = repositories_of(file.read())
    now = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")
    results = run(scope, repositories, used, read_before(arguments[0]), now)
    replace(arguments[0], json.dumps(results))
    if len(arguments) == 2:
        replace(arguments[1], render_metrics(results))
    for each in results:
        if each["deleted"] > 0:
            print(f"repository {each['repository']}: {each['deleted']} deleted, first {each['first']}", file=sys.stderr)
        if each["problem"] is not None:
            print(f"repository {each['repository']} could not be checked: {each['problem']}", file=sys.stderr)
    return 1 if any(each["problem"] is not None for each in results) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
