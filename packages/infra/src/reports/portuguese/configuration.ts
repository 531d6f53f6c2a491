import type { SettingTexts, Texts } from '../configuration-texts.ts';

const region = {
  awsRegion: { about: 'região da AWS' },
  zones: {
    about: 'letras de três zonas de disponibilidade; não podem mudar depois que a rede existe',
    otherwise: 'três zonas que contas novas têm nessa região',
  },
  cidr: { about: 'faixa de endereços da VPC; não pode mudar depois' },
  postgres: { about: 'número de nós PostgreSQL' },
  etcd: { about: 'número de nós de etcd' },
  namePrefix: { about: 'prefixo do nome de todos os nós' },
  apiServer: { about: 'se a região tem um nó de API com os dois serviços HTTP' },
} as const satisfies Record<string, SettingTexts>;

/** What docs/pt-BR/reference/configuration.md says of each setting. The rules are quoted as the commands print them. */
export const configurationTexts: Texts = {
  general: {
    project: { about: 'primeira parte de todos os nomes na conta' },
    environment: { about: 'segunda parte de todos os nomes; ambientes de uma conta são separados' },
    durability: {
      about:
        '`available`: o primário confirma escritas sozinho depois que perde o standby. `zero-loss`: as escritas esperam enquanto não há standby síncrono',
      otherwise: '`available` com 2 nós PostgreSQL, `zero-loss` com 3',
    },
    alertEmail: { about: 'endereço notificado dos alertas pelo SNS; precisa ser confirmado uma vez' },
    monitoring: { about: 'se há um nó de monitoramento com Prometheus, Alertmanager e Grafana' },
    awsProfile: {
      about: 'perfil de `~/.aws/config`; `AWS_PROFILE` e chaves de acesso no ambiente têm precedência',
    },
    documentationUrl: {
      about: 'onde `docs` está publicado: a base de `runbook_url` nos alertas; `null`: caminhos do checkout',
    },
    keyPair: { about: 'key pair do EC2 para SSH; `null`: só o Session Manager' },
    adminCidrs: { about: 'endereços de clientes que podem alcançar o bastion e as páginas de monitoramento' },
    apiCidrs: {
      about: "endereços de clientes que podem alcançar as duas APIs HTTP; `['0.0.0.0/0']` é todo mundo",
      otherwise: '`adminCidrs`',
    },
    egress: {
      about: 'como nós sem endereço público alcançam os espelhos de pacotes e a AWS: NAT no bastion ou um NAT gateway',
    },
    flowLogs: { about: 'flow logs da VPC, mantidos por 30 dias' },
    permissionsBoundary: {
      about: 'se cada role recebe o permissions boundary que um administrador cria com `pgha policies`',
    },
    objectLockDays: {
      about: 'object lock do S3 em modo governance nos buckets de backup; um bucket que o recebe o mantém para sempre',
      otherwise: '`backups.restoreWindowDays`',
    },
    state: { about: 'onde fica o estado do Terraform: um bucket por região, ou `.pgha/state` do checkout' },
  },
  primary: region,
  dr: { ...region, etcd: { ...region.etcd, otherwise: '1 com um nó PostgreSQL, 3 com mais' } },
  instanceTypes: {
    etcd: { about: 'nós de etcd' },
    postgres: { about: 'nós PostgreSQL da região primária; as configurações de memória decorrem dele' },
    standby: { about: 'nós PostgreSQL da região de DR', otherwise: '`instanceTypes.postgres`' },
    api: { about: 'nós de API' },
    monitoring: { about: 'nó de monitoramento' },
    bastion: { about: 'bastion' },
  },
  volumes: {
    rootGib: { about: 'volume raiz de cada nó' },
    dataGib: {
      about:
        'volume de dados de cada nó PostgreSQL: dados e WAL, incluindo um dia de WAL para quando um repositório estiver indisponível',
    },
    monitoringGib: { about: 'volume raiz do nó de monitoramento, além do que o sistema precisa' },
  },
  patroni: {
    ttlSeconds: { about: 'TTL do lease do líder: por quanto tempo um host que falhou adia o failover' },
    loopWaitSeconds: { about: 'pausa entre duas rodadas do loop principal do Patroni' },
    retryTimeoutSeconds: {
      about: 'por quanto tempo o Patroni tenta de novo o etcd e o PostgreSQL antes de rebaixar o primário',
    },
    primaryStartTimeoutSeconds: {
      about: 'por quanto tempo um primário que caiu pode se recuperar antes de um failover; 0: failover imediato',
    },
    maximumLagOnFailoverBytes: { about: 'um standby mais atrasado que isso não é candidato a failover' },
  },
  backups: {
    fullOn: { about: 'dia da semana do backup completo; nos outros dias há um diferencial' },
    atUtc: { about: 'horário do backup diário, em UTC' },
    incrementalEveryHours: { about: 'intervalo dos backups incrementais' },
    restoreWindowDays: { about: 'até quando no passado uma recuperação para um ponto no tempo alcança' },
    retentionDays: { about: 'por quanto tempo os backups completos são mantidos' },
  },
};
