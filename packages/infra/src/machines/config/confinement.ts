/** What a service that talks over sockets only can do without, as lines of its unit (systemd.exec(5), "Sandboxing"). */
export const confined = `ProtectSystem=strict
ProtectHome=yes
PrivateTmp=yes
PrivateDevices=yes
ProtectKernelTunables=yes
ProtectKernelModules=yes
ProtectControlGroups=yes
NoNewPrivileges=yes`;
