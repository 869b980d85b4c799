import { readFields, takesReason, type Field } from '../rules/fields';
import { getText } from './client';

/** What jobs are like at this node. */
export interface JobForm {
  fields: Field[];
  takesReason: boolean;
}

let read: Promise<JobForm> | undefined;

/** Asked for once; a node is not upgraded under an open page without its stopping. */
export function jobForm(): Promise<JobForm> {
  read ??= getText('openapi.json').then(
    (text) => {
      const { schemas } = JSON.parse(text).components;
      return { fields: readFields(schemas), takesReason: takesReason(schemas) };
    },
    (error) => {
      read = undefined;
      throw error;
    },
  );
  return read;
}
