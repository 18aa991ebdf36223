/** The accepted jobs in memory, found by id, by owner in the order in which they were made, and by idempotency key. */
import type { Entry } from './entry.js'

export class JobIndex {
  private readonly byId = new Map<string, Entry>()
  private readonly byOwner = new Map<string, Entry[]>()
  private readonly keys = new Map<string, Entry>()

  add(entry: Entry): void {
    const { id, owner, created, idempotencyKey } = entry.record
    this.byId.set(id, entry)
    const mine = this.byOwner.get(owner)
    if (mine) mine.splice(mine.findLastIndex(({ record }) => record.created <= created) + 1, 0, entry)
    else this.byOwner.set(owner, [entry])
    if (idempotencyKey !== undefined) this.keys.set(keyOf(owner, idempotencyKey), entry)
  }

  delete(entry: Entry): void {
    const { id, owner, idempotencyKey } = entry.record
    if (!this.byId.delete(id)) return
    const mine = this.byOwner.get(owner)!
    mine.splice(mine.lastIndexOf(entry), 1)
    if (mine.length === 0) this.byOwner.delete(owner)
    if (idempotencyKey !== undefined) this.keys.delete(keyOf(owner, idempotencyKey))
  }

  get(id: string): Entry | undefined {
    return this.byId.get(id)
  }

  byKey(owner: string, key: string): Entry | undefined {
    return this.keys.get(keyOf(owner, key))
  }

  all(): Iterable<Entry> {
    return this.byId.values()
  }

  /** An owner's jobs from the newest on, or from the one made before `before`. */
  *newestFirst(owner: string, before?: Entry): Generator<Entry> {
    const mine = this.byOwner.get(owner) ?? []
    const end = before ? mine.lastIndexOf(before) : mine.length
    for (let i = end - 1; i >= 0; i--) yield mine[i]
  }
}

/** What an owner's idempotency key is known by. */
export const keyOf = (owner: string, key: string): string => JSON.stringify([owner, key])
