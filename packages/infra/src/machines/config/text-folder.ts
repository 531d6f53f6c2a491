/** Where the node exporter takes figures from that programs leave as text; empty after a boot, so that none is from before. */
export const textFolder = '/run/pgha-metrics';

/** The timer of a program that leaves figures there, again so many seconds after its last run ended. */
export const figuresTimer = (does: string, everySeconds: number) => `[Unit]
Description=${does}

[Timer]
OnBootSec=60
OnUnitInactiveSec=${everySeconds}
AccuracySec=1

[Install]
WantedBy=timers.target
`;
