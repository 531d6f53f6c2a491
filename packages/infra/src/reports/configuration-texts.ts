import type { ClusterInput, CompleteInput, RegionInput } from '../cluster/input.ts';

/** What a reader is told of a setting besides its default and its rules, which come from the code. */
export interface SettingTexts {
  about: string;
  /** The default in words, where it follows from other settings. */
  otherwise?: string;
}

/** The settings by section, `general` for those of none; the compiler asks for every one that `ClusterInput` has. */
export interface Settings {
  general: Omit<Required<ClusterInput>, 'primary' | 'dr' | 'instanceTypes' | 'volumes' | 'patroni' | 'backups'>;
  primary: RegionInput;
  dr: RegionInput;
  instanceTypes: CompleteInput['instanceTypes'];
  volumes: CompleteInput['volumes'];
  patroni: CompleteInput['patroni'];
  backups: CompleteInput['backups'];
}

/** One of something for each setting of a section. */
export type Section<Input, Each> = Readonly<Record<keyof Input, Each>>;

/** The texts of every setting in one language. */
export type Texts = { readonly [Name in keyof Settings]: Section<Settings[Name], SettingTexts> };
