const done = 'O que foi feito.';
const result = 'O resultado.';
const secrets = 'Os segredos alterados, e notas para o operador.';
const apiServers = 'O que cada servidor da API executa, depois.';
const lab = 'O laboratório.';
const repository = 'O repositório.';

/** What docs/pt-BR/reference/json.md says of each command's answer; the fields and what they mean stay as in English. */
export const portugueseAnswers: Readonly<Record<string, string>> = {
  status:
    'Com `--watch`, um objeto por linha; `router` (HAProxy), `pooler` (PgBouncer) e `restoreTest` são null quando desconhecidos.',
  'operations list': '`atWork` e `cutOff` são null quando não há nada.',
  'operations forget': 'A operação descartada; null quando não havia nenhuma interrompida.',
  switchover: 'O antigo e o novo primário.',
  failover: 'O que cada membro tem, antes que algo seja feito.',
  'nodes list': 'Todas as máquinas da configuração.',
  'nodes restart': done,
  'nodes reinit': done,
  'nodes replace': done,
  'nodes add': done,
  'nodes remove': done,
  apply:
    'As máquinas que diferem, antes de serem alteradas. Um elemento sem máquina trata do que os membros de uma região têm em comum.',
  'upgrade minor': 'As máquinas que têm versões mais antigas, antes que algo seja feito.',
  'backup create': 'O que foi feito.',
  'backup list': 'Todos os repositórios.',
  'backup verify': 'O que a leitura dos repositórios mostrou e, com `--restore`, o que a restauração mostrou.',
  restore: 'Em um servidor temporário, um elemento de `scratches` de `pgha restore list`. No próprio cluster:',
  'restore list':
    'Servidores temporários, e os diretórios de dados mantidos por restaurações no próprio cluster e pela volta de uma antiga região ativa.',
  'restore copy': 'O que foi copiado.',
  'restore drop': 'O que foi removido.',
  'archive status': 'Todos os repositórios.',
  'archive detach': repository,
  'archive attach': repository,
  'dr status': 'As duas regiões.',
  'dr failover': result,
  'dr switchover': result,
  'dr failback': 'O resultado; `rejoin` é null quando uma execução anterior já o havia feito.',
  'dr rejoin': result,
  'dr drill': 'O que foi comprovado.',
  'dr confirm': 'Os membros que receberam a confirmação.',
  'secrets init': 'Nomes; com `--dry-run`, os que seriam criados.',
  'secrets list': 'Todos os segredos, sem os valores.',
  'secrets show': 'Um valor.',
  'secrets rotate': secrets,
  'secrets retire': secrets,
  'secrets mirror': secrets,
  'certs list': 'Todos os certificados, em todos os lugares em que estão.',
  'certs renew': 'As máquinas cujos certificados foram renovados.',
  'api deploy': apiServers,
  'api rollback': apiServers,
  'api status': apiServers,
  migrate: 'As migrações que estavam pendentes, em ordem.',
  load: 'O que foi confirmado, comparado com o que cada membro tem.',
  doctor: 'Tudo o que foi verificado.',
  cost: 'Um mês, em USD.',
  plan: 'O que o Terraform faria.',
  deploy: 'Onde está cada coisa.',
  'lab up': lab,
  'lab status': lab,
  'lab reset': lab,
  'lab measure': 'Todas as execuções de cada falha.',
};
