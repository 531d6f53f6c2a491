/** What each IAM policy is for, by its name without project and environment. */
export const policyPurposes: Readonly<Record<string, string>> = {
  'deploy-network': 'redes e máquinas',
  'deploy-data': 'estado, buckets, chaves, volumes',
  'deploy-services': 'load balancers, nomes, alertas, logs',
  'deploy-access': 'roles, segredos, comandos',
  boundary: 'o permissions boundary dos nós: nunca anexada manualmente',
  plan: 'planos de pull requests, além da ReadOnlyAccess da AWS',
};
