#!/usr/bin/python3
"""Finds what undoes a setting that acknowledged commits rest on, whoever made it and on whatever level.

pgha-durability show                 what was found, as JSON
pgha-durability metrics FILE         the same as node exporter text
pgha-durability take-back [NAME ...] removes these settings, or all that were found, from the server's configuration files and
                                     reloads it. ALTER SYSTEM RESET cannot: where allow_alter_system is off it is refused, and what
                                     postgresql.auto.conf already has stays in force

A level is one of: system (postgresql.auto.conf), file (another configuration file of the server), server (in force from another
source), database, role, role-in-database, all-roles, pooler (what PgBouncer does with each connection), patroni (the dynamic
configuration).
"""

import configparser
import json
import os
import ssl
import subprocess
import sys
import tempfile
import urllib.request

SETTINGS = "/etc/pgha/durability.json"
DEADLINE_SECONDS = 8
AUTO = "postgresql.auto.conf"

QUERY = """
select json_build_object(
  'inRecovery', pg_is_in_recovery(),
  'dataDirectory', current_setting('data_directory'),
  'files', (select coalesce(json_agg(json_build_object(
      'name', lower(name), 'value', setting, 'file', sourcefile, 'line', sourceline, 'applied', applied
    ) order by seqno), '[]') from pg_file_settings where lower(name) = any (array[%(names)s])),
  'server', (select coalesce(json_agg(json_build_object('name', name, 'value', setting, 'source', source) order by name), '[]')
    from pg_settings where name = any (array[%(names)s])),
  'stored', (select coalesce(json_agg(json_build_object('database', datname, 'role', rolname, 'options', setconfig)
      order by datname, rolname), '[]')
    from pg_db_role_setting left join pg_database on pg_database.oid = setdatabase left join pg_roles on pg_roles.oid = setrole)
)
"""
# a session of the superuser's own may be told otherwise: such a value is not the server's, and stands among the stored ones
SESSION_SOURCES = ("database", "user", "database user", "global", "client", "session", "interactive")
SPELLINGS = {"true": "on", "yes": "on", "1": "on", "false": "off", "no": "off", "0": "off"}


def normal(value):
    """One spelling of a value that may be written in many: booleans also by the beginning of a word."""
    text = value.strip().lower()
    if text in SPELLINGS or text in ("on", "off"):
        return SPELLINGS.get(text, text)
    whole = [word for word in ("true", "false", "yes", "no", "off") if text and text != "o" and word.startswith(text)]
    return SPELLINGS.get(whole[0], whole[0]) if len(whole) == 1 else text


def undoes(wanted, name, value):
    """Whether this value of a setting is less than what is needed."""
    enough = wanted["enough"].get(name)
    return enough is not None and normal(value) not in enough


def override(level, setting, value, **where):
    """A finding; what does not belong to its level is null."""
    empty = {"database": None, "role": None, "file": None, "line": None, "applied": None}
    return {"setting": setting, "value": value, "level": level, **empty, **where}


def in_files(wanted, seen):
    """What a file sets that Patroni's part of postgresql.conf does not mean. The last of several lines counts."""
    main = f"{seen['dataDirectory']}/postgresql.conf"
    found = []
    for name in [*wanted["enough"], *wanted["owned"]]:
        rows = [row for row in seen["files"] if row["name"] == name]
        if not rows:
            continue
        last = rows[-1]
        is_auto = os.path.basename(last["file"]) == AUTO
        if name in wanted["owned"]:
            by_patroni = last["file"] == main and sum(row["file"] == main for row in rows) == 1
            is_override = not by_patroni
        else:
            is_override = undoes(wanted, name, last["value"])
        if is_override:
            where = {"file": last["file"], "line": last["line"], "applied": last["applied"]}
            found.append(override("system" if is_auto else "file", name, last["value"], **where))
    return found


def in_force(wanted, seen, known):
    """What the server runs with although no file says so: its command line, a default, how it was initialised."""
    return [
        override("server", row["name"], row["value"], applied=True)
        for row in seen["server"]
        if row["source"] not in SESSION_SOURCES and row["name"] not in known and undoes(wanted, row["name"], row["value"])
    ]


def stored(wanted, seen):
    """What ALTER DATABASE and ALTER ROLE keep."""
    found = []
    for row in seen["stored"]:
        database, role = row["database"], row["role"]
        level = {(True, True): "role-in-database", (True, False): "database", (False, True): "role"}.get(
            (database is not None, role is not None), "all-roles"
        )
        for name, value in (option.split("=", 1) for option in row["options"]):
            if undoes(wanted, name.lower(), value):
                found.append(override(level, name.lower(), value, database=database, role=role))
    return found


def in_pooler(wanted, text):
    """Connections that PgBouncer hands out without having pinned what their commits wait for."""
    # a line may be "%include FILE", and a value has percent signs of its own
    parser = configparser.ConfigParser(interpolation=None, strict=False, allow_no_value=True, delimiters=("=",))
    parser.optionxform = str
    parser.read_string(text)
    quoted = wanted["pin"].replace("'", "''")
    setting, where = "synchronous_commit", {"file": wanted["poolerFile"]}
    found = [
        override("pooler", setting, "connect_query", database=name, **where)
        for name, value in parser.items("databases")
        if f"connect_query='{quoted}'" not in (value or "")
    ]
    general = dict(parser.items("pgbouncer"))
    if general.get("server_reset_query") != wanted["pin"] or normal(general.get("server_reset_query_always") or "0") != "on":
        found.append(override("pooler", setting, "server_reset_query", **where))
    return found


def strength(value):
    """Of a value of Patroni's dynamic configuration, so that what is weaker is less."""
    if value is None or isinstance(value, bool):
        return int(bool(value))
    text = normal(str(value))
    return {"off": 0, "on": 1, "quorum": 1}[text] if text in ("off", "on", "quorum") else float(text)


def is_weaker(now, want):
    try:
        return strength(now) < strength(want)
    except ValueError:
        return True


def in_patroni(wanted, dynamic):
    return [
        override("patroni", key, str(dynamic.get(key, "")).lower())
        for key, want in wanted["dynamic"].items()
        if is_weaker(dynamic.get(key), want)
    ]


def run(command):
    as_postgres = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    result = subprocess.run(
        [*as_postgres, *command], check=False, capture_output=True, text=True, timeout=DEADLINE_SECONDS
    )
    if result.returncode != 0:
        said = (result.stderr.strip() or "no output").splitlines()
        raise SystemExit(f"{command[0]} exited with status {result.returncode}: {said[-1]}")
    return result.stdout


def ask(query):
    return run(["psql", "-X", "-q", "-A", "-t", "-d", "dbname=postgres connect_timeout=5", "-c", query])


def read_dynamic(wanted):
    """Patroni's dynamic configuration; nothing when it does not answer, which is another alert's business."""
    context = ssl.create_default_context(cafile=wanted["ca"])
    try:
        with urllib.request.urlopen(f"{wanted['patroni']}/config", timeout=3, context=context) as answer:
            return json.load(answer)
    except (OSError, ValueError):
        return None


def look(wanted):
    names = ", ".join(f"'{name}'" for name in [*wanted["enough"], *wanted["owned"]])
    seen = json.loads(ask(QUERY % {"names": names}))
    files = in_files(wanted, seen)
    dynamic = read_dynamic(wanted)
    with open(wanted["poolerFile"], encoding="utf-8") as file:
        pooler = in_pooler(wanted, file.read())
    return seen["inRecovery"], [
        *files,
        *in_force(wanted, seen, {each["setting"] for each in files}),
        *stored(wanted, seen),
        *pooler,
        *([] if dynamic is None else in_patroni(wanted, dynamic)),
    ]


def where_of(found):
    """In one word, for the label of a figure."""
    database, role = found["database"], found["role"]
    return {
        "role-in-database": f"{role}@{database}",
        "database": database,
        "role": role,
        "system": AUTO,
        "file": found["file"],
    }.get(found["level"], found["level"])


def render_metrics(in_recovery, found):
    """What a primary replicates to its standbys is told by the primary alone; the configuration is each member's own."""
    replicated = ("database", "role", "role-in-database", "all-roles", "patroni")
    lines = [
        "# HELP pgha_durability_override A durability setting that is overridden.",
        "# TYPE pgha_durability_override gauge",
    ]
    escaped = lambda text: str(text).replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")  # noqa: E731
    for each in found:
        if not (in_recovery and each["level"] in replicated):
            labels = {"setting": each["setting"], "level": each["level"], "where": where_of(each), "value": each["value"]}
            text = ",".join(f'{name}="{escaped(value)}"' for name, value in labels.items())
            lines.append(f"pgha_durability_override{{{text}}} 1")
    return "".join(f"{line}\n" for line in lines)


def replace_file(path, text):
    """Whole or not at all, with the owner and the mode it had."""
    before = os.stat(path)
    descriptor, name = tempfile.mkstemp(dir=os.path.dirname(path))
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        os.fchmod(file.fileno(), before.st_mode & 0o7777)
        os.fchown(file.fileno(), before.st_uid, before.st_gid)
        file.flush()
        os.fsync(file.fileno())
    os.rename(name, path)


def without_line(text, number, setting):
    """The text without this line, which has to be the setting's."""
    lines = text.splitlines(keepends=True)
    line = lines[number - 1] if number <= len(lines) else ""
    if line.replace("=", " ").split()[:1] != [setting] and line.lower().replace("=", " ").split()[:1] != [setting]:
        raise SystemExit(f"line {number} is not {setting}: the file was changed meanwhile; try again")
    return "".join([*lines[: number - 1], *lines[number:]])


def take_back(wanted, names):
    removed = []
    # one at a time: each removal moves the lines below it, and may bring an earlier line into force
    while True:
        _, found = look(wanted)
        lines = [each for each in found if each["level"] in ("system", "file") and (not names or each["setting"] in names)]
        if not lines:
            break
        first = lines[0]
        with open(first["file"], encoding="utf-8") as file:
            text = file.read()
        replace_file(first["file"], without_line(text, first["line"], first["setting"]))
        removed.append({key: first[key] for key in ("setting", "value", "file")})
    if removed:
        ask("select pg_reload_conf()")
    print(json.dumps({"removed": removed}))


def main(arguments):
    with open(SETTINGS, encoding="utf-8") as file:
        wanted = json.load(file)
    if arguments == ["show"]:
        print(json.dumps({"overrides": look(wanted)[1]}))
    elif arguments[:1] == ["metrics"] and len(arguments) == 2:
        text = render_metrics(*look(wanted))
        # the exporter must never read half a file
        with open(f"{arguments[1]}.new", "w", encoding="utf-8") as file:
            file.write(text)
        os.rename(f"{arguments[1]}.new", arguments[1])
    elif arguments[:1] == ["take-back"]:
        take_back(wanted, arguments[1:])
    else:
        raise SystemExit("usage: pgha-durability show | metrics FILE | take-back [NAME ...]")


if __name__ == "__main__":
    main(sys.argv[1:])
