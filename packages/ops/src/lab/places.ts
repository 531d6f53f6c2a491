import { join } from 'node:path';

/** Where a lab keeps what. Everything outside these folders is named by `prefix`, so that `down` finds it without any record. */
export interface Places {
  /** Machines' disks, the lab's CA, its record; gone after `down`. */
  root: string;
  /** Built images; kept by `down`, they take a minute to make. */
  cache: string;
}

/** Begins the name of every network namespace, interface and control group of a lab. */
export const prefix = 'pgha';

export const recordFile = (places: Places) => join(places.root, 'lab.json');
export const lockFile = (places: Places) => join(places.cache, 'lab.lock');
export const machinesFolder = (places: Places) => join(places.root, 'machines');
export const authorityFolder = (places: Places) => join(places.root, 'authority');
/** The cluster's own CA, for whoever connects from this machine. */
export const clusterCaFile = (places: Places) => join(places.root, 'cluster-ca.crt');
/** Built releases of the services; kept like the images. */
export const releasesFolder = (places: Places) => join(places.cache, 'releases');
export const loadBalancerFolder = (places: Places, region: string) => join(places.root, 'load-balancers', region);

/** One machine's folder: its changes over the image (`upper`), overlayfs' own (`work`), the joined root, its console. */
export function machinePlaces(places: Places, name: string) {
  const folder = join(machinesFolder(places), name);
  return {
    folder,
    upper: join(folder, 'upper'),
    work: join(folder, 'work'),
    root: join(folder, 'root'),
    /** The data volume of a database machine, where it has one of its own. */
    volume: join(folder, 'data-volume.img'),
    console: join(folder, 'console.log'),
  };
}
