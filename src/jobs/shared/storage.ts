/**
 * Where the bytes of jobs are: photos, checkpoints, previews and results, by keys `jobs/<id>/...`. A bucket of an S3-compatible
 * storage, or a folder that all machines share.
 */
export interface Storage {
  /** In words, for messages. */
  readonly place: string
  /** Writes something whole or not at all. @throws SiderError STORAGE_UNAVAILABLE, DISK_FULL, OUTPUT_UNWRITABLE */
  put(key: string, bytes: Uint8Array): Promise<void>
  /** All of it; undefined if there is nothing. @throws SiderError STORAGE_UNAVAILABLE */
  get(key: string): Promise<Uint8Array | undefined>
  /** A part of it. @throws SiderError STORAGE_UNAVAILABLE, ARTIFACT_GONE */
  read(key: string, start: number, end: number): Promise<Uint8Array>
  /** How many bytes it has; undefined if there is nothing. @throws SiderError STORAGE_UNAVAILABLE */
  size(key: string): Promise<number | undefined>
  /** Deletes one thing, or with a key that ends in '/' all below it. @throws SiderError as put */
  remove(key: string): Promise<void>
}

export const KEYS = {
  job: (id: string): string => `jobs/${id}/`,
  photo: (id: string): string => `jobs/${id}/photo`,
  checkpoint: (id: string): string => `jobs/${id}/checkpoint`,
  previews: (id: string): string => `jobs/${id}/previews/`,
  /** The newest of its name. */
  preview: (id: string, name: string): string => `jobs/${id}/previews/${name}`,
  /** By its content: whoever writes it, and how often, it is the same. */
  result: (id: string, sha256: string): string => `jobs/${id}/results/${sha256}`,
}

/** What a job that has ended needs no more. @throws SiderError as `remove` */
export async function removeEnded(storage: Storage, id: string): Promise<void> {
  for (const key of [KEYS.checkpoint(id), KEYS.previews(id)]) await storage.remove(key)
}
