import { readFields, takesReason, takesRehearsals, type Field } from '../rules/fields';
import { getText } from './client';

/** What jobs are like at this node, and what it can be asked for. */
export interface JobForm {
  fields: Field[];
  takesReason: boolean;
  takesRehearsals: boolean;
  knows: (path: string) => boolean; // whether the node has the call
}

let read: Promise<JobForm> | undefined;

/** Asked for once; a node is not upgraded under an open page without its stopping. */
export function jobForm(): Promise<JobForm> {
  read ??= getText('openapi.json').then(
    (text) => {
      const { components, paths } = JSON.parse(text);
      const { schemas } = components;
      return {
        fields: readFields(schemas),
        takesReason: takesReason(schemas),
        takesRehearsals: takesRehearsals(schemas),
        knows: (path: string) => path in paths,
      };
    },
    (error) => {
      read = undefined;
      throw error;
    },
  );
  return read;
}
