#!/usr/bin/python3
"""Patroni with four of its waits shortened and one mistake mended: pgha-patroni CONFIGURATION

While the primary changes hands, Patroni sleeps whole seconds "to give somebody time": a former primary before it follows, every
other standby before it follows, and the primary that shuts down between two looks at whether it has. Nobody can be acknowledged
meanwhile, because no standby is there to confirm. Each wait is followed by a fresh look at etcd and costs nothing but another
round when it was too short: what may be promoted, and when a key may be released, is decided by code that is not touched. The
fourth is for etcd, five seconds at a time, while a whole region boots.

The mistake: a cluster that was just made, in strict quorum mode and still without a standby, is told to wait for "ANY None (*)",
which PostgreSQL refuses. So it acknowledges commits alone until a standby is there, and does not start again before.

The lines are replaced as they are loaded, and only if every one is found just as this program knows it. After an update that
changed them Patroni runs as its makers wrote it, which is a second or two slower, and says so.
"""

import importlib.util
import sys

ETCD_WAIT = "logger.info('waiting on etcd')\n                time.sleep(5)"

# module, line as it is, line as it runs, how often it has to be there
REPLACEMENTS = (
    (
        "patroni.ha",
        "time.sleep(2)  # Give a time to somebody to take the leader lock",
        "time.sleep(0.25)",
        2,
    ),
    # in a demotion and in Patroni's own shutdown
    ("patroni.ha", "time.sleep(1)  # give replicas some more time to catch up", "time.sleep(0.1)", 2),
    ("patroni.postgresql", "\nSTOP_POLLING_INTERVAL = 1\n", "\nSTOP_POLLING_INTERVAL = 0.05\n", 1),
    # a member that boots beside its etcd: two places, and between two looks nothing is decided
    ("patroni.dcs.etcd", ETCD_WAIT, ETCD_WAIT.replace("sleep(5)", "sleep(0.5)"), 1),
    ("patroni.dcs.etcd3", ETCD_WAIT, ETCD_WAIT.replace("sleep(5)", "sleep(0.5)"), 1),
    (
        "patroni.postgresql.sync",
        "sync_param = f'{prefix}{num} ({sync_param})'",
        "sync_param = f'{prefix}{num or 1} ({sync_param})'",
        1,
    ),
)


def shortened_sources():
    """Module name -> (its specification, its text with the lines replaced); None when one is not as expected."""
    sources = {}
    for name, line, replacement, count in REPLACEMENTS:
        if name not in sources:
            specification = importlib.util.find_spec(name)
            sources[name] = (specification, specification.loader.get_source(name))
        specification, text = sources[name]
        if text.count(line) != count:
            print(f"WARNING: {name} is not the version that this program patches: its waits are unchanged", file=sys.stderr)
            return None
        sources[name] = (specification, text.replace(line, replacement))
    return sources


class ShortenedLoader:
    """Runs a module's replaced text in place of its file's; everything else about the module stays."""

    def __init__(self, loader, text):
        self.loader, self.text = loader, text

    def create_module(self, specification):
        return self.loader.create_module(specification)

    def exec_module(self, module):
        exec(compile(self.text, module.__spec__.origin, "exec"), module.__dict__)  # noqa: S102


class ShortenedFinder:
    """Asked before Python's own finders, for these modules only."""

    def __init__(self, sources):
        self.sources = sources

    def find_spec(self, name, _path=None, _target=None):
        if name not in self.sources:
            return None
        specification, text = self.sources[name]
        specification.loader = ShortenedLoader(specification.loader, text)
        return specification


def main():
    sources = shortened_sources()
    # finding a specification may have imported the parents; they are imported again by Patroni itself
    for name in [name for name in sys.modules if name == "patroni" or name.startswith("patroni.")]:
        del sys.modules[name]
    if sources is not None:
        sys.meta_path.insert(0, ShortenedFinder(sources))
    from patroni.__main__ import main as run_patroni

    run_patroni()


if __name__ == "__main__":
    main()
