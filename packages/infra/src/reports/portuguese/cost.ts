/**
 * What a bill says, by the English words: `#` stands for a number or a month, `@` for names of nodes or an instance type, in the same
 * order in both languages.
 */
const phrases: Readonly<Record<string, string>> = {
  '# nodes, @': '# nós, @',
  '# per hour each': '# por hora cada um',
  '@: # per hour each': '@: # por hora cada um',
  '# GiB of gp3 volumes': '# GiB de volumes gp3',
  '# GiB root and monitoring, # GiB data: # per GiB': '# GiB raiz e monitoramento, # GiB dados: # por GiB',
  'network load balancer': 'network load balancer',
  '# per hour': '# por hora',
  '# per hour; always present, because creating one takes minutes that a failover does not have':
    '# por hora; sempre presente, porque criá-lo leva minutos que um failover não tem',
  'load balancer capacity units': 'unidades de capacidade do load balancer',
  '# GiB, one unit each: #': '# GiB, uma unidade cada: #',
  '# public IPv4 addresses': '# endereços IPv4 públicos',
  '# public IPv4 address': '# endereço IPv4 público',
  'KMS keys': 'chaves do KMS',
  '# at # per month; # more for each after the first and after the second yearly rotation':
    '# a # por mês; mais # por chave depois da primeira e depois da segunda rotação anual',
  'private DNS zone': 'zona DNS privada',
  '# per month': '# por mês',
  '# CloudWatch alarms': '# alarmes do CloudWatch',
  '# each': '# cada',
  'backups in S3': 'backups no S3',
  '# weeks of backups, one of them expired and kept as noncurrent versions: # GiB full and at most # GiB of changes each, # days of WAL; # per GiB':
    '# semanas de backups, uma delas expirada e mantida como versões não atuais: # GiB do completo e no máximo # GiB de alterações em cada, # dias de WAL; # por GiB',
  'WAL segments written to S3': 'segmentos de WAL gravados no S3',
  '# per month: # per thousand': '# por mês: # por mil',
  'traffic between availability zones': 'tráfego entre zonas de disponibilidade',
  '# GiB: WAL streamed to # replica in whole segments, client traffic twice; # per GiB':
    '# GiB: streaming de WAL para # réplica em segmentos inteiros, o tráfego dos clientes duas vezes; # por GiB',
  'traffic to the DR region': 'tráfego para a região de DR',
  '# GiB: WAL streamed to the standby in whole segments, WAL, full, differential and incremental backups to repository #; # per GiB':
    '# GiB: streaming de WAL para o standby em segmentos inteiros; WAL, backups completos, diferenciais e incrementais para o repositório #; # por GiB',
  'repository # through the bastion': 'repositório # pelo bastion',
  '# GiB at most, from another availability zone: # per GiB':
    '# GiB no máximo, de outra zona de disponibilidade: # por GiB',
  'traffic to the Internet': 'tráfego para a Internet',
  '# GiB: # each': '# GiB: # cada',
  'of which fixed: #': 'dos quais fixos: #',
  "List prices of #, on demand, without taxes, free tiers and discounts; a one-year commitment saves about a third of the instances' price.":
    'Preços de tabela de #, sob demanda, sem impostos, níveis gratuitos e descontos; um compromisso de um ano economiza cerca de um terço do preço das instâncias.',
  'Assumed: # GiB of data, # GiB of WAL per day, # GiB per month through the load balancer, # GiB per month to the Internet. Backups are counted uncompressed.':
    'Premissas: # GiB de dados, # GiB de WAL por dia, # GiB por mês pelo load balancer, # GiB por mês para a Internet. Os backups são contados sem compressão.',
  'Not counted: constant traffic between nodes in different availability zones (health checks, heartbeats, scrapes), and requests to KMS and S3 other than for WAL. Together a few dollars.':
    'Não contados: o tráfego constante entre nós em zonas de disponibilidade diferentes (health checks, heartbeats, coletas de métricas), e as requisições ao KMS e ao S3 que não sejam de WAL. Juntos, poucos dólares.',
  'T3 instances have unlimited CPU credits: a daily average above the baseline costs # per vCPU and hour, at most # per month if all # vCPUs were busy all the time; below the baseline it costs nothing.':
    'Instâncias T3 têm créditos de CPU ilimitados: uma média diária acima da linha de base custa # por vCPU e hora, no máximo # por mês se todas as # vCPUs estivessem ocupadas o tempo todo; abaixo da linha de base não custa nada.',
  'nodes of @ and their load balancer': 'nós de @ e o load balancer deles',
  'disks: a root volume per node, a data volume per database node':
    'discos: um volume raiz por nó, um volume de dados por nó de banco',
  'public IPv4 addresses, billed since February # whether used or not':
    'endereços IPv4 públicos, cobrados desde fevereiro de #, usados ou não',
  'KMS keys, private DNS zone, CloudWatch alarms, and optional services':
    'chaves do KMS, zona DNS privada, alarmes do CloudWatch e serviços opcionais',
  'backups and WAL in S3': 'backups e WAL no S3',
  'traffic between availability zones, to the DR region and to the Internet':
    'tráfego entre zonas de disponibilidade, para a região de DR e para a Internet',
  '@, everything: nodes, load balancer, disks, repository #': '@, tudo: nós, load balancer, discos, repositório #',
};

const name = String.raw`(?:[a-z]+-)+\d+`;
const variable = new RegExp(
  String.raw`(?<names>${name}(?:, ${name})*|\b[a-z]+\d\w*\.\w+)|(?<number>(?<![\w.-])\d+(?:-\d+|\.\d+)?(?![\w-]))`,
  'g',
);

/**
 * The words of a bill in Portuguese, with the numbers and names that they have.
 *
 * @throws Error for words that have no translation.
 */
export function billInPortuguese(text: string): string {
  const values: string[] = [];
  const phrase = text.replaceAll(variable, (value, ...rest) => {
    const { names } = rest.at(-1) as { names?: string };
    values.push(names ?? value.replace('.', ','));
    return names === undefined ? '#' : '@';
  });
  const translated = phrases[phrase];
  if (translated === undefined) throw new Error(`portuguese/cost.ts lacks: ${phrase}`);
  return translated.replaceAll(/[#@]/g, () => values.shift() ?? '');
}
