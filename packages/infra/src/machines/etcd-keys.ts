/** The key prefix that Patroni's user may use, and no other. */
export const patroniPrefix = '/service/';

/** The key that one operation at a time holds, in the acting region's etcd; Patroni's user may read it. */
export const operationLockKey = '/pgha/operation';
