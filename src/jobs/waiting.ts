/**
 * The jobs that wait for a place, in the order in which they get one: higher priorities first; among equals owners in turn, the one
 * who has waited longest first, and each one's oldest job first.
 */
import type { Entry } from './entry.js'
import { PRIORITIES, type Priority } from './record.js'
import { waitsForWorker } from './states.js'

export class WaitingJobs {
  private readonly classes = new Map<Priority, FairOrder>(PRIORITIES.map((priority) => [priority, new FairOrder()]))

  get size(): number {
    return [...this.classes.values()].reduce((sum, { size }) => sum + size, 0)
  }

  /** Takes a job in or out, as its state asks. */
  update(entry: Entry): void {
    this.classOf(entry).update(entry)
  }

  /** Whose turn it is; it stays until `update` takes it out. */
  next(): Entry | undefined {
    for (const one of this.classes.values()) if (one.size > 0) return one.next()
    return undefined
  }

  /** This job was started: its owner has had a turn. */
  serve(entry: Entry): void {
    this.classOf(entry).serve(entry.record.owner)
  }

  /** How many are before it; undefined for one that does not wait. */
  position(entry: Entry): number | undefined {
    const own = this.classOf(entry)
    const position = own.position(entry)
    if (position === undefined) return undefined
    let before = 0
    for (const one of this.classes.values()) {
      if (one === own) break
      before += one.size
    }
    return before + position
  }

  private classOf({ record }: Entry): FairOrder {
    return this.classes.get(record.priority ?? 'normal')!
  }
}

/** Jobs of one priority. */
class FairOrder {
  private readonly byOwner = new Map<string, Line>()
  /** When each owner last had a job started. */
  private readonly served = new Map<string, number>()
  private turns = 0
  private count = 0
  /** Owners as they take turns; made anew when somebody asks, after one has come, gone or been served. */
  private order: string[] | undefined

  get size(): number {
    return this.count
  }

  update(entry: Entry): void {
    const { owner, state } = entry.record
    const waits = waitsForWorker(state) && !entry.launched
    const line = this.byOwner.get(owner)
    if (waits === (line?.has(entry) ?? false)) return
    this.count += waits ? 1 : -1
    if (!waits) line!.remove(entry)
    else if (line) line.add(entry)
    else {
      this.byOwner.set(owner, new Line(entry))
      this.order = undefined
    }
    if (line?.size !== 0) return
    this.byOwner.delete(owner)
    this.order = undefined
  }

  next(): Entry | undefined {
    const [owner] = this.owners()
    return owner === undefined ? undefined : this.byOwner.get(owner)!.first
  }

  /** A job of this owner was started. */
  serve(owner: string): void {
    this.served.set(owner, ++this.turns)
    this.order = undefined
  }

  position(entry: Entry): number | undefined {
    const { owner } = entry.record
    const rank = this.byOwner.get(owner)?.rank(entry)
    if (rank === undefined) return undefined
    let before = 0
    let passed = false
    // In each round every owner gets one place: of the rounds before its own all of them count, of its own those before it.
    for (const other of this.owners()) {
      if (other === owner) passed = true
      before += Math.min(this.byOwner.get(other)!.size, passed ? rank : rank + 1)
    }
    return before
  }

  private owners(): string[] {
    this.order ??= [...this.byOwner.keys()].sort((a, b) => (this.served.get(a) ?? 0) - (this.served.get(b) ?? 0))
    return this.order
  }
}

/** The waiting jobs of one owner, by the time at which they joined. */
class Line {
  private entries: Entry[]
  /** Places in `entries`; made anew when somebody asks, after one has left. */
  private ranks = new Map<Entry, number>()
  private stale = false

  constructor(first: Entry) {
    this.entries = [first]
    this.ranks.set(first, 0)
  }

  get size(): number {
    return this.entries.length
  }

  get first(): Entry {
    return this.entries[0]
  }

  has(entry: Entry): boolean {
    return this.ranks.has(entry)
  }

  rank(entry: Entry): number | undefined {
    if (this.stale) this.ranks = new Map(this.entries.map((one, i) => [one, i]))
    this.stale = false
    return this.ranks.get(entry)
  }

  add(entry: Entry): void {
    const at = this.entries.findLastIndex(({ record }) => record.queued <= entry.record.queued) + 1
    this.stale ||= at < this.entries.length
    this.ranks.set(entry, at)
    this.entries.splice(at, 0, entry)
  }

  remove(entry: Entry): void {
    this.entries.splice(this.entries.indexOf(entry), 1)
    this.ranks.delete(entry)
    this.stale = true
  }
}
