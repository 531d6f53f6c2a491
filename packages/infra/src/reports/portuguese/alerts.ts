import type { Signal } from '../../observability/signal.ts';

/** What a page says of an alert. Its name and its summary stay as the notification has them, so that a search finds them. */
export type AlertTexts = Pick<Signal, 'meaning' | 'impact' | 'runbook'>;

/** Every alert of a group, by name; the test of the pages asks for every signal, and for no other. */
type Translations = Readonly<Record<string, AlertTexts>>;

const service: Translations = {
  WriteApiDown: {
    meaning: 'O Prometheus não obtém métricas da API de escrita deste nó.',
    impact:
      'O load balancer não envia requisições a este nó. Com um único nó de API, todas as escritas pela API falham.',
    runbook:
      'No nó: `journalctl -u pgha-api -n 50` mostra por que ela parou. Depois de um deploy, desfaça-o com `pgha api rollback`.',
  },
  ReadApiDown: {
    meaning: 'O Prometheus não obtém métricas da API de leitura deste nó.',
    impact:
      'O load balancer não envia requisições a este nó. Com um único nó de API, todas as leituras pela API falham.',
    runbook:
      'No nó: `journalctl -u pgha-read-api -n 50` mostra por que ela parou. Depois de um deploy, desfaça-o com `pgha api rollback`.',
  },
  HttpErrorRateHigh: {
    meaning: 'A proporção de requisições com status 500 ou maior, em um minuto, por serviço.',
    impact: 'Os clientes veem erros. Escritas com Idempotency-Key podem ser repetidas com segurança.',
    runbook:
      'Um failover, sozinho, não faz nenhuma requisição falhar. Verifique com `pgha status` se NoPrimary ou MaxConnectionsNearLimit dispararam; `journalctl -u pgha-api` traz cada falha com o id da requisição e a causa.',
  },
  HttpLatencyHigh: {
    meaning: 'Uma em cada cem requisições demora mais do que isso, em um minuto.',
    impact: 'Os clientes ficam lentos e podem atingir os próprios timeouts.',
    runbook:
      'O painel "Statement latency (p99)" do dashboard services mostra o comando SQL lento, e `pgha status`, uma transação que bloqueia as outras. DiskIoPressure ou CpuStealHigh apontam para o nó.',
  },
  WriteOutcomeUnknown: {
    meaning:
      'A conexão se perdeu depois que uma escrita foi enviada, e o prazo da escrita expirou antes que um primário pudesse informar se houve o commit.',
    impact:
      'Os clientes receberam 504 com o problem type outcome-unknown. Eles podem repetir a requisição com a mesma Idempotency-Key sem criar uma duplicata.',
    runbook:
      'Isso só acontece quando um failover dura mais que o prazo da escrita: `pgha status` e `journalctl -u patroni` dos membros mostram por que demorou tanto.',
  },
  ConnectionPoolExhausted: {
    meaning: 'Todas as conexões do pool do serviço estão em uso, e requisições esperam por uma.',
    impact: 'As requisições ficam lentas; as que esperam além do prazo falham com 503.',
    runbook:
      'A menos que haja um failover em andamento (`pgha status`), o pool é pequeno demais ou comandos SQL retêm conexões: verifique o painel "Statement latency (p99)" e LongTransaction.',
  },
  ReadReplicaLagHigh: {
    meaning: 'A diferença entre o LSN do primário e o que a réplica da API de leitura já aplicou.',
    impact: 'As leituras ficam desatualizadas, e as que usam Min-LSN esperam.',
    runbook: '`pgha status` mostra o atraso de cada membro; ReplicationLagHigh dispara para o membro em questão.',
  },
};

const database: Translations = {
  NoPrimary: {
    meaning:
      'Nenhum membro, em nenhuma região, se declara primário, por mais tempo do que dura um failover não planejado.',
    impact: 'As escritas estão indisponíveis: a API de escrita e o PgBouncer as mantêm na fila até o prazo.',
    runbook:
      '`pgha status` mostra o motivo. Sem quórum do etcd nenhum membro pode ser promovido (EtcdQuorumLost). Se nenhum membro tem com certeza todos os commits confirmados, recupere o nó que falhou em vez de promover outro; `pgha failover --dry-run` mostra o que cada membro tem. Se a região caiu: docs/pt-BR/dr-runbook.md.',
  },
  SplitBrain: {
    meaning: 'Mais de um membro aceita escritas, por mais tempo do que dura um switchover.',
    impact: 'As escritas divergem: o que o primário errado aceitar será perdido.',
    runbook:
      '`pgha status` mostra o líder que consta no etcd. Pare o outro primário imediatamente; depois compare os dados dos dois e recrie o que foi parado com `pgha nodes reinit`.',
  },
  PostgresDown: {
    meaning: 'O Patroni responde e informa que o PostgreSQL está fora do ar.',
    impact: 'Em uma réplica: uma réplica a menos. No primário, o Patroni faz o failover.',
    runbook: '`journalctl -u patroni -n 100` no nó. Um membro que não inicia é recriado com `pgha nodes reinit`.',
  },
  PatroniDown: {
    meaning: 'O Prometheus não obtém métricas da API REST do Patroni (porta 8008) neste nó.',
    impact: 'O HAProxy não envia clientes a este membro, e ele não pode ser promovido.',
    runbook:
      'Se NodeDown também disparou, ligue o nó. Caso contrário, `journalctl -u patroni -n 100` nele; o systemd continua reiniciando o Patroni.',
  },
  PrimaryChanged: {
    meaning: 'A timeline cresceu nos últimos 5 minutos: um failover ou um switchover.',
    impact: 'As escritas foram interrompidas por alguns segundos.',
    runbook:
      'Se foi planejado, nada. Caso contrário, `journalctl -u patroni` do antigo primário, em torno desse horário, mostra o motivo.',
  },
  PatroniPaused: {
    meaning: 'O Patroni está em modo de manutenção (`patronictl pause`).',
    impact: 'Nenhum membro é promovido se o primário falhar.',
    runbook: '`patronictl resume` quando a manutenção terminar.',
  },
  FailsafeMode: {
    meaning: 'O etcd está sem quórum (EtcdQuorumLost, EtcdMemberDown), ou o primário não alcança a porta 2379.',
    impact: 'O primário só aceita escritas enquanto todos os membros lhe respondem, e não há failover automático.',
    runbook:
      '`pgha status` mostra qual dos dois é o caso. Não promova, reinicie nem recrie nenhum membro antes que o etcd volte.',
  },
  PendingRestart: {
    meaning:
      'Uma configuração alterada do PostgreSQL só passa a valer depois de um restart (`pending_restart` do Patroni).',
    impact: 'O membro funciona com o valor anterior.',
    runbook: '`pgha nodes restart`, um membro de cada vez, réplicas primeiro; `pgha switchover` antes do último.',
  },
  ChecksumFailure: {
    meaning: 'O PostgreSQL encontrou páginas corrompidas (`pg_stat_database.checksum_failures`).',
    impact: 'Consultas que leem essas páginas falham. Pode haver perda de dados neste membro.',
    runbook:
      'Em uma réplica: recrie-a com `pgha nodes reinit`. No primário: primeiro `pgha switchover` para um membro saudável, depois recrie-o. No standby leader: `pgha dr rejoin --rebuild`. Se acontecer de novo, suspeite do hardware: `pgha nodes replace`.',
  },
  TransactionIdWraparound: {
    meaning: 'O vacuum não avança o `relfrozenxid`. O autovacuum congela a partir de 200 milhões.',
    impact: 'Com cerca de 2 bilhões o servidor recusa escritas.',
    runbook:
      '`pgha status` mostra o que retém o vacuum: uma transação longa ou preparada, ou um slot de replicação inativo. Encerre-o e execute `vacuum (freeze)` nas tabelas com o maior `age(relfrozenxid)`.',
  },
  LongTransaction: {
    meaning: 'A transação mais longa entre todas as sessões deste servidor.',
    impact: 'O vacuum não pode remover as linhas mortas que ela talvez ainda veja, e ela pode reter locks.',
    runbook:
      '`select pid, usename, state, query from pg_stat_activity order by xact_start` a lista em primeiro lugar; `select pg_terminate_backend(PID)` a encerra.',
  },
  DurabilitySettingOverridden: {
    meaning:
      'Uma configuração de durabilidade, como `fsync` ou `synchronous_commit`, está gravada com um valor inseguro: em um arquivo, na configuração dinâmica do Patroni, no PgBouncer, ou para um banco ou uma role.',
    impact: 'Um commit que foi confirmado pode faltar depois de um crash ou de um failover.',
    runbook:
      '`pgha status` a aponta com o comando que a remove: `pgha apply` para um arquivo do servidor, o PgBouncer ou a configuração dinâmica do Patroni; `ALTER DATABASE … RESET` ou `ALTER ROLE … RESET` para um valor gravado para um banco ou uma role.',
  },
  VacuumHeldBack: {
    meaning: 'Uma transação, uma transação preparada ou a consulta de uma réplica retém o horizonte xmin.',
    impact:
      'O vacuum não remove nenhuma versão de linha alterada desde então: tabelas e índices incham, e o wraparound se aproxima.',
    runbook:
      '`pgha status` mostra qual é: processo, usuário, aplicação, comando SQL. Encerre-a com `select pg_terminate_backend(PID)`; uma preparada, com `rollback prepared`.',
  },
  CommitsStalled: {
    meaning:
      'O heartbeat, que faz um commit a cada poucos segundos, está parado no primário: espera por um disco ou por um standby síncrono.',
    impact: 'As escritas ficam travadas.',
    runbook:
      '`pgha status` mostra se um disco está cheio (DiskSpaceCritical), se uma porta do primário está inacessível (PortUnreachable) ou se não há standby síncrono (NoSynchronousStandby). Caso contrário, o disco de dados travou: `pgha switchover`, e se ele também travar, force a parada da instância: um standby síncrono é promovido.',
  },
  MultixactIdWraparound: {
    meaning: 'O vacuum não avança o `relminmxid`. O autovacuum congela a partir de 400 milhões.',
    impact: 'Com cerca de 2 bilhões o servidor recusa novos locks de linha.',
    runbook:
      '`pgha status` mostra o que retém o vacuum: uma transação longa ou preparada, ou um slot de replicação inativo. Encerre-o e execute `vacuum (freeze)` nas tabelas com o maior `mxid_age(relminmxid)`.',
  },
  PreparedTransactionOld: {
    meaning: 'Um commit em duas fases (`prepare transaction`) não foi confirmado nem desfeito.',
    impact: 'Ele mantém os seus locks e o seu snapshot, mesmo depois de restarts e failovers.',
    runbook:
      "`select gid, owner, prepared from pg_prepared_xacts`, depois `commit prepared 'GID'` ou `rollback prepared 'GID'`.",
  },
  IdleInTransaction: {
    meaning: 'Um cliente abriu uma transação e não faz nada nela.',
    impact: 'Ela mantém os seus locks e retém o vacuum.',
    runbook:
      "`select pid, usename, application_name, state_change, query from pg_stat_activity where state like 'idle in transaction%'`, depois `select pg_terminate_backend(PID)`. Para evitar que se repita, defina `idle_in_transaction_session_timeout` para a role.",
  },
};

const replication: Translations = {
  ReplicaNotStreaming: {
    meaning: 'A réplica não tem conexão de replicação por streaming.',
    impact: 'Ela se atrasa e, enquanto isso, não é um standby síncrono.',
    runbook:
      '`journalctl -u patroni` na réplica. Enquanto restaura WAL do arquivo ela alcança o primário sozinha, e o Patroni faz o rewind de uma que divergiu; se nenhum dos dois resolver, `pgha nodes reinit` a recria.',
  },
  ReplicationLagHigh: {
    meaning: 'A diferença entre o LSN do primário e o que esta réplica já aplicou.',
    impact: 'As leituras dela ficam desatualizadas, e um failover para ela demora mais.',
    runbook:
      'Depois de uma carga em massa ela alcança o primário sozinha. Caso contrário, `pgha status` aponta uma consulta que atrasa o replay; DiskIoPressure ou CpuStealHigh apontam para o nó.',
  },
  NoSynchronousStandby: {
    meaning: 'Nenhum membro da região primária está em `synchronous_standby_names` e em streaming.',
    impact:
      'Com durability "available" as escritas continuam em um único nó, sem proteção; com "zero-loss" elas ficam bloqueadas.',
    runbook:
      '`pgha status` mostra o membro que falta: ligue-o ou substitua-o. Se DurabilitySettingOverridden também disparou, remova antes aquele valor.',
  },
  DrNoStandbyLeader: {
    meaning: 'Nenhum membro da região de DR replica da região primária.',
    impact: 'Se a região primária falhar agora, os dados terão de ser restaurados a partir dos backups.',
    runbook: '`pgha dr status`, e `journalctl -u patroni` no nó que ele apontar.',
  },
  DrReplicationStopped: {
    meaning: 'O standby leader não tem conexão de replicação por streaming.',
    impact: 'Ele continua a partir do arquivo de WAL, com cerca de 30 s de atraso.',
    runbook: '`pgha dr status`. Verifique o peering de VPC e o slot de replicação "dr" no primário.',
  },
  DrReplicationLagHigh: {
    meaning: 'A idade do último commit que o standby leader aplicou. O objetivo (RPO) é de 5 minutos.',
    impact: 'Se a região primária falhar agora, essa é a perda.',
    runbook: '`pgha dr status` mostra o motivo; veja DrReplicationStopped e WalNotArchived.',
  },
  InactiveSlotHoldsXmin: {
    meaning: 'Um slot de replicação sem standby conectado ainda retém o horizonte xmin (`hot_standby_feedback`).',
    impact: 'O vacuum não remove nenhuma versão de linha alterada desde então, e o pg_wal cresce.',
    runbook:
      'Ligue o standby que usa este slot (`pgha status` mostra qual). Se isso for demorar, `select pg_drop_replication_slot(…)` no primário: o Patroni recria o slot sem o xmin, e o standby alcança o primário a partir do arquivo de WAL.',
  },
  SlotInvalidated: {
    meaning: 'O slot teria retido mais WAL que `max_slot_wal_keep_size`, e o PostgreSQL o invalidou.',
    impact: 'O standby deste slot não pode mais fazer streaming; só pode avançar a partir do arquivo de WAL.',
    runbook:
      '`pgha dr rejoin` (slot da região standby, com `--rebuild` se ela não voltar ao streaming) ou `pgha nodes reinit` (slot de um membro) o recria.',
  },
  ReplayPaused: {
    meaning: '`pg_is_wal_replay_paused()` é verdadeiro nesta réplica.',
    impact: 'As leituras dela ficam desatualizadas. Se for promovida, terá de aplicar primeiro o que está pendente.',
    runbook:
      '`select pg_wal_replay_resume()` na réplica. O próprio PostgreSQL pausa quando uma configuração é menor que a do primário: `journalctl -u patroni` mostra qual.',
  },
  DrStartupBlocked: {
    meaning:
      'Antes de iniciar o PostgreSQL, o nó verifica que nenhuma outra região está ativa (epoch da região, um fencing token). A verificação falhou ou não pôde ser feita.',
    impact:
      'O PostgreSQL não está rodando neste nó. Na região ativa, as escritas estão indisponíveis; na região standby, não há cópia de DR que replique.',
    runbook: '`pgha dr status` mostra o motivo, e se `pgha dr rejoin` ou `pgha dr confirm` o resolve.',
  },
  DrPeerEpochUnknown: {
    meaning: 'Este nó não consegue ler o epoch da região no etcd da região par.',
    impact:
      'Nenhum enquanto o PostgreSQL estiver rodando. Uma região que for ligada do zero neste estado fica bloqueada.',
    runbook:
      '`pgha dr status` mostra qual região está inacessível. Verifique o peering de VPC e a porta 2379 dos nós de etcd de lá.',
  },
};

const connections: Translations = {
  HAProxyDown: {
    meaning: 'O Prometheus não obtém métricas do HAProxy deste nó.',
    impact: 'O load balancer não envia conexões de 5432 e 5433 a este nó; os outros nós as atendem.',
    runbook: 'No nó: `journalctl -u haproxy -n 50` mostra por que ele parou; `systemctl restart haproxy` o inicia.',
  },
  HAProxyNoPrimaryBackend: {
    meaning:
      'O health check do HAProxy (porta 8008, `/primary`) falha para todos os membros, embora o Patroni informe um primário.',
    impact: 'As conexões a 5432 por este nó falham.',
    runbook:
      'A porta 8008 do primário está inacessível a partir deste nó, ou o seu certificado não é confiável: `journalctl -u haproxy -n 50` mostra qual dos dois.',
  },
  PgBouncerDown: {
    meaning: 'O exporter não consegue consultar o console administrativo do PgBouncer neste nó.',
    impact: 'O load balancer não envia conexões de 6432 a este nó; os outros nós as atendem.',
    runbook: 'No nó: `journalctl -u pgbouncer -n 50` mostra por que ele parou; `systemctl restart pgbouncer` o inicia.',
  },
  PgBouncerClientsWaiting: {
    meaning: 'A maior espera de um cliente por uma conexão de servidor (`maxwait` de `SHOW POOLS`).',
    impact: 'Comandos SQL por 6432 se atrasam, e falham depois de `query_wait_timeout`.',
    runbook:
      'Durante um failover os clientes esperam, como previsto: `pgha status` mostra se há um. Caso contrário, todas as conexões de servidor estão em uso: LongTransaction, ou um pool pequeno demais.',
  },
  PgBouncerPaused: {
    meaning: 'O PgBouncer fica pausado enquanto não há primário; aqui ele não foi retomado depois.',
    impact: 'Clientes de 6432 neste nó esperam até que ele seja retomado.',
    runbook:
      'O pgha-guard deveria tê-lo retomado: `journalctl -u pgha-guard -n 50`, depois `systemctl restart pgha-guard`. `RESUME` no console administrativo do PgBouncer o retoma manualmente.',
  },
  MaxConnectionsNearLimit: {
    meaning: 'Conexões em uso, em relação a `max_connections` sem os slots reservados.',
    impact: 'Com 100 % o PostgreSQL recusa todo login comum: "remaining connection slots are reserved".',
    runbook:
      'Liste-as: `select usename, application_name, client_addr, state, count(*) from pg_stat_activity group by 1, 2, 3, 4`. Os pools cabem por si: os clientes que excedem o limite se conectam diretamente a 5432 ou 5433 e deveriam passar pelo PgBouncer (6432).',
  },
  PoolsExceedMaxConnections: {
    meaning:
      'Os pools de todos os PgBouncers e dos dois serviços, quando estão cheios, precisam de mais conexões do que o PostgreSQL oferece a logins comuns.',
    impact:
      'Nenhum por enquanto. Com carga máxima, clientes seriam recusados: "remaining connection slots are reserved".',
    runbook:
      '`pgha apply` dimensiona os pools; depois de uma troca do tipo de instância, `pgha nodes restart` faz valer o max_connections.',
  },
  PortUnreachable: {
    meaning:
      'O PostgreSQL roda nele, mas outros membros não conseguem se conectar: um security group, um firewall ou um processo travado. 5432 é o PostgreSQL, 8008 é a API REST do Patroni.',
    impact:
      'Sem 5432 não há replicação e nenhum cliente se conecta. Sem 8008 todo HAProxy descarta o membro, embora ele funcione, e não há failover automático.',
    runbook:
      'Verifique o security group e `nft list ruleset` do nó. Se for o primário e não houver como corrigir: `pgha switchover`.',
  },
};

const etcd: Translations = {
  EtcdMemberDown: {
    meaning: 'O Prometheus não obtém métricas deste membro do etcd.',
    impact: 'Nenhum por enquanto. Se mais um membro falhar, o etcd perde o quórum e o failover automático para.',
    runbook:
      'No nó: `journalctl -u etcd -n 50`. Corrija hoje; um nó que não volta é substituído com `pgha nodes replace`.',
  },
  EtcdQuorumLost: {
    meaning: 'Metade dos membros do etcd ou mais não responde.',
    impact:
      'Nenhum membro pode ser promovido. O primário só continua aceitando escritas enquanto todos os membros lhe respondem (modo failsafe do Patroni).',
    runbook:
      'Ligue os nós de etcd que estão fora do ar (`pgha status` mostra quais). Até lá, não pare, reinicie nem recrie nenhum nó de banco.',
  },
  EtcdNoLeader: {
    meaning: 'Este membro está isolado dos outros por uma partição de rede, ou não há quórum.',
    impact: 'O Patroni não pode usar este membro. Sem líder em lugar nenhum, o failover automático não é possível.',
    runbook: 'Verifique a porta 2380 entre os nós de etcd e, no nó, `journalctl -u etcd -n 50`.',
  },
  EtcdLeaderChangesHigh: {
    meaning: 'Eleições de líder no etcd que nenhum operador pediu.',
    impact: 'Cada eleição atrasa o lease do Patroni; várias seguidas podem causar um failover desnecessário.',
    runbook: 'Discos lentos ou CPU steal: veja EtcdFsyncSlow e CpuStealHigh, e `journalctl -u etcd` nos nós.',
  },
  EtcdFsyncSlow: {
    meaning:
      'O etcd só confirma uma escrita depois do fsync; o volume é lento demais, ou a instância está sem créditos.',
    impact: 'Os leases são renovados com atraso, o que pode causar um failover desnecessário.',
    runbook:
      '`cat /proc/pressure/io` no nó, e as métricas do volume e o CPUCreditBalance da instância no CloudWatch. Para um tipo de instância maior, altere `instanceTypes` na configuração e execute `pgha nodes replace`.',
  },
  EtcdAlarm: {
    meaning: 'NOSPACE: o banco do etcd atingiu a sua cota. CORRUPT: os membros têm dados diferentes.',
    impact: 'O etcd recusa escritas, inclusive a renovação da chave do líder.',
    runbook:
      'NOSPACE: `pgha-etcdctl defrag --cluster`, depois `pgha-etcdctl alarm disarm`. CORRUPT: `pgha-etcdctl endpoint status --cluster` mostra o membro que difere; substitua-o com `pgha nodes replace` e desative o alarme.',
  },
  EtcdDatabaseQuotaNear: {
    meaning: 'O tamanho do arquivo do banco, em relação a `--quota-backend-bytes`.',
    impact: 'Nenhum por enquanto. Ao atingir a cota o etcd recusa escritas, inclusive a renovação da chave do líder.',
    runbook: '`pgha-etcdctl defrag --cluster` em um nó de etcd.',
  },
};

const backups: Translations = {
  WalNotArchived: {
    meaning: 'O arquivamento de WAL parou ou se atrasou: um segmento é fechado a cada 30 s.',
    impact:
      'A recuperação para um ponto no tempo termina no último segmento arquivado, e o pg_wal cresce até que o WAL seja arquivado em todos os repositórios.',
    runbook:
      '`pgha archive status` mostra o repositório que falha; `journalctl -u patroni | grep archive`, o motivo. Se um repositório ficar indisponível por muito tempo, desanexe-o antes que o disco encha (DiskSpaceLow): `pgha archive detach`.',
  },
  WalArchiveLagHigh: {
    meaning:
      'O WAL é arquivado mais devagar do que é gravado: o S3 está lento ou limita as requisições, ou o nó está sobrecarregado.',
    impact:
      'Uma recuperação para um ponto no tempo não chega além desse instante, e o WAL se acumula no volume de dados do primário.',
    runbook:
      '`pgha status` mostra o último WAL arquivado em cada repositório; `pgha archive detach` para de arquivar no que está atrasado.',
  },
  ArchiveCommandFailing: {
    meaning:
      '`pg_stat_archiver.failed_count` cresce: o pgBackRest não conseguiu arquivar um segmento de WAL em todos os repositórios.',
    impact: 'O mesmo de WalNotArchived, que dispara em seguida se isto durar.',
    runbook:
      '`journalctl -u patroni | grep archive` no primário traz o motivo dado pelo pgBackRest: um repositório indisponível, credenciais recusadas, ou o arquivo de outro cluster.',
  },
  FullBackupOverdue: {
    meaning: 'Um backup completo é agendado uma vez por semana.',
    impact: 'Restaurações demoram mais, e backups antigos não expiram.',
    runbook:
      '`journalctl -u "pgha-backup@full"` e `systemctl list-timers "pgha-backup*"` no primário; `pgha backup create --type full` faz um agora.',
  },
  BackupOverdue: {
    meaning: 'Faltam dois backups incrementais agendados seguidos.',
    impact: 'Uma restauração tem de aplicar mais WAL e demora mais.',
    runbook: '`journalctl -u "pgha-backup@incr"` no primário; `pgha backup create` faz um agora.',
  },
  RestoreTestFailed: {
    meaning: 'A restauração semanal de um backup não iniciou, ou os seus dados diferem dos do primário.',
    impact: 'Talvez os backups deste repositório não possam ser restaurados.',
    runbook: '`pgha backup verify --restore --repo {{ $labels.repository }}` repete o teste e mostra a diferença.',
  },
  RestoreTestOverdue: {
    meaning: 'Um teste de restauração é agendado uma vez por semana.',
    impact: 'Não há verificação recente de que os backups podem ser restaurados.',
    runbook: '`pgha backup verify --restore` executa um agora, ou mostra por que não é possível.',
  },
  BackupRepositoryUnreachable: {
    meaning:
      'O pgBackRest informa um erro deste repositório: o bucket, as permissões ou a chave de criptografia dos backups.',
    impact:
      'Nenhum backup pode ser feito nele nem restaurado dele. O WAL fica no primário até ser arquivado em todos os repositórios.',
    runbook:
      '`pgbackrest info --repo={{ $labels.repo_key }}` em um nó de banco mostra o motivo. Se a região dele caiu: `pgha archive detach`.',
  },
  BackupObjectsDeleted: {
    meaning:
      'O bucket tem delete markers em arquivos de backups que o pgBackRest lista, ou em WAL de que eles precisam.',
    impact:
      'Os backups afetados não podem ser restaurados até que as versões anteriores dos objetos sejam recuperadas.',
    runbook:
      '`pgha status` lista os backups e o primeiro objeto. Descubra antes de tudo com quais credenciais eles foram apagados; depois recupere as versões anteriores.',
  },
  BackupObjectsUnchecked: {
    meaning: 'A verificação horária de objetos de backup apagados não foi concluída em nenhum nó de API.',
    impact: 'BackupObjectsDeleted não pode disparar para este repositório.',
    runbook:
      '`journalctl -u pgha-deleted-backups` no nó de API mostra o motivo: o bucket, s3:ListBucketVersions ou o pgBackRest.',
  },
  BackupMetricsMissing: {
    meaning: 'Nenhum nó de banco informa o estado dos backups ao Prometheus.',
    impact: 'FullBackupOverdue, BackupOverdue e BackupRepositoryUnreachable não podem disparar.',
    runbook:
      '`journalctl -u prometheus-pgbackrest-exporter` em um nó de banco; `pgha backup list` lê os backups sem ele.',
  },
};

const machines: Translations = {
  NodeDown: {
    meaning:
      'O Prometheus não obtém métricas de nenhum serviço deste nó. Enquanto isso, os outros alertas do nó são suprimidos.',
    impact: 'Os serviços dele estão fora do ar. Se for o primário, o Patroni faz o failover automaticamente.',
    runbook:
      '`pgha status` mostra se mais alguma coisa foi afetada. Ligue a instância, ou leia o log de sistema dela no console do EC2; um nó que não volta é substituído com `pgha nodes replace`.',
  },
  DiskSpaceLow: {
    meaning: 'Um sistema de arquivos do nó está enchendo.',
    impact: 'Nenhum por enquanto. Quando o volume de dados do primário enche, o PostgreSQL para.',
    runbook:
      'Em um nó de banco verifique primeiro o pg_wal: um repositório de backup indisponível (`pgha archive status`) ou um slot de replicação inativo (`pgha status`) retém WAL. Caso contrário, aumente o volume: aumente `volumes.dataGib`, execute `pgha deploy` e depois `resize2fs /dev/sdf` no nó.',
  },
  DiskSpaceCritical: {
    meaning: 'Um sistema de arquivos do nó está quase cheio.',
    impact: 'Quando o volume de dados do primário enche, o PostgreSQL para.',
    runbook:
      'Aumente o volume agora, sem restart: aumente `volumes.dataGib`, execute `pgha deploy` e depois `resize2fs /dev/sdf` no nó. Ou desanexe o repositório de backup que está indisponível: `pgha archive detach`. Nunca apague arquivos em pg_wal.',
  },
  PrimaryDiskFull: {
    meaning:
      'O volume de dados do primário está quase cheio, e nenhuma réplica com espaço em disco livre suficiente pôde ser promovida no lugar dele.',
    impact: 'Quando o volume enche, as escritas falham com SQLSTATE 53100.',
    runbook:
      '`pgha status` mostra por que nenhum outro membro foi promovido. Aumente o volume de dados: aumente `volumes.dataGib`, faça o deploy e execute `resize2fs` em cada nó.',
  },
  MemoryLow: {
    meaning: '`MemAvailable` do nó, em relação à memória total.',
    impact: 'O nó usa swap e fica lento; depois o kernel mata um processo (OomKill).',
    runbook:
      '`systemd-cgtop -m` no nó mostra qual serviço a usa. Para um tipo de instância maior, altere `instanceTypes` na configuração e execute `pgha nodes replace`.',
  },
  OomKill: {
    meaning: 'O OOM killer encerrou um processo nos últimos 10 minutos.',
    impact: 'O systemd reinicia o serviço dele; se era o PostgreSQL, todas as conexões do nó foram fechadas.',
    runbook: '`journalctl -k | grep -i oom` no nó mostra o processo.',
  },
  CpuStealHigh: {
    meaning: 'O hipervisor retém tempo de CPU: uma instância burstable sem créditos, ou um host ocupado.',
    impact: 'Tudo no nó fica lento; o etcd e o Patroni podem perder os seus prazos.',
    runbook:
      'Verifique o CPUCreditBalance da instância no CloudWatch. Para um tipo de instância maior, altere `instanceTypes` na configuração e execute `pgha nodes replace`.',
  },
  DiskIoPressure: {
    meaning:
      'Todos os processos do nó esperam por E/S durante essa proporção do tempo (pressure stall information, `io full`).',
    impact: 'Consultas e commits ficam lentos.',
    runbook:
      '`cat /proc/pressure/io` no nó mostra se ele ainda trava. Os IOPS ou o throughput do volume se esgotaram se as métricas dele no CloudWatch estão no limite.',
  },
  ClockSkew: {
    meaning: 'O desvio que o kernel informa para o relógio disciplinado.',
    impact:
      'Os leases não dependem de relógios, mas a recuperação para um ponto no tempo e os horários dos logs dependem.',
    runbook: '`chronyc sources` no nó; `systemctl restart chrony` se ele não listar nenhuma fonte.',
  },
  SystemdUnitFailed: {
    meaning: 'O systemd desistiu desta unit, ou a última execução dela terminou com erro.',
    impact: 'O que a unit faz não está sendo feito neste nó.',
    runbook: '`systemctl status` e `journalctl -u` dessa unit no nó.',
  },
  CertificateExpiring: {
    meaning: 'Um certificado TLS do nó está perto da data de expiração.',
    impact: 'Nenhum por enquanto. As conexões são recusadas depois que ele expira.',
    runbook: '`pgha certs renew`.',
  },
  CertificateExpiringCritical: {
    meaning: 'Um certificado TLS do nó expira em menos de uma semana.',
    impact: 'As conexões são recusadas depois que ele expira: clientes, replicação, etcd e Patroni.',
    runbook: '`pgha certs renew` agora.',
  },
};

const monitoring: Translations = {
  ExporterDown: {
    meaning: 'O nó está no ar, mas o Prometheus não obtém métricas deste exporter.',
    impact: 'Os alertas que usam as métricas dele não podem disparar para este nó.',
    runbook: '`systemctl status "prometheus-*"` no nó.',
  },
  PostgresExporterLoginFailed: {
    meaning:
      'O PostgreSQL está rodando, mas a role "monitoring" não consegue se conectar: falta o login ou faltam permissões.',
    impact: 'Os alertas que usam as métricas do PostgreSQL não podem disparar para este nó.',
    runbook: '`journalctl -u prometheus-postgres-exporter` no nó mostra o erro do PostgreSQL.',
  },
  NotificationsFailing: {
    meaning: 'A publicação no tópico de alertas falha.',
    impact: 'Ninguém é notificado de nenhum alerta.',
    runbook:
      '`journalctl -u prometheus-alertmanager` no nó de monitoramento; a role dele precisa de sns:Publish no tópico de alertas.',
  },
  RuleEvaluationFailing: {
    meaning: 'Uma regra falha, em geral porque uma consulta retornou duas séries onde se esperava uma.',
    impact: 'Os alertas deste grupo talvez não disparem.',
    runbook: '`journalctl -u prometheus` no nó de monitoramento mostra a regra.',
  },
};

/** The Portuguese texts of every alert, by group, as in docs/pt-BR/runbooks/alerts.md. */
export const alertTexts: Readonly<Record<Signal['group'], Translations>> = {
  service,
  database,
  replication,
  connections,
  etcd,
  backups,
  machines,
  monitoring,
};
